"""Figures from what really happened: the lawyer's day and the forms still to be written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.cases import VisitRegistration
from scheduler.clock import LOCAL, day_bounds, local_day
from scheduler.consultations import Consultation, ConsultationState, open_consultation_of_lawyer
from scheduler.evaluations import Evaluation
from scheduler.ids import ConsultationId, PersonId
from scheduler.overviews import ConsultationRef, LineRow, consultation_ref, line_rows
from scheduler.presence import ON_DUTY, Presence, PresenceState, presence
from scheduler.terms import CATEGORY_NAMES

# Fewer grades than this could be traced back to the visitors who gave them.
SHOWN_FROM = 5


@dataclass(frozen=True, slots=True)
class LawyerToday:
    """average_s: mean length of today's ended consultations.

    satisfaction: mean grade of the last whole month, 5 is best.
    """

    answered: int
    closed: int
    open_forms: int
    average_s: float | None
    satisfaction: float | None


@dataclass(frozen=True, slots=True)
class FormRow:
    consultation_id: ConsultationId
    visitor: str
    category_name: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class LawyerHome:
    presence: Presence
    today: LawyerToday
    line: Sequence[LineRow]
    open_forms: Sequence[FormRow]
    consultation: ConsultationRef | None


async def lawyer_home(db: AsyncSession, person_id: PersonId, now: datetime) -> LawyerHome:
    """The line is shown to lawyers on duty or on a break, not to those off duty."""
    state = await presence(db, person_id, now)
    forms = await open_forms(db, person_id)
    current = await open_consultation_of_lawyer(db, person_id)
    watching = state.state in ON_DUTY | {PresenceState.ON_BREAK}
    return LawyerHome(
        presence=state,
        today=await lawyer_today(db, person_id, len(forms), now),
        line=await line_rows(db, now) if watching else [],
        open_forms=forms,
        consultation=None if current is None else await consultation_ref(db, current, now),
    )


async def open_forms(db: AsyncSession, person_id: PersonId) -> list[FormRow]:
    """「待办结」, the oldest first."""
    query = (
        select(Consultation, VisitRegistration.name)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .where(Consultation.lawyer_id == person_id, Consultation.state == ConsultationState.WRAP_UP)
        .order_by(Consultation.ended_at)
    )
    return [
        FormRow(found.id, name, CATEGORY_NAMES[found.category], found.ended_at or found.created_at)
        for found, name in (await db.execute(query)).all()
    ]


async def lawyer_today(db: AsyncSession, person_id: PersonId, forms: int, now: datetime) -> LawyerToday:
    start, stop = day_bounds(local_day(now))
    query = select(Consultation).where(
        Consultation.lawyer_id == person_id, Consultation.accepted_at >= start, Consultation.accepted_at < stop
    )
    rows = (await db.scalars(query)).all()
    lengths = [
        (row.ended_at - (row.started_at or row.accepted_at)).total_seconds()
        for row in rows
        if row.ended_at is not None and row.accepted_at is not None
    ]
    return LawyerToday(
        answered=len(rows),
        closed=sum(row.state is ConsultationState.CLOSED for row in rows),
        open_forms=forms,
        average_s=sum(lengths) / len(lengths) if lengths else None,
        satisfaction=await _satisfaction(db, person_id, now),
    )


async def _satisfaction(db: AsyncSession, person_id: PersonId, now: datetime) -> float | None:
    this_month = now.astimezone(LOCAL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last_month = this_month.replace(year=this_month.year - 1, month=12) if this_month.month == 1 else None
    last_month = last_month or this_month.replace(month=this_month.month - 1)
    query = (
        select(func.avg(Evaluation.overall), func.count(Evaluation.overall))
        .join(Consultation, Consultation.id == Evaluation.consultation_id)
        .where(
            Consultation.lawyer_id == person_id,
            Evaluation.created_at >= last_month,
            Evaluation.created_at < this_month,
        )
    )
    mean, count = (await db.execute(query)).one()
    return round(float(mean), 1) if count >= SHOWN_FROM else None
