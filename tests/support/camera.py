"""What Chromium's fake camera and microphone play: pictures and tones that can be told apart after VP8 and Opus.

The camera is four colour quadrants under a strip of eight cells that count frames in binary; the microphone is a sine.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS, FRAMES = 640, 360, 15, 60
STRIP = 40
RATE = 48_000
RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 30), (30, 30, 220), (220, 220, 30)
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Who somebody is on camera: colours top left, top right, bottom left, bottom right; and the tone in Hz."""

    colours: tuple[Colour, Colour, Colour, Colour]
    hertz: float


CLERK = Look((RED, GREEN, BLUE, YELLOW), 1000.0)
LAWYER = Look((YELLOW, BLUE, GREEN, RED), 700.0)


def picture(look: Look, number: int) -> NDArray[np.uint8]:
    """RGB, (360, 640, 3)."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, colour in enumerate(look.colours):
        top, left = (index // 2) * HEIGHT // 2, (index % 2) * WIDTH // 2
        pixels[top : top + HEIGHT // 2, left : left + WIDTH // 2] = colour
    cell = WIDTH // 8
    for bit in range(8):
        pixels[:STRIP, bit * cell : (bit + 1) * cell] = 255 if (number >> (7 - bit)) & 1 else 0
    return pixels


def write_camera(path: Path, look: Look) -> Path:
    """Motion JPEG, 4 s at 15 frames a second; Chromium plays it in a loop."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.options = {"qmin": "2", "qmax": "4"}
    with path.open("wb") as file:
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(look, number), "rgb24").reformat(format="yuvj420p")
            frame.pts = number
            for packet in context.encode(frame):
                file.write(bytes(packet))
        for packet in context.encode(None):
            file.write(bytes(packet))
    return path


def write_tone(path: Path, hertz: float) -> Path:
    """48 kHz, 16 bits, mono, 4 s (a whole number of periods, so that the loop does not click)."""
    samples = 0.25 * 32767 * np.sin(2 * np.pi * hertz * np.arange(RATE * 4) / RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def flags(directory: Path, look: Look) -> list[str]:
    """Chromium's flags for somebody who looks and sounds like `look`."""
    camera = write_camera(directory / f"{look.hertz:.0f}.mjpeg", look)
    tone = write_tone(directory / f"{look.hertz:.0f}.wav", look.hertz)
    return [f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={tone}"]
