"""The audit desk's search: consultations with their recordings, text records and evaluations, newest first."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import OPEN, Recording, RecordingState
from scheduler.access import Action, Viewer, permit
from scheduler.cases import CaseRecord, VisitRegistration
from scheduler.clock import day_bounds
from scheduler.consents import Consent, Purpose, Subject
from scheduler.consultations import Consultation
from scheduler.errors import Invalid
from scheduler.evaluations import Evaluation
from scheduler.identity import mask_name
from scheduler.ids import OrgId
from scheduler.organisations import Organisation, organisation
from scheduler.people import Person
from scheduler.records import AdvicePoint, ChatMessage, ConsultationRecord
from scheduler.terms import CATEGORY_NAMES, MatterCategory

PAGE = 50
QUERY_LENGTH = 100
WORDS = 5


@dataclass(frozen=True)
class Criteria:
    """`q`: words that must all occur in case number, visitor, lawyer, street, facts, advice, points or chat; days are
    those of Shanghai, both included; `cursor` is the `next` of the page before."""

    q: str = ""
    first_day: date | None = None
    last_day: date | None = None
    org_id: OrgId | None = None
    category: MatterCategory | None = None
    cursor: str | None = None


@dataclass(frozen=True)
class Hit:
    """`evaluation`: 1 to 5, "declined" or None; `recording_state` as in the protocol's `Hit`."""

    consultation_id: str
    case_no: str
    started_at: datetime | None
    street: str
    lawyer: str
    category_name: str
    visitor_masked: str
    duration_s: float | None
    outcome: str | None
    evaluation: int | str | None
    recording_id: str | None
    recording_state: str | None
    recording_duration_s: float | None
    consent: str | None


@dataclass(frozen=True)
class Page:
    """`next` is None on the last page; `total` counts all pages."""

    items: Sequence[Hit]
    next: str | None
    total: int
    took_ms: float


async def search(db: AsyncSession, viewer: Viewer, criteria: Criteria) -> Page:
    """Consultations of the viewer's branch that a lawyer has accepted. Raises Denied, Invalid, NotFound
    (organisation).
    """
    began = time.perf_counter()
    path = viewer.org_path
    if criteria.org_id is not None:
        path = (await organisation(db, criteria.org_id)).path
    permit(viewer, Action.SEARCH_ARCHIVE, path)
    conditions = _conditions(criteria, path)
    total = await db.scalar(_joined(select(func.count(Consultation.id))).where(*conditions)) or 0
    query = _joined(select(*_COLUMNS)).where(*conditions).order_by(Consultation.id.desc()).limit(PAGE + 1)
    if criteria.cursor:
        query = query.where(Consultation.id < criteria.cursor)
    rows = (await db.execute(query)).all()
    items = [_hit(row) for row in rows[:PAGE]]
    following = items[-1].consultation_id if len(rows) > PAGE else None
    return Page(items, following, total, round((time.perf_counter() - began) * 1000, 1))


_LAWYER = Person
_LAST_CONSENT = (
    select(Consent.answer)
    .where(
        Consent.consultation_id == Consultation.id,
        Consent.purpose == Purpose.RECORDING,
        Consent.subject == Subject.VISITOR,
    )
    .order_by(Consent.id.desc())
    .limit(1)
    .scalar_subquery()
)
_COLUMNS: tuple[Any, ...] = (
    Consultation.id,
    # By telephone nobody enters a room: the talk begins when the lawyer accepts.
    func.coalesce(Consultation.started_at, Consultation.accepted_at).label("started_at"),
    Consultation.ended_at,
    Consultation.category,
    CaseRecord.case_no,
    Organisation.name.label("street"),
    _LAWYER.name.label("lawyer"),
    VisitRegistration.name.label("visitor"),
    ConsultationRecord.outcome,
    Evaluation.id.label("evaluation_id"),
    Evaluation.overall,
    Recording.id.label("recording_id"),
    Recording.state.label("recording_state"),
    Recording.duration_s.label("recording_duration_s"),
    _LAST_CONSENT.label("consent"),
)


def _joined(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(Consultation)
        .join(CaseRecord, CaseRecord.id == Consultation.case_id)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .join(Organisation, Organisation.id == Consultation.org_id)
        .join(_LAWYER, _LAWYER.id == Consultation.lawyer_id)
        .outerjoin(ConsultationRecord, ConsultationRecord.consultation_id == Consultation.id)
        .outerjoin(Evaluation, Evaluation.consultation_id == Consultation.id)
        .outerjoin(Recording, Recording.consultation_id == Consultation.id)
    )


def _conditions(criteria: Criteria, path: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Consultation.accepted_at.is_not(None),
        Organisation.path.startswith(path, autoescape=True),
    ]
    if criteria.first_day is not None:
        conditions.append(Consultation.created_at >= day_bounds(criteria.first_day)[0])
    if criteria.last_day is not None:
        conditions.append(Consultation.created_at < day_bounds(criteria.last_day)[1])
    if criteria.category is not None:
        conditions.append(Consultation.category == criteria.category)
    words = criteria.q.split()
    if len(criteria.q) > QUERY_LENGTH or len(words) > WORDS:
        raise Invalid({"q": f"最多 {QUERY_LENGTH} 个字、{WORDS} 个词"})
    return conditions + [_mentions(word) for word in words]


def _mentions(word: str) -> ColumnElement[bool]:
    columns = (
        CaseRecord.case_no,
        VisitRegistration.name,
        _LAWYER.name,
        Organisation.name,
        ConsultationRecord.facts,
        ConsultationRecord.advice,
    )
    texts = (
        exists().where(table.consultation_id == Consultation.id, table.text.contains(word, autoescape=True))
        for table in (AdvicePoint, ChatMessage)
    )
    return or_(*(column.contains(word, autoescape=True) for column in columns), *texts)


def _hit(row: Row[Any]) -> Hit:
    lasted = (row.ended_at - row.started_at).total_seconds() if row.started_at and row.ended_at else None
    state = row.recording_state
    return Hit(
        consultation_id=row.id,
        case_no=row.case_no,
        started_at=row.started_at,
        street=row.street,
        lawyer=row.lawyer,
        category_name=CATEGORY_NAMES[row.category],
        visitor_masked=mask_name(row.visitor),
        duration_s=lasted,
        outcome=row.outcome.value if row.outcome else None,
        evaluation=None if row.evaluation_id is None else row.overall or "declined",
        recording_id=row.recording_id,
        recording_state=(RecordingState.RECORDING if state in OPEN else state).value if state else None,
        recording_duration_s=row.recording_duration_s,
        consent=row.consent.value if row.consent else None,
    )
