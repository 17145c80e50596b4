"""The consultation: its states, its one transition table, its participants, and the moves between states."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Conflict, NotFound
from scheduler.ids import CaseId, ConsultationId, OrgId, ParticipantId, PersonId, VisitId, new_id
from scheduler.terms import MatterCategory


class ConsultationState(StrEnum):
    REGISTERED = "registered"
    WAITING = "waiting"
    OFFERED = "offered"
    ACTIVE = "active"
    INTERRUPTED = "interrupted"
    WRAP_UP = "wrap_up"
    CLOSED = "closed"
    CALLBACK = "callback"
    ABANDONED = "abandoned"
    REBOOKED = "rebooked"
    FAILED = "failed"


_S = ConsultationState
TRANSITIONS: dict[ConsultationState, frozenset[ConsultationState]] = {
    _S.REGISTERED: frozenset({_S.WAITING, _S.ABANDONED}),
    _S.WAITING: frozenset({_S.OFFERED, _S.CALLBACK, _S.ABANDONED, _S.REBOOKED}),
    _S.OFFERED: frozenset({_S.ACTIVE, _S.WAITING, _S.CALLBACK, _S.ABANDONED}),
    _S.ACTIVE: frozenset({_S.INTERRUPTED, _S.WRAP_UP, _S.FAILED}),
    _S.INTERRUPTED: frozenset({_S.ACTIVE, _S.WRAP_UP, _S.FAILED}),
    _S.WRAP_UP: frozenset({_S.CLOSED}),
    # The visitor keeps the place and is phoned: offered to a lawyer like everybody else.
    _S.CALLBACK: frozenset({_S.OFFERED, _S.ABANDONED, _S.REBOOKED}),
    _S.CLOSED: frozenset(),
    _S.ABANDONED: frozenset(),
    _S.REBOOKED: frozenset(),
    _S.FAILED: frozenset(),
}
IN_PROGRESS = frozenset({_S.ACTIVE, _S.INTERRUPTED})
LIVE = frozenset({_S.WAITING, _S.OFFERED}) | IN_PROGRESS


class Mode(StrEnum):
    """How lawyer and visitor talk."""

    VIDEO = "video"
    # Started as video, went on by telephone; the visitor is still at the station.
    PHONE = "phone"
    # The visitor has left and is phoned when the turn comes; the station is free for the next one.
    CALLBACK = "callback"


class ParticipantRole(StrEnum):
    CLERK = "clerk"
    LAWYER = "lawyer"
    INVITED = "invited"


_LIVE_SQL = "state IN ('waiting', 'offered', 'active', 'interrupted') AND mode <> 'callback'"
_BUSY_SQL = "state IN ('active', 'interrupted')"


class Consultation(Base):
    __tablename__ = "consultation"
    __table_args__ = (
        Index(
            "uq_consultation_live_station",
            "org_id",
            unique=True,
            sqlite_where=text(_LIVE_SQL),
            postgresql_where=text(_LIVE_SQL),
        ),
        Index(
            "uq_consultation_busy_lawyer",
            "lawyer_id",
            unique=True,
            sqlite_where=text(_BUSY_SQL),
            postgresql_where=text(_BUSY_SQL),
        ),
        Index("ix_consultation_lawyer_ended", "lawyer_id", "ended_at"),
    )

    id: Mapped[ConsultationId] = mapped_column(Id, primary_key=True)
    visit_id: Mapped[VisitId] = mapped_column(Id, ForeignKey("visit_registration.id"), index=True)
    case_id: Mapped[CaseId] = mapped_column(Id, ForeignKey("case_record.id"), index=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    clerk_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    lawyer_id: Mapped[PersonId | None] = mapped_column(Id, ForeignKey("person.id"))
    state: Mapped[ConsultationState] = mapped_column(word(ConsultationState), index=True)
    mode: Mapped[Mode] = mapped_column(word(Mode), default=Mode.VIDEO)
    category: Mapped[MatterCategory] = mapped_column(word(MatterCategory))
    ticket: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Both sides in the room for the first time.
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    interrupted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_cause: Mapped[str | None] = mapped_column(String(40))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Participant(Base):
    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("consultation_id", "person_id"),)

    id: Mapped[ParticipantId] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), index=True)
    person_id: Mapped[PersonId | None] = mapped_column(Id, ForeignKey("person.id"))
    role: Mapped[ParticipantRole] = mapped_column(word(ParticipantRole))
    name: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    joined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    id: ParticipantId
    consultation_id: ConsultationId
    person_id: PersonId | None
    role: ParticipantRole
    name: str


async def consultation(db: AsyncSession, consultation_id: ConsultationId) -> Consultation:
    """As it is in the database now, whatever this session has read before. Raises NotFound."""
    found = await db.get(Consultation, consultation_id, populate_existing=True)
    if found is None:
        raise NotFound("没有这次会话。")
    return found


async def move(
    db: AsyncSession,
    consultation_id: ConsultationId,
    old: Iterable[ConsultationState],
    new: ConsultationState,
    **values: Any,
) -> Consultation:
    """One conditional UPDATE. Raises Conflict (with the state it is in now) when another transaction was first.

    A move that the transition table does not know is a bug: ValueError.
    """
    sources = frozenset(old)
    unknown = [state for state in sources if new not in TRANSITIONS[state]]
    if unknown:
        raise ValueError(f"the transition table has no {unknown[0]} → {new}")
    query = (
        update(Consultation)
        .where(Consultation.id == consultation_id, Consultation.state.in_(sources))
        .values(state=new, **values)
        .returning(Consultation.id)
        .execution_options(synchronize_session=False)
    )
    moved = (await db.execute(query)).scalar_one_or_none()
    found = await consultation(db, consultation_id)
    if moved is None:
        raise Conflict("会话的状态已经变了，请看最新的状态。", found.state)
    return found


async def add_participant(
    db: AsyncSession,
    consultation_id: ConsultationId,
    person_id: PersonId | None,
    role: ParticipantRole,
    name: str,
    now: datetime,
) -> ParticipantRow:
    """The same person again is the same participant."""
    if person_id is not None:
        known = await participant_of(db, consultation_id, person_id)
        if known is not None:
            return known
    row = Participant(
        id=ParticipantId(new_id()),
        consultation_id=consultation_id,
        person_id=person_id,
        role=role,
        name=name,
        created_at=now,
    )
    db.add(row)
    await db.flush()
    return _row(row)


async def participant_of(
    db: AsyncSession, consultation_id: ConsultationId, person_id: PersonId
) -> ParticipantRow | None:
    query = select(Participant).where(
        Participant.consultation_id == consultation_id, Participant.person_id == person_id
    )
    found = await db.scalar(query)
    return None if found is None else _row(found)


async def participants(db: AsyncSession, consultation_id: ConsultationId) -> Sequence[ParticipantRow]:
    query = select(Participant).where(Participant.consultation_id == consultation_id).order_by(Participant.id)
    return [_row(row) for row in (await db.scalars(query)).all()]


async def begin(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> datetime:
    """Both sides are in the room: stamps `started_at` once and returns it."""
    query = (
        update(Consultation)
        .where(
            Consultation.id == consultation_id,
            Consultation.state.in_(IN_PROGRESS),
            Consultation.started_at.is_(None),
        )
        .values(started_at=now)
        .execution_options(synchronize_session=False)
    )
    await db.execute(query)
    found = await consultation(db, consultation_id)
    if found.started_at is None:
        raise Conflict("会话不在进行中。", found.state)
    return found.started_at


async def interrupt(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> Consultation:
    """A side has lost its connection. Already interrupted is fine."""
    found = await consultation(db, consultation_id)
    if found.state == ConsultationState.INTERRUPTED:
        return found
    return await move(db, consultation_id, [_S.ACTIVE], _S.INTERRUPTED, interrupted_at=now)


async def resume(db: AsyncSession, consultation_id: ConsultationId) -> Consultation:
    """All sides are back. Already active is fine."""
    found = await consultation(db, consultation_id)
    if found.state == ConsultationState.ACTIVE:
        return found
    return await move(db, consultation_id, [_S.INTERRUPTED], _S.ACTIVE, interrupted_at=None)


async def open_consultation_of_station(db: AsyncSession, org_id: OrgId) -> ConsultationId | None:
    """The one that the station's page returns to: waiting, offered, active or interrupted."""
    query = select(Consultation.id).where(
        Consultation.org_id == org_id, Consultation.state.in_(LIVE), Consultation.mode != Mode.CALLBACK
    )
    return await db.scalar(query)


async def open_consultation_of_lawyer(db: AsyncSession, person_id: PersonId) -> ConsultationId | None:
    """active or interrupted; forms still to be written do not count."""
    query = select(Consultation.id).where(Consultation.lawyer_id == person_id, Consultation.state.in_(IN_PROGRESS))
    return await db.scalar(query)


async def consultation_in_progress_of(db: AsyncSession, person_id: PersonId) -> ConsultationId | None:
    """The one that this person, clerk or lawyer, takes part in now."""
    query = (
        select(Consultation.id)
        .join(Participant, Participant.consultation_id == Consultation.id)
        .where(Participant.person_id == person_id, Consultation.state.in_(IN_PROGRESS))
        .limit(1)
    )
    return await db.scalar(query)


async def consultations_in_progress(db: AsyncSession) -> Sequence[ConsultationId]:
    """For a server that has just started: what it has to take up again."""
    query = select(Consultation.id).where(Consultation.state.in_(IN_PROGRESS)).order_by(Consultation.id)
    return (await db.scalars(query)).all()


def _row(row: Participant) -> ParticipantRow:
    return ParticipantRow(row.id, row.consultation_id, row.person_id, row.role, row.name)
