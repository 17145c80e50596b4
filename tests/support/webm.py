"""Reads WebM back: every frame to the end, and where flashes and beeps are."""

import io
from dataclasses import dataclass

import av
import numpy as np


@dataclass(frozen=True)
class Decoded:
    """`times_s`: of every frame. `onsets_s`: where it turns bright or loud. `duration_s`: as declared. `samples`:
    sound.
    """

    duration_s: float
    times_s: list[float]
    onsets_s: list[float]
    sizes: set[tuple[int, int]]
    samples: int = 0


def decode_pictures(content: bytes) -> Decoded:
    times, onsets, sizes, bright = [], [], set(), True
    with av.open(io.BytesIO(content), "r") as container:
        for frame in container.decode(video=0):
            assert frame.time is not None and not frame.is_corrupt
            times.append(frame.time)
            sizes.add((frame.width, frame.height))
            light = float(frame.to_ndarray(format="gray").mean()) > 128
            if light and not bright:
                onsets.append(frame.time)
            bright = light
        return Decoded((container.duration or 0) / 1e6, times, onsets, sizes)


def decode_sound(content: bytes) -> Decoded:
    """Onsets are found in windows of 5 ms by energy, after at least 0.3 s of quiet."""
    times, onsets, loud_at, samples = [], [], 0.0, 0
    with av.open(io.BytesIO(content), "r") as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            times.append(frame.time)
            samples += frame.samples
            wave = frame.to_ndarray()[0].astype(np.float64)
            for start in range(0, len(wave) - 239, 240):
                if float(np.abs(wave[start : start + 240]).max()) > 0.05:
                    at = frame.time + start / 48_000
                    if at - loud_at > 0.3:
                        onsets.append(at)
                    loud_at = at
        return Decoded((container.duration or 0) / 1e6, times, onsets, set(), samples)
