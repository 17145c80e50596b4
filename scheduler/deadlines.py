"""Everything that happens because time has passed.

Deadlines are absolute and live in the tables, so a restart forgets none.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.cases import VisitRegistration
from scheduler.consultations import Consultation, ConsultationState, consultation
from scheduler.duty import everybody_away
from scheduler.endings import end
from scheduler.ids import ConsultationId, PersonId
from scheduler.intake import PHONE, leave_line, station_gone, turn_to_callback
from scheduler.matching import DECLINED_REST
from scheduler.offers import OFFER_LASTS, Offer, OfferMissed, OfferState, expire_offers
from scheduler.presence import (
    AWAY_FOR,
    EXTENSION,
    PROTECTED,
    LawyerPresence,
    PresenceState,
    move_presence,
    set_available,
)
from scheduler.waiting import (
    ABSENT_FOR,
    ENTRY_LIFETIME,
    EntryState,
    WaitingEntry,
    line,
    stamp_back,
)

INTERRUPTED_FOR = timedelta(minutes=10)
_WENT = (PresenceState.AVAILABLE, PresenceState.ON_BREAK, PresenceState.WRAP_UP)


@dataclass(frozen=True, slots=True)
class Expired:
    """What time did, for whoever tells the screens.

    missed: offers that nobody answered. freed: lawyers whose protected time is over. went_offline: lawyers gone for
    ten minutes. ended: consultations interrupted for too long. changed: consultations whose entry became a callback
    or left the line.
    """

    missed: list[OfferMissed] = field(default_factory=list)
    freed: list[PersonId] = field(default_factory=list)
    went_offline: list[PersonId] = field(default_factory=list)
    ended: list[ConsultationId] = field(default_factory=list)
    changed: list[ConsultationId] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missed or self.freed or self.went_offline or self.ended or self.changed)


async def expire_due(db: AsyncSession, now: datetime) -> Expired:
    """Safe to run at any time and by several servers; what is not due stays as it is."""
    await _set_back(db, now)
    return Expired(
        missed=await expire_offers(db, now),
        went_offline=await _expire_away(db, now),
        freed=await _expire_protection(db, now),
        ended=await _expire_interrupted(db, now),
        changed=await _expire_entries(db, now),
    )


async def next_deadline(db: AsyncSession, now: datetime) -> datetime | None:
    """The next instant at which `expire_due` or `match_and_offer` has something to do; None: nothing is pending.

    A deadline further away than it can ever be set shows that the clock was set back: then `expire_due` has to set
    it right now.
    """
    declined_at = (
        select(func.min(Offer.answered_at))
        .join(WaitingEntry, WaitingEntry.id == Offer.entry_id)
        .where(
            Offer.state == OfferState.DECLINED,
            Offer.answered_at > now - DECLINED_REST,
            Offer.answered_at <= now,
            WaitingEntry.state.in_([EntryState.WAITING, EntryState.CALLBACK]),
        )
    )
    away_at = select(func.min(LawyerPresence.away_at)).where(LawyerPresence.state.in_(_WENT))
    interrupted_at = select(func.min(Consultation.interrupted_at)).where(
        Consultation.state == ConsultationState.INTERRUPTED
    )
    expires_at = select(func.min(Offer.expires_at)).where(Offer.state == OfferState.OPEN)
    protected_until = select(func.min(LawyerPresence.protected_until)).where(
        LawyerPresence.state == PresenceState.WRAP_UP
    )
    pending = [
        _due(await db.scalar(declined_at), DECLINED_REST, DECLINED_REST, now),
        _due(await db.scalar(away_at), AWAY_FOR, AWAY_FOR, now),
        _due(await db.scalar(interrupted_at), INTERRUPTED_FOR, INTERRUPTED_FOR, now),
        _due(await db.scalar(expires_at), timedelta(0), OFFER_LASTS, now),
        _due(await db.scalar(protected_until), timedelta(0), PROTECTED + EXTENSION, now),
        *[_due(_entry_deadline(entry), timedelta(0), ENTRY_LIFETIME, now) for entry in await line(db)],
    ]
    return min((at for at in pending if at is not None), default=None)


async def after_restart(db: AsyncSession, now: datetime) -> None:
    """No browser is connected yet: lawyers count as away and stations as absent until they say hello; nobody loses
    the place.
    """
    await everybody_away(db, now)
    for entry in await line(db):
        await station_gone(db, entry.consultation_id, now)


async def _set_back(db: AsyncSession, now: datetime) -> None:
    """Instants in the future mean that the clock was set back: they count from now, or people would wait for hours."""
    await stamp_back(db, now)
    longest = now + PROTECTED + EXTENSION
    for statement in (
        update(LawyerPresence).where(LawyerPresence.away_at > now).values(away_at=now),
        update(LawyerPresence).where(LawyerPresence.protected_until > longest).values(protected_until=now),
        update(Consultation)
        .where(Consultation.state == ConsultationState.INTERRUPTED, Consultation.interrupted_at > now)
        .values(interrupted_at=now),
        update(WaitingEntry)
        .where(WaitingEntry.state == EntryState.ABSENT, WaitingEntry.absent_at > now)
        .values(absent_at=now),
    ):
        await db.execute(statement.execution_options(synchronize_session=False))


async def _expire_protection(db: AsyncSession, now: datetime) -> list[PersonId]:
    query = select(LawyerPresence).where(
        LawyerPresence.state == PresenceState.WRAP_UP, LawyerPresence.protected_until <= now
    )
    rows = (await db.scalars(query.execution_options(populate_existing=True))).all()
    return [row.person_id for row in rows if await set_available(db, row.person_id, [PresenceState.WRAP_UP], now)]


async def _expire_away(db: AsyncSession, now: datetime) -> list[PersonId]:
    query = select(LawyerPresence.person_id).where(
        LawyerPresence.state.in_(_WENT), LawyerPresence.away_at <= now - AWAY_FOR
    )
    people = (await db.scalars(query)).all()
    return [
        person_id
        for person_id in people
        if await move_presence(
            db, person_id, _WENT, PresenceState.OFFLINE, now, protected_until=None, consultation_id=None
        )
    ]


async def _expire_interrupted(db: AsyncSession, now: datetime) -> list[ConsultationId]:
    query = select(Consultation.id).where(
        Consultation.state == ConsultationState.INTERRUPTED, Consultation.interrupted_at <= now - INTERRUPTED_FOR
    )
    found = (await db.scalars(query)).all()
    for consultation_id in found:
        await end(db, consultation_id, now, cause="interrupted_too_long")
    return list(found)


async def _expire_entries(db: AsyncSession, now: datetime) -> list[ConsultationId]:
    due = [entry for entry in await line(db) if (_entry_deadline(entry) or now + ABSENT_FOR) <= now]
    for entry in due:
        await _expire_entry(db, entry, now)
    return [entry.consultation_id for entry in due]


async def _expire_entry(db: AsyncSession, entry: WaitingEntry, now: datetime) -> None:
    found = await consultation(db, entry.consultation_id)
    visit = await db.get_one(VisitRegistration, found.visit_id)
    if PHONE.fullmatch(visit.phone):
        await turn_to_callback(db, found, now)
    else:
        cause = "absent" if entry.state is EntryState.ABSENT else "expired"
        await leave_line(db, found, EntryState.EXPIRED, cause, now)


def _entry_deadline(entry: WaitingEntry) -> datetime | None:
    """When the place becomes a telephone call, or without a number ends: absent for ten minutes, or half a day."""
    if entry.state in (EntryState.OFFERED, EntryState.CALLBACK):
        return None
    if entry.state is EntryState.ABSENT and entry.absent_at is not None:
        return entry.absent_at + ABSENT_FOR
    return entry.joined_at + ENTRY_LIFETIME


def _due(at: datetime | None, delay: timedelta, longest: timedelta, now: datetime) -> datetime | None:
    if at is None:
        return None
    return at + delay if at + delay <= now + longest else now
