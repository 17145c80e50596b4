import pytest

from scheduler.errors import Throttled
from signaling import throttle
from signaling.throttle import Throttle
from tests.support.clock import ManualClock


def test_a_burst_passes_and_then_one_in_three_seconds() -> None:
    clock = ManualClock()
    bucket = Throttle(clock, per_minute=20)
    for _ in range(20):
        bucket.attempt("a")
    with pytest.raises(Throttled) as caught:
        bucket.attempt("a")
    assert caught.value.retry_after_s == pytest.approx(3)
    clock.advance(3)
    bucket.attempt("a")
    with pytest.raises(Throttled):
        bucket.attempt("a")


def test_addresses_do_not_hinder_each_other() -> None:
    bucket = Throttle(ManualClock(), per_minute=1)
    bucket.attempt("a")
    bucket.attempt("b")


def test_a_clock_that_jumps_back_costs_nobody_a_try() -> None:
    clock = ManualClock()
    bucket = Throttle(clock, per_minute=2)
    bucket.attempt("a")
    clock.set_wall(clock.now().replace(year=2000))
    bucket.attempt("a")


def test_memory_is_bounded_and_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_ADDRESSES", 2)
    bucket = Throttle(ManualClock(), per_minute=1)
    for address in ("a", "b", "c"):
        bucket.attempt(address)
    with pytest.raises(Throttled):
        bucket.attempt("c")
    bucket.attempt("a")
