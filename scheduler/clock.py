"""Time is injected: nothing in this package reads the machine's clock but `SystemClock`."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

# China has one zone and no daylight saving since 1991; a fixed offset needs no zone database on the machine.
LOCAL = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, aware, UTC. May jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def local_day(at: datetime) -> date:
    """The calendar day in Shanghai to which an instant belongs."""
    return at.astimezone(LOCAL).date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """[start, end) of a day in Shanghai, in UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=LOCAL).astimezone(UTC)
    return start, start + timedelta(days=1)


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Never negative: a clock that was set back must not show a negative wait."""
    return max(0.0, (later - earlier).total_seconds())
