"""Offers: a waiting visitor is put to one lawyer at a time, with an absolute deadline that survives a restart."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler import audit
from scheduler.access import Action, Viewer, permit
from scheduler.consultations import (
    Consultation,
    ConsultationState,
    Mode,
    ParticipantRole,
    add_participant,
    consultation,
    move,
)
from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Conflict, NotFound
from scheduler.ids import ConsultationId, EntryId, OfferId, PersonId, new_id
from scheduler.matching import DECLINED_REST, Free, Waiting, match
from scheduler.people import Person
from scheduler.presence import (
    MISSES_TO_BREAK,
    LawyerPresence,
    PresenceState,
    free_lawyers,
    move_presence,
    set_available,
)
from scheduler.records import open_record
from scheduler.waiting import EntryState, WaitingEntry, line, move_entry

OFFER_LASTS = timedelta(seconds=30)
REASON_LENGTH = 200
_OPEN_SQL = text("state = 'open'")


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"


class Offer(Base):
    __tablename__ = "offer"
    # One lawyer is asked about one visitor at a time, and the other way round: the database itself refuses anything
    # else.
    __table_args__ = (
        Index("uq_offer_open_entry", "entry_id", unique=True, sqlite_where=_OPEN_SQL, postgresql_where=_OPEN_SQL),
        Index("uq_offer_open_lawyer", "lawyer_id", unique=True, sqlite_where=_OPEN_SQL, postgresql_where=_OPEN_SQL),
    )

    id: Mapped[OfferId] = mapped_column(Id, primary_key=True)
    entry_id: Mapped[EntryId] = mapped_column(Id, ForeignKey("waiting_entry.id"), index=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"))
    lawyer_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    state: Mapped[OfferState] = mapped_column(word(OfferState))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH), default="")


@dataclass(frozen=True, slots=True)
class OfferMade:
    offer_id: OfferId
    entry_id: EntryId
    consultation_id: ConsultationId
    lawyer_id: PersonId
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OfferMissed:
    """on_break: it was the second miss in a row, and the lawyer is now on a break."""

    offer_id: OfferId
    consultation_id: ConsultationId
    lawyer_id: PersonId
    on_break: bool


@dataclass(frozen=True, slots=True)
class OfferWithdrawn:
    offer_id: OfferId
    consultation_id: ConsultationId
    lawyer_id: PersonId


async def match_and_offer(db: AsyncSession, now: datetime) -> list[OfferMade]:
    """Puts the line to the free lawyers.

    Run it after anything that adds an entry or frees a lawyer, and at `next_deadline`.
    """
    free = [Free(row.person_id, row.idle_at) for row in await free_lawyers(db)]
    if not free:
        return []
    entries = {row.id: row for row in await line(db) if row.state in (EntryState.WAITING, EntryState.CALLBACK)}
    pairs = match(await _with_history(db, entries.values(), now), free, now)
    return [await _offer(db, entries[entry_id], person_id, now) for entry_id, person_id in pairs]


async def accept_offer(db: AsyncSession, viewer: Viewer, offer_id: OfferId, now: datetime) -> ConsultationId:
    """The consultation becomes active.

    Pressing twice gives the same answer; raises Conflict when the offer has passed on.
    """
    offer = await _own(db, viewer, offer_id)
    if offer.state is OfferState.ACCEPTED:
        return offer.consultation_id
    await _settle(db, offer, OfferState.ACCEPTED, now, Offer.expires_at > now)
    await move_entry(db, offer.entry_id, [EntryState.OFFERED], EntryState.SERVING)
    found = await move(
        db,
        offer.consultation_id,
        [ConsultationState.OFFERED],
        ConsultationState.ACTIVE,
        lawyer_id=viewer.person_id,
        accepted_at=now,
    )
    taken = await move_presence(
        db,
        viewer.person_id,
        [PresenceState.OFFERED],
        PresenceState.IN_CONSULTATION,
        now,
        missed=0,
        consultation_id=found.id,
    )
    if not taken:
        raise Conflict("您现在的状态不能接听，请先「上线」。")
    clerk = await db.get_one(Person, found.clerk_id)
    await add_participant(db, found.id, clerk.id, ParticipantRole.CLERK, clerk.name, now)
    await add_participant(db, found.id, viewer.person_id, ParticipantRole.LAWYER, viewer.name, now)
    await open_record(db, found, viewer.person_id, now)
    await _write_audit(db, viewer, offer, "offer.accept", "", now)
    return found.id


async def decline_offer(db: AsyncSession, viewer: Viewer, offer_id: OfferId, reason: str, now: datetime) -> None:
    """The visitor keeps the place and goes to the next lawyer at once. Declining twice is fine."""
    offer = await _own(db, viewer, offer_id)
    if offer.state is OfferState.DECLINED:
        return
    await _settle(db, offer, OfferState.DECLINED, now, reason=reason.strip()[:REASON_LENGTH])
    await _back_into_line(db, offer.consultation_id, offer.entry_id)
    await set_available(db, viewer.person_id, [PresenceState.OFFERED], now)
    await db.execute(
        update(LawyerPresence)
        .where(LawyerPresence.person_id == viewer.person_id)
        .values(missed=0)
        .execution_options(synchronize_session=False)
    )
    await _write_audit(db, viewer, offer, "offer.decline", reason.strip(), now)


async def withdraw_offer(db: AsyncSession, entry_id: EntryId, now: datetime) -> OfferWithdrawn | None:
    """The visitor has gone or chosen otherwise: the lawyer is free again and keeps the turn.

    The caller moves entry and consultation.
    """
    offer = await db.scalar(select(Offer).where(Offer.entry_id == entry_id, Offer.state == OfferState.OPEN))
    if offer is None:
        return None
    await _settle(db, offer, OfferState.WITHDRAWN, now)
    await move_presence(db, offer.lawyer_id, [PresenceState.OFFERED], PresenceState.AVAILABLE, now)
    return OfferWithdrawn(offer.id, offer.consultation_id, offer.lawyer_id)


async def return_to_line(db: AsyncSession, offer: Offer, now: datetime) -> None:
    """The lawyer leaves: the visitor keeps the place and goes to the next one; the lawyer is free to change state."""
    await _settle(db, offer, OfferState.WITHDRAWN, now)
    await _back_into_line(db, offer.consultation_id, offer.entry_id)
    await move_presence(db, offer.lawyer_id, [PresenceState.OFFERED], PresenceState.AVAILABLE, now)


async def expire_offers(db: AsyncSession, now: datetime) -> list[OfferMissed]:
    """Offers past their deadline go back into the line; the second miss in a row sends the lawyer on a break."""
    # Made in the future: the clock was set back. The lawyer gets the full time from now, instead of hours.
    await db.execute(
        update(Offer)
        .where(Offer.state == OfferState.OPEN, Offer.made_at > now)
        .values(made_at=now, expires_at=now + OFFER_LASTS)
        .execution_options(synchronize_session=False)
    )
    query = select(Offer).where(Offer.state == OfferState.OPEN, Offer.expires_at <= now).order_by(Offer.id)
    due = (await db.scalars(query.execution_options(populate_existing=True))).all()
    return [await _miss(db, offer, now) for offer in due]


async def open_offer_of(db: AsyncSession, person_id: PersonId) -> OfferId | None:
    return await db.scalar(select(Offer.id).where(Offer.lawyer_id == person_id, Offer.state == OfferState.OPEN))


async def _miss(db: AsyncSession, offer: Offer, now: datetime) -> OfferMissed:
    await _settle(db, offer, OfferState.MISSED, now)
    await _back_into_line(db, offer.consultation_id, offer.entry_id)
    row = await db.get_one(LawyerPresence, offer.lawyer_id, populate_existing=True)
    missed = row.missed + 1
    on_break = missed >= MISSES_TO_BREAK
    await move_presence(
        db,
        offer.lawyer_id,
        [PresenceState.OFFERED],
        PresenceState.ON_BREAK if on_break else PresenceState.AVAILABLE,
        now,
        missed=missed,
        idle_at=now,
    )
    return OfferMissed(offer.id, offer.consultation_id, offer.lawyer_id, on_break)


async def _offer(db: AsyncSession, entry: WaitingEntry, person_id: PersonId, now: datetime) -> OfferMade:
    if not await move_presence(db, person_id, [PresenceState.AVAILABLE], PresenceState.OFFERED, now):
        raise Conflict("律师的状态刚变了，请再试一次。")
    await move_entry(db, entry.id, [EntryState.WAITING, EntryState.CALLBACK], EntryState.OFFERED)
    await move(
        db,
        entry.consultation_id,
        [ConsultationState.WAITING, ConsultationState.CALLBACK],
        ConsultationState.OFFERED,
    )
    offer = Offer(
        id=OfferId(new_id()),
        entry_id=entry.id,
        consultation_id=entry.consultation_id,
        lawyer_id=person_id,
        state=OfferState.OPEN,
        made_at=now,
        expires_at=now + OFFER_LASTS,
    )
    db.add(offer)
    await db.flush()
    return OfferMade(offer.id, entry.id, entry.consultation_id, person_id, offer.expires_at)


async def _with_history(db: AsyncSession, entries: Iterable[WaitingEntry], now: datetime) -> Sequence[Waiting]:
    rows = list(entries)
    query = select(Offer.entry_id, Offer.lawyer_id, Offer.state, Offer.answered_at).where(
        Offer.entry_id.in_([row.id for row in rows]),
        Offer.state.in_([OfferState.DECLINED, OfferState.MISSED]),
    )
    declined: dict[EntryId, dict[PersonId, datetime]] = defaultdict(dict)
    missed: dict[EntryId, set[PersonId]] = defaultdict(set)
    for entry_id, lawyer_id, state, answered_at in (await db.execute(query)).all():
        if state is OfferState.MISSED:
            missed[entry_id].add(lawyer_id)
        elif answered_at is not None and answered_at > now - DECLINED_REST:
            declined[entry_id][lawyer_id] = max(answered_at, declined[entry_id].get(lawyer_id, answered_at))
    return [
        Waiting(row.id, row.joined_at, row.boost_s, declined.get(row.id, {}), missed.get(row.id, frozenset()))
        for row in rows
    ]


async def _own(db: AsyncSession, viewer: Viewer, offer_id: OfferId) -> Offer:
    permit(viewer, Action.ANSWER_OFFER)
    offer = await db.get(Offer, offer_id, populate_existing=True)
    if offer is None or offer.lawyer_id != viewer.person_id:
        raise NotFound("没有这次派单，可能已经转给下一位律师。")
    return offer


async def _settle(
    db: AsyncSession, offer: Offer, state: OfferState, now: datetime, *conditions: Any, reason: str = ""
) -> None:
    query = (
        update(Offer)
        .where(Offer.id == offer.id, Offer.state == OfferState.OPEN, *conditions)
        .values(state=state, answered_at=now, reason=reason)
        .returning(Offer.id)
        .execution_options(synchronize_session=False)
    )
    if (await db.execute(query)).scalar_one_or_none() is None:
        await db.refresh(offer)
        late = OfferState.MISSED if offer.state is OfferState.OPEN else offer.state
        raise Conflict("这次来访已经转给下一位律师。", late)


async def _back_into_line(db: AsyncSession, consultation_id: ConsultationId, entry_id: EntryId) -> None:
    found: Consultation = await consultation(db, consultation_id)
    phoned = found.mode is Mode.CALLBACK
    await move_entry(db, entry_id, [EntryState.OFFERED], EntryState.CALLBACK if phoned else EntryState.WAITING)
    target = ConsultationState.CALLBACK if phoned else ConsultationState.WAITING
    await move(db, consultation_id, [ConsultationState.OFFERED], target)


async def _write_audit(db: AsyncSession, viewer: Viewer, offer: Offer, action: str, reason: str, now: datetime) -> None:
    await audit.append(
        db,
        at=now,
        person_id=viewer.person_id,
        org_id=viewer.org_id,
        action=action,
        subject_kind="consultation",
        subject_id=offer.consultation_id,
        reason=reason,
        detail={"offer_id": offer.id},
    )
