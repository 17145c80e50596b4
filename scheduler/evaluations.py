"""What visitors think of the service: five grades, or the answer not to answer.

The rated person never sees a single one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Boolean, ForeignKey, SmallInteger, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler import audit
from scheduler.access import Action, Viewer
from scheduler.consultations import ConsultationState
from scheduler.db import Base, Id, UtcDateTime
from scheduler.errors import Conflict, Invalid
from scheduler.ids import ConsultationId, OrgId, PersonId, new_id
from scheduler.intake import own_consultation

BEST, WORST, POOR = 5, 1, 2
COMMENT_LENGTH = 500
# Fifteen working days, without holidays.
RECTIFY_WITHIN = timedelta(days=21)
DIMENSIONS = ("overall", "attitude", "efficiency", "policy", "competence")


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
    comment: Mapped[str] = mapped_column(String(COMMENT_LENGTH), default="")
    # Set for the two poor grades: to be put right and followed up.
    rectify_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Grades:
    """5 = 非常满意 … 1 = 非常不满意. declined: 「不评价」, an answer like the others."""

    declined: bool
    overall: int | None = None
    attitude: int | None = None
    efficiency: int | None = None
    policy: int | None = None
    competence: int | None = None
    comment: str = ""


async def evaluate(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, grades: Grades, now: datetime
) -> None:
    """Once per consultation.

    Raises Invalid(overall, …), Conflict (rated already, or the consultation has not ended).
    """
    found = await own_consultation(db, viewer, consultation_id, Action.GIVE_EVALUATION)
    if found.state not in (ConsultationState.WRAP_UP, ConsultationState.CLOSED):
        raise Conflict("会话结束后才能评价。", found.state)
    if await evaluation_of(db, consultation_id) is not None:
        raise Conflict("已经评价过了，谢谢。", "rated")
    check(grades)
    given = {name: None if grades.declined else getattr(grades, name) for name in DIMENSIONS}
    poor = given["overall"] is not None and given["overall"] <= POOR
    db.add(
        Evaluation(
            id=new_id(),
            consultation_id=consultation_id,
            org_id=found.org_id,
            declined=grades.declined,
            comment="" if grades.declined else grades.comment.strip(),
            rectify_due_at=now + RECTIFY_WITHIN if poor else None,
            created_by=viewer.person_id,
            created_at=now,
            **given,
        )
    )
    await db.flush()
    # The trail tells that somebody answered, not what.
    await audit.append(
        db,
        at=now,
        person_id=viewer.person_id,
        org_id=found.org_id,
        action="evaluation.give",
        subject_kind="consultation",
        subject_id=consultation_id,
    )


def check(grades: Grades) -> None:
    problems = {
        name: "选一个评价"
        for name in DIMENSIONS
        if getattr(grades, name) is not None and not WORST <= getattr(grades, name) <= BEST
    }
    if not grades.declined and grades.overall is None:
        problems["overall"] = "选一个评价，或者选「不评价」"
    if len(grades.comment) > COMMENT_LENGTH:
        problems["comment"] = f"最多 {COMMENT_LENGTH} 个字"
    if problems:
        raise Invalid(problems)


async def evaluation_of(db: AsyncSession, consultation_id: ConsultationId) -> Evaluation | None:
    return await db.scalar(select(Evaluation).where(Evaluation.consultation_id == consultation_id))
