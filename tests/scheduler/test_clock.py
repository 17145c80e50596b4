from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler.clock import SystemClock, day_bounds, local_day, seconds_between
from tests.support.clock import START, ManualClock


def test_the_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_a_day_in_shanghai_begins_at_sixteen_utc() -> None:
    start, stop = day_bounds(date(2026, 3, 2))
    assert start == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert stop - start == timedelta(days=1)
    assert local_day(start) == date(2026, 3, 2)
    assert local_day(start - timedelta(microseconds=1)) == date(2026, 3, 1)


def test_seconds_between_is_never_negative() -> None:
    assert seconds_between(START, START + timedelta(seconds=3)) == 3
    assert seconds_between(START, START - timedelta(seconds=3)) == 0


def test_a_manual_clock_moves_both_times_and_jumps_only_the_wall() -> None:
    clock = ManualClock()
    before = clock.monotonic()
    clock.advance(5)
    assert (clock.now() - START, clock.monotonic() - before) == (timedelta(seconds=5), 5)
    clock.set_wall(START - timedelta(hours=1))
    assert clock.monotonic() - before == 5
    with pytest.raises(ValueError, match="set_wall"):
        clock.advance(-1)
