"""Whether a lawyer can be asked: presence states, misses, breaks, and the protected minute and a half after a
consultation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Integer, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.ids import ConsultationId, PersonId

PROTECTED = timedelta(seconds=90)
EXTENSION = timedelta(minutes=2)
AWAY_FOR = timedelta(minutes=10)
MISSES_TO_BREAK = 2


class PresenceState(StrEnum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    OFFERED = "offered"
    IN_CONSULTATION = "in_consultation"
    WRAP_UP = "wrap_up"
    ON_BREAK = "on_break"


_P = PresenceState
PRESENCE_TRANSITIONS: dict[PresenceState, frozenset[PresenceState]] = {
    _P.OFFLINE: frozenset({_P.AVAILABLE, _P.ON_BREAK}),
    _P.AVAILABLE: frozenset({_P.OFFLINE, _P.ON_BREAK, _P.OFFERED}),
    _P.OFFERED: frozenset({_P.AVAILABLE, _P.ON_BREAK, _P.OFFLINE, _P.IN_CONSULTATION}),
    _P.IN_CONSULTATION: frozenset({_P.WRAP_UP, _P.AVAILABLE}),
    _P.WRAP_UP: frozenset({_P.AVAILABLE, _P.ON_BREAK, _P.OFFLINE}),
    _P.ON_BREAK: frozenset({_P.AVAILABLE, _P.OFFLINE}),
}
ON_DUTY = frozenset({_P.AVAILABLE, _P.OFFERED, _P.IN_CONSULTATION, _P.WRAP_UP})


class LawyerPresence(Base):
    __tablename__ = "lawyer_presence"

    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"), primary_key=True)
    state: Mapped[PresenceState] = mapped_column(word(PresenceState), index=True)
    since_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # From when the lawyer has been waiting for work: who waits longest is asked first.
    idle_at: Mapped[datetime] = mapped_column(UtcDateTime)
    missed: Mapped[int] = mapped_column(Integer, default=0)
    protected_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The consultation that `in_consultation` or `wrap_up` is about.
    consultation_id: Mapped[ConsultationId | None] = mapped_column(Id, ForeignKey("consultation.id"))
    # Set while no window of the lawyer is connected; such a lawyer is not asked.
    away_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Presence:
    person_id: PersonId
    state: PresenceState
    since_at: datetime
    missed: int
    protected_until: datetime | None


async def presence(db: AsyncSession, person_id: PersonId, now: datetime) -> Presence:
    """A lawyer who never came on duty is offline."""
    row = await db.get(LawyerPresence, person_id, populate_existing=True)
    if row is None:
        return Presence(person_id, PresenceState.OFFLINE, now, 0, None)
    return Presence(person_id, row.state, row.since_at, row.missed, row.protected_until)


async def move_presence(
    db: AsyncSession,
    person_id: PersonId,
    old: Iterable[PresenceState],
    new: PresenceState,
    now: datetime,
    **values: Any,
) -> bool:
    """One conditional UPDATE; False when the lawyer is in another state.

    A move the table does not know is a bug: ValueError.
    """
    sources = frozenset(old)
    unknown = [state for state in sources if new not in PRESENCE_TRANSITIONS[state]]
    if unknown:
        raise ValueError(f"the presence table has no {unknown[0]} → {new}")
    query = (
        update(LawyerPresence)
        .where(LawyerPresence.person_id == person_id, LawyerPresence.state.in_(sources))
        .values(state=new, since_at=now, **values)
        .returning(LawyerPresence.person_id)
        .execution_options(synchronize_session=False)
    )
    return (await db.execute(query)).scalar_one_or_none() is not None


async def ensure_row(db: AsyncSession, person_id: PersonId, now: datetime) -> LawyerPresence:
    row = await db.get(LawyerPresence, person_id, populate_existing=True)
    if row is None:
        row = LawyerPresence(person_id=person_id, state=PresenceState.OFFLINE, since_at=now, idle_at=now, missed=0)
        db.add(row)
        await db.flush()
    return row


async def free_lawyers(db: AsyncSession) -> Sequence[LawyerPresence]:
    query = select(LawyerPresence).where(
        LawyerPresence.state == PresenceState.AVAILABLE, LawyerPresence.away_at.is_(None)
    )
    return (await db.scalars(query.execution_options(populate_existing=True))).all()


async def lawyers_on_duty(db: AsyncSession) -> int:
    query = (
        select(func.count())
        .select_from(LawyerPresence)
        .where(LawyerPresence.state.in_(ON_DUTY), LawyerPresence.away_at.is_(None))
    )
    return await db.scalar(query) or 0


async def connected(db: AsyncSession, person_id: PersonId, now: datetime) -> None:
    """A window of the lawyer is there (again)."""
    row = await ensure_row(db, person_id, now)
    row.away_at = None
    await db.flush()


async def disconnected(db: AsyncSession, person_id: PersonId, now: datetime) -> None:
    """The last window is gone: not asked any more, off duty after ten minutes."""
    query = (
        update(LawyerPresence)
        .where(LawyerPresence.person_id == person_id, LawyerPresence.away_at.is_(None))
        .values(away_at=now)
        .execution_options(synchronize_session=False)
    )
    await db.execute(query)


async def start_wrap_up(
    db: AsyncSession, person_id: PersonId, consultation_id: ConsultationId, protected_until: datetime, now: datetime
) -> bool:
    return await move_presence(
        db,
        person_id,
        [PresenceState.IN_CONSULTATION],
        PresenceState.WRAP_UP,
        now,
        protected_until=protected_until,
        consultation_id=consultation_id,
    )


async def set_available(db: AsyncSession, person_id: PersonId, old: Iterable[PresenceState], now: datetime) -> bool:
    return await move_presence(
        db,
        person_id,
        old,
        PresenceState.AVAILABLE,
        now,
        idle_at=now,
        protected_until=None,
        consultation_id=None,
    )
