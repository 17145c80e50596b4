"""「上线」「小休」「下线」: what a lawyer sets by hand."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import audit
from scheduler.access import Action, Viewer, permit
from scheduler.errors import Conflict, Invalid
from scheduler.ids import PersonId
from scheduler.offers import Offer, OfferState, return_to_line
from scheduler.presence import (
    PRESENCE_TRANSITIONS,
    LawyerPresence,
    Presence,
    PresenceState,
    ensure_row,
    move_presence,
    presence,
)

SETTABLE = frozenset({PresenceState.AVAILABLE, PresenceState.ON_BREAK, PresenceState.OFFLINE})


async def set_presence(db: AsyncSession, viewer: Viewer, state: PresenceState, now: datetime) -> Presence:
    """An open offer goes to the next lawyer. Setting the same state again changes nothing.

    Raises Conflict in a consultation, Invalid for a state that only the system sets.
    """
    permit(viewer, Action.SET_PRESENCE)
    if state not in SETTABLE:
        raise Invalid({"state": "available, on_break, offline"})
    row = await ensure_row(db, viewer.person_id, now)
    if row.state is PresenceState.IN_CONSULTATION:
        raise Conflict("会话还在进行。先结束会话，再改状态。", row.state)
    if row.state is not state:
        await _change(db, viewer, row.state, state, now)
    return await presence(db, viewer.person_id, now)


async def _change(db: AsyncSession, viewer: Viewer, old: PresenceState, state: PresenceState, now: datetime) -> None:
    if old is PresenceState.OFFERED:
        if state is PresenceState.AVAILABLE:
            return
        await return_open_offer(db, viewer.person_id, now)
        old = PresenceState.AVAILABLE
    if state not in PRESENCE_TRANSITIONS[old]:
        raise Conflict("现在不能改成这个状态。", old)
    values = {"protected_until": None, "consultation_id": None}
    if state is PresenceState.AVAILABLE:
        await move_presence(db, viewer.person_id, [old], state, now, idle_at=now, missed=0, away_at=None, **values)
    else:
        await move_presence(db, viewer.person_id, [old], state, now, missed=0, **values)
    await audit.append(
        db,
        at=now,
        person_id=viewer.person_id,
        org_id=viewer.org_id,
        action="presence.set",
        subject_kind="person",
        subject_id=viewer.person_id,
        detail={"state": state.value},
    )


async def return_open_offer(db: AsyncSession, person_id: PersonId, now: datetime) -> None:
    offer = await db.scalar(select(Offer).where(Offer.lawyer_id == person_id, Offer.state == OfferState.OPEN))
    if offer is not None:
        await return_to_line(db, offer, now)


async def everybody_away(db: AsyncSession, now: datetime) -> None:
    """After a server's start no window is connected: whoever comes back in ten minutes stays on duty."""
    await db.execute(
        update(LawyerPresence)
        .where(LawyerPresence.state != PresenceState.OFFLINE, LawyerPresence.away_at.is_(None))
        .values(away_at=now)
        .execution_options(synchronize_session=False)
    )
