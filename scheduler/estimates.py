"""An honest estimated wait: a range in whole minutes from measured service times and the lawyers on duty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.consultations import Consultation

# Before anything has been measured: ten minutes, counted like five consultations.
PRIOR_S = 600.0
PRIOR_WEIGHT = 5
MEASURED = 60
MEASURED_WITHIN = timedelta(days=14)
# From the offer to the answer, and from the end of one consultation to the next offer.
ANSWER_S = 12.0
BETWEEN_S = 60.0
LONGEST_MIN = 180
# Quantiles 0.30 and 0.90 of the normal distribution: nine of ten visitors are to be served before the upper end.
_LOW_Z, _HIGH_Z = -0.5244, 1.2816


@dataclass(frozen=True, slots=True)
class Estimate:
    """Whole minutes, rounded up."""

    low_min: int
    high_min: int


def estimate(ahead: int, on_duty: int, free: int, service_s: float) -> Estimate | None:
    """The wait of somebody with `ahead` people before. None when nobody is on duty or the wait is too long to be told.

    The time until k lawyers have become free, while all work, is a sum of k exponential gaps: a gamma distribution,
    whose quantiles come from Wilson and Hilferty's cube (1931).
    """
    if on_duty <= 0:
        return None
    ends_needed = max(0, ahead + 1 - free)
    if ends_needed == 0:
        return Estimate(0, 1)
    gap_s = (service_s + BETWEEN_S) / on_duty
    low, high = (_gamma_quantile(ends_needed, z) * gap_s + ANSWER_S for z in (_LOW_Z, _HIGH_Z))
    low_min, high_min = max(1, math.ceil(low / 60)), max(1, math.ceil(high / 60))
    return Estimate(low_min, high_min) if high_min <= LONGEST_MIN else None


def mean_service_s(measured_s: Sequence[float]) -> float:
    """The mean, drawn towards the prior while little has been measured."""
    return (PRIOR_S * PRIOR_WEIGHT + sum(measured_s)) / (PRIOR_WEIGHT + len(measured_s))


async def measured_service_s(db: AsyncSession, now: datetime) -> float:
    """Mean length in seconds of the latest consultations, at most sixty of the last fortnight."""
    query = (
        select(Consultation.accepted_at, Consultation.ended_at)
        .where(
            Consultation.accepted_at.is_not(None),
            Consultation.ended_at > now - MEASURED_WITHIN,
            Consultation.ended_at <= now,
        )
        .order_by(Consultation.ended_at.desc())
        .limit(MEASURED)
    )
    rows = (await db.execute(query)).all()
    return mean_service_s([(ended - accepted).total_seconds() for accepted, ended in rows if accepted and ended])


def _gamma_quantile(shape: int, z: float) -> float:
    part = 1 / (9 * shape)
    return float(shape * max(0.0, 1 - part + z * math.sqrt(part)) ** 3)
