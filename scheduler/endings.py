"""How a consultation in progress ends: with a form to write, or failed, with the visit free to be called again."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import audit
from scheduler.cases import VisitRegistration, VisitState
from scheduler.consultations import IN_PROGRESS, Consultation, ConsultationState, Participant, consultation, move
from scheduler.ids import ConsultationId, PersonId
from scheduler.presence import PROTECTED, PresenceState, set_available, start_wrap_up
from scheduler.records import ConsultationRecord
from scheduler.waiting import EntryState, entry_of, move_entry


async def end(
    db: AsyncSession,
    consultation_id: ConsultationId,
    now: datetime,
    *,
    cause: str = "ended",
    person_id: PersonId | None = None,
) -> Consultation:
    """active or interrupted → wrap_up; the lawyer is protected for 90 s.

    Already ended is fine (both sides press at once).

    Raises Conflict when it never was in progress.
    """
    found = await consultation(db, consultation_id)
    if found.state in (ConsultationState.WRAP_UP, ConsultationState.CLOSED):
        return found
    started_at = found.started_at or found.accepted_at
    # A clock that was set back must not give a negative duration.
    ended_at = max(now, started_at) if started_at is not None else now
    found = await move(db, consultation_id, IN_PROGRESS, ConsultationState.WRAP_UP, ended_at=ended_at, end_cause=cause)
    await _leave(db, consultation_id, now)
    protected_until = now + PROTECTED
    await db.execute(
        update(ConsultationRecord)
        .where(ConsultationRecord.consultation_id == consultation_id)
        .values(protected_until=protected_until)
        .execution_options(synchronize_session=False)
    )
    if found.lawyer_id is not None:
        await start_wrap_up(db, found.lawyer_id, consultation_id, protected_until, now)
    await _write_audit(db, found, "consultation.end", cause, person_id, now)
    return found


async def fail(
    db: AsyncSession, consultation_id: ConsultationId, now: datetime, *, cause: str, person_id: PersonId | None = None
) -> Consultation:
    """active or interrupted → failed: nothing came of it. The lawyer is free, the visit can be called again at once."""
    found = await move(db, consultation_id, IN_PROGRESS, ConsultationState.FAILED, ended_at=now, end_cause=cause)
    await _leave(db, consultation_id, now)
    if found.lawyer_id is not None:
        await set_available(db, found.lawyer_id, [PresenceState.IN_CONSULTATION], now)
    await db.execute(
        update(VisitRegistration)
        .where(VisitRegistration.id == found.visit_id)
        .values(state=VisitState.DRAFT)
        .execution_options(synchronize_session=False)
    )
    await _write_audit(db, found, "consultation.fail", cause, person_id, now)
    return found


async def _leave(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> None:
    entry = await entry_of(db, consultation_id)
    if entry is not None:
        await move_entry(db, entry.id, [EntryState.SERVING], EntryState.DONE, left_at=now)
    await db.execute(
        update(Participant)
        .where(Participant.consultation_id == consultation_id, Participant.left_at.is_(None))
        .values(left_at=now)
        .execution_options(synchronize_session=False)
    )


async def _write_audit(
    db: AsyncSession, found: Consultation, action: str, cause: str, person_id: PersonId | None, now: datetime
) -> None:
    await audit.append(
        db,
        at=now,
        person_id=person_id,
        org_id=found.org_id,
        action=action,
        subject_kind="consultation",
        subject_id=found.id,
        detail={"cause": cause},
    )
