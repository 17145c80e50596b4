"""The waiting line: one over all stations. Entries, their places, and what a waiting visitor is told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Integer, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Conflict
from scheduler.ids import ConsultationId, EntryId, OrgId, new_id

CALLBACK_AFTER = timedelta(minutes=5)
ABSENT_FOR = timedelta(minutes=10)
ENTRY_LIFETIME = timedelta(hours=12)


class EntryState(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    SERVING = "serving"
    DONE = "done"
    ABSENT = "absent"
    CALLBACK = "callback"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_E = EntryState
ENTRY_TRANSITIONS: dict[EntryState, frozenset[EntryState]] = {
    _E.WAITING: frozenset({_E.OFFERED, _E.ABSENT, _E.CALLBACK, _E.CANCELLED, _E.EXPIRED}),
    _E.OFFERED: frozenset({_E.SERVING, _E.WAITING, _E.ABSENT, _E.CALLBACK, _E.CANCELLED}),
    _E.ABSENT: frozenset({_E.WAITING, _E.CALLBACK, _E.CANCELLED, _E.EXPIRED}),
    # A promised telephone call never expires.
    _E.CALLBACK: frozenset({_E.OFFERED, _E.CANCELLED}),
    _E.SERVING: frozenset({_E.DONE}),
    _E.DONE: frozenset(),
    _E.CANCELLED: frozenset(),
    _E.EXPIRED: frozenset(),
}
IN_LINE = frozenset({_E.WAITING, _E.OFFERED, _E.ABSENT, _E.CALLBACK})


class WaitingEntry(Base):
    __tablename__ = "waiting_entry"

    id: Mapped[EntryId] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), unique=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"))
    state: Mapped[EntryState] = mapped_column(word(EntryState), index=True)
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Seconds by which declared needs move the entry forward; bounded, so that nobody starves (matching.boost_s).
    boost_s: Mapped[int] = mapped_column(Integer, default=0)
    absent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Place:
    """position: 1 = next. ahead: ids of the consultations before this one, first in line first."""

    position: int
    ahead: Sequence[ConsultationId]


async def join(
    db: AsyncSession, consultation_id: ConsultationId, org_id: OrgId, boost: int, now: datetime
) -> WaitingEntry:
    """Last in the line, but for the boost in seconds."""
    await stamp_back(db, now)
    entry = WaitingEntry(
        id=EntryId(new_id()),
        consultation_id=consultation_id,
        org_id=org_id,
        state=EntryState.WAITING,
        joined_at=now,
        boost_s=boost,
    )
    db.add(entry)
    await db.flush()
    return entry


async def stamp_back(db: AsyncSession, now: datetime) -> None:
    """Who joined in the future joined before the clock was set back: stays ahead of whoever comes now, by id."""
    await db.execute(
        update(WaitingEntry)
        .where(WaitingEntry.state.in_(IN_LINE), WaitingEntry.joined_at > now)
        .values(joined_at=now)
        .execution_options(synchronize_session=False)
    )


async def entry_of(db: AsyncSession, consultation_id: ConsultationId) -> WaitingEntry | None:
    query = select(WaitingEntry).where(WaitingEntry.consultation_id == consultation_id)
    return await db.scalar(query.execution_options(populate_existing=True))


async def move_entry(
    db: AsyncSession, entry_id: EntryId, old: Iterable[EntryState], new: EntryState, **values: Any
) -> None:
    """One conditional UPDATE.

    Raises Conflict when another transaction was first; ValueError for a move the table does not know.
    """
    sources = frozenset(old)
    unknown = [state for state in sources if new not in ENTRY_TRANSITIONS[state]]
    if unknown:
        raise ValueError(f"the waiting line has no {unknown[0]} → {new}")
    query = (
        update(WaitingEntry)
        .where(WaitingEntry.id == entry_id, WaitingEntry.state.in_(sources))
        .values(state=new, **values)
        .returning(WaitingEntry.id)
        .execution_options(synchronize_session=False)
    )
    if (await db.execute(query)).scalar_one_or_none() is None:
        now_in = await db.scalar(select(WaitingEntry.state).where(WaitingEntry.id == entry_id))
        raise Conflict("排队的状态已经变了，请看最新的状态。", now_in)


async def line(db: AsyncSession) -> Sequence[WaitingEntry]:
    """Everybody who has a place (waiting, offered, absent, callback), first in line first."""
    query = select(WaitingEntry).where(WaitingEntry.state.in_(IN_LINE)).execution_options(populate_existing=True)
    rows = (await db.scalars(query)).all()
    return sorted(rows, key=lambda row: (row.joined_at - timedelta(seconds=row.boost_s), row.id))


async def place(db: AsyncSession, consultation_id: ConsultationId) -> Place | None:
    """None when the consultation is not in the line."""
    ids = [row.consultation_id for row in await line(db)]
    if consultation_id not in ids:
        return None
    index = ids.index(consultation_id)
    return Place(index + 1, ids[:index])
