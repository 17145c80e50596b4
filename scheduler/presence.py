"""Whether a lawyer can be asked: presence states, misses, breaks, and the protected minute and a half after a consultation."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer
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
