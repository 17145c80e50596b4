"""Short WebM files for players: a colour with a moving bar, or a tone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000
FRAME = 960


def picture(path: Path, seconds: float, colour: tuple[int, int, int], fps: int = 15) -> Path:
    """VP8, 160×120; a yellow bar on top grows with time."""
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.options = {"deadline": "realtime", "cpu-used": "8", "g": str(fps)}
        total = int(seconds * fps)
        for number in range(total):
            pixels = np.full((120, 160, 3), colour, np.uint8)
            pixels[:10, : 160 * number // total] = (255, 200, 0)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tone(path: Path, seconds: float, hertz: float = 440.0) -> Path:
    """Opus, mono."""
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=RATE)
        stream.layout = "mono"
        for number in range(int(seconds * RATE / FRAME)):
            at = (np.arange(FRAME) + number * FRAME) / RATE
            samples = (0.2 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)[None, :]
            frame = av.AudioFrame.from_ndarray(samples, "flt", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, number * FRAME, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
