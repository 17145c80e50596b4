"""A clock that moves when a test says so."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # Monday, 10:00 in Shanghai


class ManualClock:
    """Wall and monotonic time move together with `advance`; `set_wall` jumps the wall clock alone, as a person or
    NTP would.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> datetime:
        if seconds < 0:
            raise ValueError("monotonic time never goes back: use set_wall")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        return self._now

    def set_wall(self, now: datetime) -> None:
        self._now = now
