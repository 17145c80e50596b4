"""What is written during and after a consultation: the consultation record, the points sent to the visitor, the chat."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.ids import ConsultationId, OrgId, ParticipantId, PersonId, VisitId
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
