"""Tables of recordings, their sealed bags and their replays; and the one transition table of a recording."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler import audit
from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Conflict, NotFound
from scheduler.ids import ConsultationId, OrgId, PersonId


class RecordingState(StrEnum):
    IDLE = "idle"
    RECORDING = "recording"
    PAUSED = "paused"
    CLOSING = "closing"
    REMUXING = "remuxing"
    SEALED = "sealed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


_S = RecordingState
TRANSITIONS: dict[RecordingState, frozenset[RecordingState]] = {
    _S.IDLE: frozenset({_S.RECORDING, _S.PAUSED, _S.CLOSING}),
    _S.RECORDING: frozenset({_S.PAUSED, _S.CLOSING, _S.IDLE}),
    _S.PAUSED: frozenset({_S.RECORDING, _S.CLOSING, _S.IDLE}),
    _S.CLOSING: frozenset({_S.REMUXING}),
    # A server that died while remuxing begins again.
    _S.REMUXING: frozenset({_S.REMUXING, _S.SEALED, _S.INCOMPLETE, _S.FAILED}),
    _S.FAILED: frozenset({_S.REMUXING}),
    _S.SEALED: frozenset(),
    _S.INCOMPLETE: frozenset(),
}
OPEN = frozenset({_S.IDLE, _S.RECORDING, _S.PAUSED})
UNSEALED = OPEN | {_S.CLOSING, _S.REMUXING, _S.FAILED}
DONE = frozenset({_S.SEALED, _S.INCOMPLETE})


class BagKind(StrEnum):
    MEDIA = "media"
    TEXT = "text"


class DataKey(Base):
    """A data key under the master key; `wrapped` is emptied when the content is disposed of."""

    __tablename__ = "data_key"

    owner_id: Mapped[str] = mapped_column(Id, primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    destroyed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Recording(Base):
    """One per consultation at most; it may pause, stop and go on, each time in a new part."""

    __tablename__ = "recording"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), unique=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    state: Mapped[RecordingState] = mapped_column(word(RecordingState), index=True)
    cause: Mapped[str | None] = mapped_column(String(40))
    # Consent was withdrawn: sealed, but not to be watched until the archivist has decided.
    barred: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration_s: Mapped[float | None] = mapped_column(Float)
    expected_s: Mapped[float | None] = mapped_column(Float)
    complete: Mapped[bool | None] = mapped_column(Boolean)
    dossier: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(String(500), default="")


class RecordingPart(Base):
    __tablename__ = "recording_part"
    __table_args__ = (UniqueConstraint("recording_id", "publication_id", "part"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    recording_id: Mapped[str] = mapped_column(Id, ForeignKey("recording.id"))
    publication_id: Mapped[str] = mapped_column(String(80))
    participant_id: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(16))
    codec: Mapped[str] = mapped_column(String(8))
    part: Mapped[int] = mapped_column(Integer)
    from_s: Mapped[float] = mapped_column(Float)
    to_s: Mapped[float] = mapped_column(Float)
    path: Mapped[str | None] = mapped_column(String(160))
    journal_head: Mapped[str] = mapped_column(String(64))


class Bag(Base):
    """A sealed bag: of a recording's media, or of a consultation's text record. `head` is seal/head.json as signed."""

    __tablename__ = "bag"
    __table_args__ = (UniqueConstraint("consultation_id", "kind"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[BagKind] = mapped_column(word(BagKind))
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"))
    recording_id: Mapped[str | None] = mapped_column(Id, ForeignKey("recording.id"), index=True)
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    head: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))


class BagFile(Base):
    """One file of a bag: digests of its content, and of its sealed bytes for a check that needs no key."""

    __tablename__ = "bag_file"
    __table_args__ = (UniqueConstraint("bag_id", "path"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    bag_id: Mapped[str] = mapped_column(Id, ForeignKey("bag.id"))
    path: Mapped[str] = mapped_column(String(160))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sm3: Mapped[str] = mapped_column(String(64))
    sealed_bytes: Mapped[int] = mapped_column(BigInteger)
    sealed_sha256: Mapped[str] = mapped_column(String(64))


class Replay(Base):
    """An auditor's permission, by reason, to watch one recording; made anew each time."""

    __tablename__ = "replay"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    recording_id: Mapped[str] = mapped_column(Id, ForeignKey("recording.id"), index=True)
    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"), index=True)
    reason: Mapped[str] = mapped_column(String(500))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_check: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class ReplaySpan(Base):
    """Seconds of the time line that were really watched."""

    __tablename__ = "replay_span"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    replay_id: Mapped[str] = mapped_column(Id, ForeignKey("replay.id"), index=True)
    from_s: Mapped[float] = mapped_column(Float)
    to_s: Mapped[float] = mapped_column(Float)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReplayNote(Base):
    """A time-coded note; it belongs to the recording, and every auditor sees it."""

    __tablename__ = "replay_note"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    recording_id: Mapped[str] = mapped_column(Id, ForeignKey("recording.id"), index=True)
    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    at_s: Mapped[float] = mapped_column(Float)
    text: Mapped[str] = mapped_column(String(1000))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


async def recording(db: AsyncSession, recording_id: str) -> Recording:
    """As it is in the database now. Raises NotFound."""
    found = await db.get(Recording, recording_id, populate_existing=True)
    if found is None:
        raise NotFound("没有这份录像。")
    return found


async def bar(db: AsyncSession, consultation_id: ConsultationId, now: datetime, person_id: PersonId | None) -> None:
    """Bar the consultation's recording, if there is one, from replay for good, whatever its state. Audited once.

    To be called in the transaction that records the withdrawal; `person_id`: who recorded it.
    """
    found = await db.scalar(
        select(Recording).where(Recording.consultation_id == consultation_id).execution_options(populate_existing=True)
    )
    if found is None or found.barred:
        return
    found.barred = True
    await db.flush()
    await audit.append(
        db,
        at=now,
        action="recording.barred",
        subject_kind="recording",
        subject_id=found.id,
        person_id=person_id,
        org_id=found.org_id,
        detail={"consultation_id": consultation_id, "state": found.state},
    )


async def move(
    db: AsyncSession, recording_id: str, old: Iterable[RecordingState], new: RecordingState, **values: Any
) -> Recording:
    """One conditional UPDATE. Raises Conflict with the state it is in now; ValueError for a move the table does not
    know.
    """
    sources = frozenset(old)
    unknown = [state for state in sources if new not in TRANSITIONS[state]]
    if unknown:
        raise ValueError(f"the transition table has no {unknown[0]} → {new}")
    query = (
        update(Recording)
        .where(Recording.id == recording_id, Recording.state.in_(sources))
        .values(state=new, **values)
        .returning(Recording.id)
        .execution_options(synchronize_session=False)
    )
    moved = (await db.execute(query)).scalar_one_or_none()
    found = await recording(db, recording_id)
    if moved is None:
        raise Conflict("录像的状态已经变了，请看最新的状态。", found.state)
    return found
