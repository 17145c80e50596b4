"""A live consultation as the tables have it: read when somebody enters its room, and again after a restart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import consents, consultations
from scheduler.cases import VisitRegistration
from scheduler.consultations import IN_PROGRESS, Consultation, Mode, ParticipantRole
from scheduler.errors import Conflict
from scheduler.ids import ConsultationId
from scheduler.organisations import Organisation
from scheduler.terms import CATEGORY_NAMES
from signaling.consultation import LiveConsultation, Participant, Role

_ROLES: dict[ParticipantRole, Role] = {ParticipantRole.CLERK: "clerk", ParticipantRole.LAWYER: "lawyer"}
UNNAMED = "来访人"


async def load(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> LiveConsultation:
    """Raises NotFound, and Conflict when the consultation is not in progress."""
    found = await consultations.consultation(db, consultation_id)
    if found.state not in IN_PROGRESS:
        raise Conflict("会话不在进行中。", found.state)
    visit = await db.get_one(VisitRegistration, found.visit_id)
    street = await db.get_one(Organisation, found.org_id)
    consent = await consents.in_force(db, consultation_id)
    live = LiveConsultation(
        consultation_id=found.id,
        state=found.state.value,
        barrier=consent.barrier,
        visitor=visit.name or UNNAMED,
        category_name=CATEGORY_NAMES[found.category],
        street={"id": street.id, "name": street.name, "phone": street.phone},
        participants={row.id: row for row in await _participants(db, found)},
        started_at=found.started_at,
        text_only=found.mode is not Mode.VIDEO,
    )
    live.settle_barrier(consent.barrier, now)
    return live


async def _participants(db: AsyncSession, found: Consultation) -> list[Participant]:
    rows, started = await consultations.participants(db, found.id), found.started_at is not None
    return [
        Participant(row.id, row.person_id, _ROLES[row.role], row.name, was_connected=started, noted_before=started)
        for row in rows
        if row.role in _ROLES and row.person_id is not None
    ]
