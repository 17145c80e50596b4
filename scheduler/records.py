"""What is written during and after a consultation: the consultation record, the points sent to the visitor, the
chat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.cases import VisitRegistration
from scheduler.consultations import IN_PROGRESS, Consultation, consultation, participant_of
from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Conflict, Denied, Invalid, Refused
from scheduler.ids import ConsultationId, OrgId, ParticipantId, PersonId, VisitId, new_id
from scheduler.terms import MatterCategory, Outcome

CHAT_LENGTH = 500
POINT_LENGTH = 300
ADVICE_LENGTH = 8000
LAW_LENGTH = 1000
MESSAGES_LIMIT = 2000


class ConsultationRecord(Base):
    """Opened when the lawyer accepts, confirmed at 「办结」; from then on nobody writes to it."""

    __tablename__ = "consultation_record"

    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), primary_key=True)
    visit_id: Mapped[VisitId] = mapped_column(Id, ForeignKey("visit_registration.id"), index=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"))
    lawyer_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"), index=True)
    category: Mapped[MatterCategory] = mapped_column(word(MatterCategory))
    opposing_party: Mapped[str] = mapped_column(String(200), default="")
    facts: Mapped[str] = mapped_column(Text, default="")
    claim: Mapped[str] = mapped_column(Text, default="")
    # NULL until the lawyer first saves: then the draft is the numbered points.
    advice: Mapped[str | None] = mapped_column(Text)
    law_cited: Mapped[str] = mapped_column(String(1000), default="")
    aid_rights_told: Mapped[bool] = mapped_column(Boolean, default=False)
    conflict_checked: Mapped[bool] = mapped_column(Boolean, default=False)
    outcome: Mapped[Outcome | None] = mapped_column(word(Outcome))
    extended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    protected_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[PersonId] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)


class AdvicePoint(Base):
    __tablename__ = "advice_point"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), index=True)
    text: Mapped[str] = mapped_column(String(POINT_LENGTH))
    created_by: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChatMessage(Base):
    __tablename__ = "chat_message"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), index=True)
    participant_id: Mapped[ParticipantId] = mapped_column(Id, ForeignKey("participant.id"))
    name: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(CHAT_LENGTH))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Point:
    id: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """participant_id is `from` on the wire."""

    id: str
    participant_id: ParticipantId
    name: str
    text: str
    at: datetime


async def open_record(db: AsyncSession, found: Consultation, lawyer_id: PersonId, now: datetime) -> ConsultationRecord:
    """Starts the record with what the visitor has said so far."""
    visit = await db.get_one(VisitRegistration, found.visit_id)
    record = ConsultationRecord(
        consultation_id=found.id,
        visit_id=found.visit_id,
        org_id=found.org_id,
        lawyer_id=lawyer_id,
        category=found.category,
        opposing_party=visit.opposing_party,
        facts=visit.facts,
        created_by=lawyer_id,
        created_at=now,
        version=1,
    )
    db.add(record)
    await db.flush()
    return record


async def add_message(
    db: AsyncSession, consultation_id: ConsultationId, person_id: PersonId, text: str, now: datetime
) -> Message:
    """A chat message of a participant.

    Raises Denied (no participant), Invalid (length), Conflict (not in progress), Refused (too many).
    """
    participant = await participant_of(db, consultation_id, person_id)
    if participant is None:
        raise Denied("chat", "您不在这次会话里。")
    text = _checked(text, CHAT_LENGTH)
    await _check_open(db, consultation_id)
    await _check_room(db, consultation_id)
    row = ChatMessage(
        id=new_id(),
        consultation_id=consultation_id,
        participant_id=participant.id,
        name=participant.name,
        text=text,
        at=now,
    )
    db.add(row)
    await db.flush()
    return Message(row.id, row.participant_id, row.name, row.text, row.at)


async def add_point(
    db: AsyncSession, consultation_id: ConsultationId, person_id: PersonId, text: str, now: datetime
) -> Point:
    """A line that the lawyer sends to the visitor's panel; the lines become the draft of the advice."""
    found = await _check_open(db, consultation_id)
    if found.lawyer_id != person_id:
        raise Denied("send_point", "只有答复的律师能发要点。")
    text = _checked(text, POINT_LENGTH)
    await _check_room(db, consultation_id)
    row = AdvicePoint(id=new_id(), consultation_id=consultation_id, text=text, created_by=person_id, at=now)
    db.add(row)
    await db.flush()
    return Point(row.id, row.text, row.at)


async def messages(db: AsyncSession, consultation_id: ConsultationId) -> Sequence[Message]:
    query = select(ChatMessage).where(ChatMessage.consultation_id == consultation_id).order_by(ChatMessage.id)
    return [Message(row.id, row.participant_id, row.name, row.text, row.at) for row in (await db.scalars(query)).all()]


async def points(db: AsyncSession, consultation_id: ConsultationId) -> Sequence[Point]:
    query = select(AdvicePoint).where(AdvicePoint.consultation_id == consultation_id).order_by(AdvicePoint.id)
    return [Point(row.id, row.text, row.at) for row in (await db.scalars(query)).all()]


def _checked(text: str, limit: int) -> str:
    text = text.strip()
    if not 1 <= len(text) <= limit:
        raise Invalid({"text": f"写 1 到 {limit} 个字"})
    return text


async def _check_open(db: AsyncSession, consultation_id: ConsultationId) -> Consultation:
    found = await consultation(db, consultation_id)
    if found.state not in IN_PROGRESS:
        raise Conflict("会话已经结束，不能再发。", found.state)
    return found


async def _check_room(db: AsyncSession, consultation_id: ConsultationId) -> None:
    sent = [
        await db.scalar(select(func.count()).select_from(table).where(table.consultation_id == consultation_id)) or 0
        for table in (ChatMessage, AdvicePoint)
    ]
    if sum(sent) >= MESSAGES_LIMIT:
        raise Refused("throttled", "这次会话发的消息太多了，请口头说。")
