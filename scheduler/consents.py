"""Who agreed to what, in which words: append-only rows, one per natural person and purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler import audit
from scheduler.access import Action, Viewer, permit
from scheduler.consent_texts import Audience, ConsentText, current_text, keep_text, text_of_version
from scheduler.consultations import (
    Consultation,
    Mode,
    ParticipantRole,
    consultation,
    consultation_in_progress_of,
    participant_of,
    participants,
)
from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Conflict, Denied, Invalid, NotFound
from scheduler.ids import ConsentId, ConsultationId, ParticipantId, PersonId, new_id
from scheduler.terms import MatterCategory


class Purpose(StrEnum):
    RECORDING = "recording"
    ID_COPY = "id_copy"
    SHARING = "sharing"


class Answer(StrEnum):
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Method(StrEnum):
    SIGNED = "signed"
    SPOKEN = "spoken"
    CLERK_WITNESSED = "clerk_witnessed"
    # On the person's own screen: staff who answer on their account, invited parties who press 「进入」.
    ON_SCREEN = "on_screen"


class Subject(StrEnum):
    """Whose consent it is."""

    VISITOR = "visitor"
    COMPANION = "companion"
    STAFF = "staff"
    INVITED = "invited"


class Consent(Base):
    """A later row of the same subject replaces an earlier one; none is ever changed.

    consultation_id is NULL for a standing consent of staff.
    """

    __tablename__ = "consent"
    id: Mapped[ConsentId] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId | None] = mapped_column(Id, ForeignKey("consultation.id"), index=True)
    subject: Mapped[Subject] = mapped_column(word(Subject))
    # Tells several people of one kind apart: a person id, a participant id, or the companion's name.
    subject_key: Mapped[str] = mapped_column(String(80), default="")
    person_id: Mapped[PersonId | None] = mapped_column(Id, ForeignKey("person.id"), index=True)
    participant_id: Mapped[ParticipantId | None] = mapped_column(Id, ForeignKey("participant.id"))
    purpose: Mapped[Purpose] = mapped_column(word(Purpose))
    answer: Mapped[Answer] = mapped_column(word(Answer))
    method: Mapped[Method] = mapped_column(word(Method))
    text_version: Mapped[str] = mapped_column(String(40))
    text_sha256: Mapped[str] = mapped_column(String(64))
    guardian_name: Mapped[str] = mapped_column(String(40), default="")
    created_by: Mapped[PersonId | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Barrier(StrEnum):
    """Why nothing may be recorded; the first three are causes in PROTOCOL.md's RecordingState."""

    REFUSED = "refused"
    CRIMINAL = "criminal"
    WITHDRAWN = "withdrawn"
    TELEPHONE = "telephone"


@dataclass(frozen=True, slots=True)
class RecordingConsent:
    """answer: the visitor's, for records and screens. barrier: None when recording is allowed."""

    answer: Answer
    barrier: Barrier | None
    text_version: str
    text_sha256: str
    guardian_name: str
    given_at: datetime

    @property
    def allowed(self) -> bool:
        return self.barrier is None


async def record_answer(
    db: AsyncSession,
    *,
    subject: Subject,
    answer: Answer,
    method: Method,
    text: ConsentText,
    now: datetime,
    created_by: PersonId | None,
    consultation_id: ConsultationId | None = None,
    person_id: PersonId | None = None,
    participant_id: ParticipantId | None = None,
    subject_key: str = "",
    guardian_name: str = "",
    purpose: Purpose = Purpose.RECORDING,
) -> Consent:
    """Appends a row; the subject's latest row is the one in force."""
    await keep_text(db, text, now)
    key = (subject_key or person_id or participant_id or "")[:80]
    row = Consent(
        id=ConsentId(new_id()),
        consultation_id=consultation_id,
        subject=subject,
        subject_key=key,
        person_id=person_id,
        participant_id=participant_id,
        purpose=purpose,
        answer=answer,
        method=method,
        text_version=text.version,
        text_sha256=text.sha256,
        guardian_name=guardian_name,
        created_by=created_by,
        created_at=now,
    )
    db.add(row)
    await db.flush()
    return row


async def in_force(db: AsyncSession, consultation_id: ConsultationId) -> RecordingConsent:
    """Whether this consultation may be recorded now.

    Everybody who is heard must have agreed and nobody may have withdrawn.

    Criminal matters and telephone talks are never recorded, whatever was answered. Raises NotFound.
    """
    found = await consultation(db, consultation_id)
    rows = await history(db, consultation_id)
    visitor = [row for row in rows if row.subject is Subject.VISITOR]
    if not visitor:
        raise NotFound("这次会话没有同意记录。")
    last = visitor[-1]
    latest = {(row.subject, row.subject_key): row.answer for row in rows}
    answers = [*latest.values(), *(await _standing_answers(db, found))]
    return RecordingConsent(
        answer=last.answer,
        barrier=_barrier(found, answers),
        text_version=last.text_version,
        text_sha256=last.text_sha256,
        guardian_name=last.guardian_name,
        given_at=last.created_at,
    )


