"""The auditor's search over consultations that took place, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.access import Action, Viewer, permit
from scheduler.cases import CaseRecord, VisitRegistration
from scheduler.clock import day_bounds
from scheduler.consents import Answer, Consent, Subject
from scheduler.consultations import Consultation
from scheduler.errors import Refused
from scheduler.evaluations import Evaluation
from scheduler.identity import IdentityCipher, mask_name, normalise_id_number
from scheduler.ids import LENGTH, ConsultationId, OrgId
from scheduler.organisations import Organisation
from scheduler.people import Person
from scheduler.records import ConsultationRecord
from scheduler.terms import CATEGORY_NAMES, MatterCategory, Outcome

PAGE = 30
WORDS_LENGTH = 80


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """q: words, each of which must occur in case number, visitor's, clerk's or lawyer's name, street, ticket or
    visit number; a telephone or
    identity number must be whole. Days are days in Shanghai, both included. cursor: `next` of the page before.
    """

    q: str = ""
    from_day: date | None = None
    to_day: date | None = None
    org_id: OrgId | None = None
    category: MatterCategory | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """evaluation: the overall grade, "declined", or None."""

    consultation_id: ConsultationId
    case_no: str
    started_at: datetime
    street: str
    lawyer: str
    category_name: str
    visitor_masked: str
    duration_s: float | None
    outcome: Outcome | None
    evaluation: int | str | None
    consent: Answer


@dataclass(frozen=True, slots=True)
class SearchPage:
    items: Sequence[SearchHit]
    next: str | None
    total: int


async def search_consultations(
    db: AsyncSession, cipher: IdentityCipher, viewer: Viewer, wanted: SearchQuery, limit: int = PAGE
) -> SearchPage:
    """Within the viewer's branch. Raises Denied, Refused(bad_request) for a bad cursor or too many words."""
    permit(viewer, Action.SEARCH_ARCHIVE)
    if len(wanted.q) > WORDS_LENGTH:
        raise Refused("bad_request", f"搜索的字太多，最多 {WORDS_LENGTH} 个。", fields={"q": "太长"})
    if wanted.cursor is not None and len(wanted.cursor) != LENGTH:
        raise Refused("bad_request", "翻页的位置不对，请重新搜索。", fields={"cursor": "不对"})
    conditions = _conditions(cipher, viewer, wanted)
    total = await db.scalar(_joined(select(func.count(Consultation.id))).where(*conditions)) or 0
    query = _joined(
        select(
            Consultation, VisitRegistration.name, CaseRecord.case_no, Organisation.short_name, Person.name, Evaluation
        ).add_columns(ConsultationRecord.outcome)
    )
    query = query.outerjoin(Evaluation, Evaluation.consultation_id == Consultation.id)
    query = query.outerjoin(ConsultationRecord, ConsultationRecord.consultation_id == Consultation.id)
    if wanted.cursor is not None:
        query = query.where(Consultation.id < wanted.cursor)
    rows = (await db.execute(query.where(*conditions).order_by(Consultation.id.desc()).limit(limit + 1))).all()
    answers = await _answers(db, [row[0].id for row in rows[:limit]])
    items = [_hit(row, answers) for row in rows[:limit]]
    return SearchPage(items, items[-1].consultation_id if len(rows) > limit else None, total)


def _joined(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(Consultation)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .join(CaseRecord, CaseRecord.id == Consultation.case_id)
        .join(Organisation, Organisation.id == Consultation.org_id)
        .join(Person, Person.id == Consultation.lawyer_id)
    )


def _conditions(cipher: IdentityCipher, viewer: Viewer, wanted: SearchQuery) -> list[Any]:
    conditions: list[Any] = [
        Consultation.accepted_at.is_not(None),
        Organisation.path.startswith(viewer.org_path, autoescape=True),
    ]
    if wanted.from_day is not None:
        conditions.append(Consultation.accepted_at >= day_bounds(wanted.from_day)[0])
    if wanted.to_day is not None:
        conditions.append(Consultation.accepted_at < day_bounds(wanted.to_day)[1])
    if wanted.org_id is not None:
        conditions.append(Organisation.path.contains(f"/{wanted.org_id}/", autoescape=True))
    if wanted.category is not None:
        conditions.append(Consultation.category == wanted.category)
    conditions += [_word_condition(cipher, part) for part in wanted.q.split()[:8]]
    return conditions


def _word_condition(cipher: IdentityCipher, part: str) -> Any:
    texts = (
        CaseRecord.case_no,
        VisitRegistration.name,
        VisitRegistration.no,
        Organisation.name,
        Person.name,
        Consultation.ticket,
    )
    exact = [VisitRegistration.phone == part]
    if len(normalise_id_number(part)) >= 8:
        exact.append(VisitRegistration.id_number_hash == cipher.look_up_hash(part))
    categories = [category for category, name in CATEGORY_NAMES.items() if part in name]
    return or_(
        *[column.contains(part, autoescape=True) for column in texts], Consultation.category.in_(categories), *exact
    )


async def _answers(db: AsyncSession, ids: Sequence[ConsultationId]) -> dict[ConsultationId | None, Answer]:
    query = (
        select(Consent.consultation_id, Consent.answer)
        .where(Consent.consultation_id.in_(ids), Consent.subject == Subject.VISITOR)
        .order_by(Consent.id)
    )
    return {row[0]: row[1] for row in (await db.execute(query)).all()}


def _hit(row: Any, answers: dict[ConsultationId | None, Answer]) -> SearchHit:
    found, visitor, case_no, street, lawyer, evaluation, outcome = row
    started_at = found.started_at or found.accepted_at
    grade = None if evaluation is None else "declined" if evaluation.declined else evaluation.overall
    return SearchHit(
        consultation_id=found.id,
        case_no=case_no,
        started_at=started_at,
        street=street,
        lawyer=lawyer,
        category_name=CATEGORY_NAMES[found.category],
        visitor_masked=mask_name(visitor),
        duration_s=None if found.ended_at is None else max(0.0, (found.ended_at - started_at).total_seconds()),
        outcome=outcome,
        evaluation=grade,
        consent=answers.get(found.id, Answer.REFUSED),
    )
