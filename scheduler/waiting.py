"""The waiting line: one over all stations. Entries, their places, and what a waiting visitor is told."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.ids import ConsultationId, EntryId, OrgId

CALLBACK_AFTER = timedelta(minutes=5)
ABSENT_FOR = timedelta(minutes=10)
ENTRY_LIFETIME = timedelta(hours=12)
CALLBACK_LIFETIME = timedelta(hours=72)


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
    _E.CALLBACK: frozenset({_E.OFFERED, _E.CANCELLED, _E.EXPIRED}),
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