async def history(db: AsyncSession, consultation_id: ConsultationId) -> Sequence[Consent]:
    """All answers about recording this consultation, in the order in which they were given."""
    query = (
        select(Consent)
        .where(Consent.consultation_id == consultation_id, Consent.purpose == Purpose.RECORDING)
        .order_by(Consent.id)
    )
    return (await db.scalars(query)).all()


async def withdraw(
    db: AsyncSession, consultation_id: ConsultationId, viewer: Viewer, now: datetime
) -> RecordingConsent:
    """「停止录制」: final for this consultation.

    The clerk presses for the visitor, the lawyer for himself. Already withdrawn is fine.
    """
    before = await in_force(db, consultation_id)
    participant = await participant_of(db, consultation_id, viewer.person_id)
    if participant is None:
        raise Denied(Action.STOP_RECORDING)
    by_visitor = participant.role is ParticipantRole.CLERK
    already = before.answer is Answer.WITHDRAWN if by_visitor else before.barrier is Barrier.WITHDRAWN
    if not already:
        await record_answer(
            db,
            consultation_id=consultation_id,
            subject=Subject.VISITOR if by_visitor else Subject.STAFF,
            person_id=None if by_visitor else viewer.person_id,
            participant_id=participant.id,
            subject_key="" if by_visitor else viewer.person_id,
            answer=Answer.WITHDRAWN,
            method=Method.CLERK_WITNESSED if by_visitor else Method.ON_SCREEN,
            text=await text_of_version(db, before.text_version),
            now=now,
            created_by=viewer.person_id,
            guardian_name=before.guardian_name,
        )
    return await in_force(db, consultation_id)


async def set_standing(db: AsyncSession, person_id: PersonId, answer: Answer, now: datetime) -> None:
    """A clerk's or lawyer's own consent to be recorded at work, given or withdrawn on the account."""
    await record_answer(
        db,
        subject=Subject.STAFF,
        person_id=person_id,
        answer=answer,
        method=Method.ON_SCREEN,
        text=await current_text(db, Audience.STAFF),
        now=now,
        created_by=person_id,
    )


async def standing(db: AsyncSession, person_id: PersonId) -> Answer | None:
    """None: never asked; counts as not given."""
    last = await _last_standing(db, person_id)
    return None if last is None else last.answer


async def answer_standing(
    db: AsyncSession, viewer: Viewer, answer: Answer, *, text_version: str, text_sha256: str, now: datetime
) -> Answer:
    """What a clerk or lawyer answers on the account; returns what is in force, a refusal after GIVEN is WITHDRAWN.

    The same answer to the same words again adds no row.  Raises Denied, Invalid when the words have been replaced, and
    Conflict in a consultation in progress: what stops a running recording is 「停止录制」 in the room.
    """
    permit(viewer, Action.SET_STANDING_CONSENT)
    text = await current_text(db, Audience.STAFF)
    if (text_version, text_sha256) != (text.version, text.sha256):
        raise Invalid({"text": "告知书换了，请看过新的再选"}, "告知书刚换了，请看过新的再选一次。")
    last = await _last_standing(db, viewer.person_id)
    before = None if last is None else last.answer
    after = Answer.WITHDRAWN if answer is Answer.REFUSED and before in (Answer.GIVEN, Answer.WITHDRAWN) else answer
    if last is not None and (after, text.version) == (before, last.text_version):
        return after
    if await consultation_in_progress_of(db, viewer.person_id) is not None:
        raise Conflict("会话还在进行，现在不能改。要马上停，请在会话里按「停止录制」；会话结束后再来改。")
    await set_standing(db, viewer.person_id, after, now)
    await audit.append(
        db,
        at=now,
        action="consent.standing",
        subject_kind="person",
        subject_id=viewer.person_id,
        person_id=viewer.person_id,
        org_id=viewer.org_id,
        detail={"answer": after, "text_version": text.version, "text_sha256": text.sha256},
    )
    return after


async def _last_standing(db: AsyncSession, person_id: PersonId) -> Consent | None:
    query = (
        select(Consent)
        .where(Consent.consultation_id.is_(None), Consent.person_id == person_id, Consent.purpose == Purpose.RECORDING)
        .order_by(Consent.id.desc())
        .limit(1)
    )
    return await db.scalar(query)


async def _standing_answers(db: AsyncSession, found: Consultation) -> list[Answer]:
    people = [row.person_id for row in await participants(db, found.id) if row.role is not ParticipantRole.INVITED]
    # A standing refusal or withdrawal of staff reads as a refusal here: it was not made in this consultation.
    return [
        Answer.GIVEN if await standing(db, person_id) is Answer.GIVEN else Answer.REFUSED
        for person_id in people
        if person_id is not None
    ]


def _barrier(found: Consultation, answers: Sequence[Answer]) -> Barrier | None:
    if found.category is MatterCategory.CRIMINAL:
        return Barrier.CRIMINAL
    if Answer.WITHDRAWN in answers:
        return Barrier.WITHDRAWN
    if Answer.REFUSED in answers:
        return Barrier.REFUSED
    return None if found.mode is Mode.VIDEO else Barrier.TELEPHONE
