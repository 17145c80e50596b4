"""Who reads what was said in a consultation: its station's clerks, its lawyer, and the lawyer who is asked to join."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.access import Action, Viewer
from scheduler.consultations import Consultation
from scheduler.errors import NotFound
from scheduler.ids import ConsultationId
from scheduler.intake import own_consultation
from scheduler.offers import Offer, OfferState
from scheduler.people import Role


async def readable_consultation(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, action: Action
) -> Consultation:
    """The consultation, when the viewer may read it. Raises Denied; NotFound: somebody else's is as good as none."""
    found = await own_consultation(db, viewer, consultation_id, action)
    if Role.STATION_CLERK in viewer.roles or found.lawyer_id == viewer.person_id:
        return found
    if await _is_offered(db, viewer, consultation_id):
        return found
    raise NotFound("没有这次会话。")


async def _is_offered(db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId) -> bool:
    of_viewer = exists().where(
        Offer.consultation_id == consultation_id,
        Offer.lawyer_id == viewer.person_id,
        Offer.state == OfferState.OPEN,
    )
    return bool(await db.scalar(select(of_viewer)))
