import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.estimates import (
    ANSWER_S,
    BETWEEN_S,
    PRIOR_S,
    Estimate,
    estimate,
    mean_service_s,
    measured_service_s,
)
from tests.support.district import District


def test_nobody_on_duty_cannot_be_told() -> None:
    assert estimate(0, 0, 0, 600) is None


def test_somebody_free_answers_at_once() -> None:
    assert estimate(0, 2, 1, 600) == Estimate(0, 1)


def test_a_wait_of_hours_is_not_told() -> None:
    assert estimate(60, 1, 0, 600) is None


@given(st.integers(0, 30), st.integers(1, 20), st.floats(30, 3600))
def test_longer_lines_and_fewer_lawyers_never_shorten_the_wait(ahead: int, on_duty: int, service_s: float) -> None:
    here = estimate(ahead, on_duty, 0, service_s)
    if here is None:
        return
    assert 1 <= here.low_min <= here.high_min
    behind, helped = estimate(ahead + 1, on_duty, 0, service_s), estimate(ahead, on_duty + 1, 0, service_s)
    assert behind is None or (behind.low_min >= here.low_min and behind.high_min >= here.high_min)
    assert helped is not None
    assert helped.high_min <= here.high_min


@pytest.mark.parametrize(("ahead", "on_duty"), [(0, 1), (0, 4), (2, 4), (7, 3), (15, 10)])
def test_the_upper_end_holds_for_nine_of_ten(ahead: int, on_duty: int) -> None:
    """With all lawyers busy and exponential service the wait is a gamma distribution: drawn here, not computed."""
    chance = random.Random(20260302)
    told = estimate(ahead, on_duty, 0, PRIOR_S)
    assert told is not None
    gap = (PRIOR_S + BETWEEN_S) / on_duty
    waits = [sum(chance.expovariate(1 / gap) for _ in range(ahead + 1)) + ANSWER_S for _ in range(4000)]
    held = sum(wait <= told.high_min * 60 for wait in waits) / len(waits)
    below = sum(wait <= told.low_min * 60 for wait in waits) / len(waits)
    assert 0.88 <= held <= 0.96
    assert below <= 0.6


def test_little_measured_stays_near_the_prior() -> None:
    assert mean_service_s([]) == PRIOR_S
    assert PRIOR_S > mean_service_s([60]) > 500
    assert mean_service_s([60] * 60) < 120


async def test_service_is_measured_from_what_happened(district: District) -> None:
    async with district.database.reads() as db:
        assert await measured_service_s(db, district.clock.now()) == PRIOR_S
    consultation_id = await district.talk()
    district.clock.advance(1200)
    await district.end(consultation_id)
    async with district.database.reads() as db:
        assert await measured_service_s(db, district.clock.now()) == (5 * PRIOR_S + 1200) / 6
