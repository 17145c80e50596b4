"""One consultation in full: for the people in it, and as the record that is printed, sealed and audited. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.cases import CaseRecord, VisitRegistration, age_of, groups_of
from scheduler.clock import local_day
from scheduler.consents import Answer, in_force
from scheduler.consultations import Mode, consultation
from scheduler.errors import Conflict
from scheduler.identity import mask_name, mask_phone
from scheduler.ids import ConsultationId, OrgId
from scheduler.organisations import Organisation
from scheduler.overviews import ConsultationRef, consultation_ref, is_first_visit, sorted_groups, visitors_answer
from scheduler.people import Person
from scheduler.records import ConsultationRecord, Message, Point, messages, points
from scheduler.terms import CATEGORY_NAMES, OUTCOME_NAMES, SEX_NAMES, Group, MatterCategory, Outcome


@dataclass(frozen=True, slots=True)
class Street:
    id: OrgId
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Visitor:
    name: str
    name_masked: str
    groups: Sequence[Group]
    companion: str
    dialect: str
    access_needs: str
    phone_masked: str
    first_visit: bool


@dataclass(frozen=True, slots=True)
class ConsultationDetail:
    """phone: the visitor's number in full, only where the lawyer has to dial it (mode phone or callback)."""

    ref: ConsultationRef
    street: Street
    category: MatterCategory
    category_name: str
    facts: str
    opposing_party: str
    visitor: Visitor
    phone: str | None
    recording_consent: Answer
    started_at: datetime | None
    ended_at: datetime | None
    points: Sequence[Point]
    chat: Sequence[Message]
    case_no: str


@dataclass(frozen=True, slots=True)
class RecordVisitor:
    """sex: 女, 男 or empty. age: whole years at the time of the consultation."""

    name: str
    sex: str
    age: int | None
    phone_masked: str
    id_number_masked: str
    id_refused: bool
    groups: Sequence[Group]
    companion: str


@dataclass(frozen=True, slots=True)
class Record:
    case_no: str
    no: str
    street: str
    phone: str
    clerk: str
    lawyer: str
    visitor: RecordVisitor
    category_name: str
    opposing_party: str
    facts: str
    advice: str
    law_cited: str
    aid_rights_told: bool
    outcome: Outcome
    outcome_text: str
    recording_consent: Answer
    consent_sha256: str
    started_at: datetime
    ended_at: datetime
    duration_s: float
    confirmed_at: datetime


async def consultation_detail(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> ConsultationDetail:
    """Raises NotFound. Who may see it is the caller's question (intake.own_consultation)."""
    found = await consultation(db, consultation_id)
    visit = await db.get_one(VisitRegistration, found.visit_id)
    street = await db.get_one(Organisation, found.org_id)
    case = await db.get_one(CaseRecord, found.case_id)
    return ConsultationDetail(
        ref=await consultation_ref(db, consultation_id, now),
        street=Street(street.id, street.name, street.phone),
        category=found.category,
        category_name=CATEGORY_NAMES[found.category],
        facts=visit.facts,
        opposing_party=visit.opposing_party,
        visitor=Visitor(
            name=visit.name,
            name_masked=mask_name(visit.name),
            groups=sorted_groups(groups_of(visit, local_day(now))),
            companion=visit.companion,
            dialect=visit.dialect,
            access_needs=visit.access_needs,
            phone_masked=mask_phone(visit.phone),
            first_visit=await is_first_visit(db, visit),
        ),
        phone=None if found.mode is Mode.VIDEO else visit.phone or None,
        recording_consent=await visitors_answer(db, consultation_id),
        started_at=found.started_at,
        ended_at=found.ended_at,
        points=await points(db, consultation_id),
        chat=await messages(db, consultation_id),
        case_no=case.case_no,
    )


async def record(db: AsyncSession, consultation_id: ConsultationId) -> Record:
    """The confirmed record. Raises NotFound, Conflict when it is not closed yet."""
    found = await consultation(db, consultation_id)
    written = await db.get(ConsultationRecord, consultation_id, populate_existing=True)
    if written is None or written.confirmed_at is None or written.outcome is None:
        raise Conflict("律师还没有办结，办结后就能打印。", found.state)
    visit = await db.get_one(VisitRegistration, found.visit_id)
    street = await db.get_one(Organisation, found.org_id)
    consent = await in_force(db, consultation_id)
    started_at = found.started_at or found.accepted_at or found.created_at
    ended_at = found.ended_at or written.confirmed_at
    return Record(
        case_no=(await db.get_one(CaseRecord, found.case_id)).case_no,
        no=visit.no,
        street=street.name,
        phone=street.phone,
        clerk=(await db.get_one(Person, found.clerk_id)).name,
        lawyer=(await db.get_one(Person, written.lawyer_id)).name,
        visitor=RecordVisitor(
            name=visit.name,
            sex="" if visit.sex is None else SEX_NAMES[visit.sex],
            age=age_of(visit, local_day(started_at)),
            phone_masked=mask_phone(visit.phone),
            id_number_masked=visit.id_number_masked,
            id_refused=visit.id_refused,
            groups=sorted_groups(groups_of(visit, local_day(started_at))),
            companion=visit.companion,
        ),
        category_name=CATEGORY_NAMES[found.category],
        opposing_party=written.opposing_party,
        facts=written.facts,
        advice=written.advice or "",
        law_cited=written.law_cited,
        aid_rights_told=written.aid_rights_told,
        outcome=written.outcome,
        outcome_text=OUTCOME_NAMES[written.outcome],
        recording_consent=consent.answer,
        consent_sha256=consent.text_sha256,
        started_at=started_at,
        ended_at=ended_at,
        duration_s=max(0.0, (ended_at - started_at).total_seconds()),
        confirmed_at=written.confirmed_at,
    )
