"""Who agreed to what, in which words: append-only rows, one per natural person and purpose."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.ids import ConsentId, ConsultationId, ParticipantId, PersonId


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
    # On the person's own screen: staff who agree when they set their password, invited parties who press 「进入」.
    ON_SCREEN = "on_screen"


class Subject(StrEnum):
    """Whose consent it is."""

    VISITOR = "visitor"
    COMPANION = "companion"
    STAFF = "staff"
    INVITED = "invited"


class Consent(Base):
    """A later row of the same subject replaces an earlier one; none is ever changed. consultation_id is NULL for a standing consent of staff."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("consultation_id", "subject", "subject_key", "purpose", "seq"),)

    id: Mapped[ConsentId] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId | None] = mapped_column(Id, ForeignKey("consultation.id"), index=True)
    subject: Mapped[Subject] = mapped_column(word(Subject))
    # Tells several people of one kind apart: a person id, a participant id, or the companion's name.
    subject_key: Mapped[str] = mapped_column(String(80), default="")
    person_id: Mapped[PersonId | None] = mapped_column(Id, ForeignKey("person.id"), index=True)
    participant_id: Mapped[ParticipantId | None] = mapped_column(Id, ForeignKey("participant.id"))
    purpose: Mapped[Purpose] = mapped_column(word(Purpose))
    seq: Mapped[int] = mapped_column(Integer)
    answer: Mapped[Answer] = mapped_column(word(Answer))
    method: Mapped[Method] = mapped_column(word(Method))
    text_version: Mapped[str] = mapped_column(String(40))
    text_sha256: Mapped[str] = mapped_column(String(64))
    guardian_name: Mapped[str] = mapped_column(String(40), default="")
    created_by: Mapped[PersonId | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Barrier(StrEnum):
    """Why nothing may be recorded; the first three are causes of PROTOCOL.md's RecordingState."""

    REFUSED = "refused"
    CRIMINAL = "criminal"
    WITHDRAWN = "withdrawn"
    TELEPHONE = "telephone"
