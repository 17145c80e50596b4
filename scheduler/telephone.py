"""「改用电话」: a consultation that began as video goes on by telephone."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import audit
from scheduler.consultations import IN_PROGRESS, Consultation, Mode, consultation
from scheduler.errors import Conflict
from scheduler.ids import ConsultationId, PersonId


async def turn_to_phone(db: AsyncSession, consultation_id: ConsultationId, person_id: PersonId, now: datetime) -> None:
    """Text-only from here, and nothing of the talk is recorded. Twice is fine. Raises Conflict when it is over."""
    found = await consultation(db, consultation_id)
    if found.state not in IN_PROGRESS:
        raise Conflict("会话不在进行中，不能改用电话。", found.state)
    if found.mode is not Mode.VIDEO:
        return
    query = update(Consultation).where(Consultation.id == consultation_id, Consultation.mode == Mode.VIDEO)
    await db.execute(query.values(mode=Mode.PHONE).execution_options(synchronize_session=False))
    await audit.append(
        db,
        at=now,
        person_id=person_id,
        org_id=found.org_id,
        action="consultation.phone",
        subject_kind="consultation",
        subject_id=consultation_id,
    )
