"""Where media time comes from; injected everywhere, so that tests can drive it."""

import time
from typing import Protocol


class MediaClock(Protocol):
    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; may jump when the machine's clock is set."""


class SystemClock:
    """The machine's clocks. `monotonic` is the C function itself: it is read for every batch of packets."""

    monotonic = staticmethod(time.monotonic)

    def wall_us(self) -> int:
        return time.time_ns() // 1000
