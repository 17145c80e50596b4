"""What visitors think of the service: five grades, or the answer not to answer. The rated person never sees a single one."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime
from scheduler.ids import ConsultationId, OrgId, PersonId


class Evaluation(Base):
    """Grades: 5 = 非常满意 … 1 = 非常不满意; all NULL when declined."""

    __tablename__ = "evaluation"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    consultation_id: Mapped[ConsultationId] = mapped_column(Id, ForeignKey("consultation.id"), unique=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    declined: Mapped[bool] = mapped_column(Boolean)
    overall: Mapped[int | None] = mapped_column(SmallInteger)
    attitude: Mapped[int | None] = mapped_column(SmallInteger)
    efficiency: Mapped[int | None] = mapped_column(SmallInteger)
    policy: Mapped[int | None] = mapped_column(SmallInteger)
    competence: Mapped[int | None] = mapped_column(SmallInteger)
    comment: Mapped[str] = mapped_column(String(500), default="")
    # Set for the two poor grades: to be put right and followed up.
    rectify_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
