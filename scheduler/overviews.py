"""What the screens show at a glance: the line, the consultation's reference, the offer, today's visits. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.cases import VisitRegistration, VisitState, groups_of
from scheduler.clock import day_bounds, local_day, seconds_between
from scheduler.consents import Answer, Subject, history
from scheduler.consultations import Consultation, ConsultationState, Mode, consultation
from scheduler.errors import NotFound
from scheduler.estimates import Estimate, estimate, measured_service_s
from scheduler.evaluations import Evaluation
from scheduler.identity import mask_name
from scheduler.ids import ConsultationId, EntryId, OfferId, OrgId, PersonId, VisitId
from scheduler.offers import OFFER_LASTS, Offer
from scheduler.organisations import Organisation
from scheduler.people import Person
from scheduler.presence import free_lawyers, lawyers_on_duty
from scheduler.terms import CATEGORY_NAMES, Group, MatterCategory
from scheduler.waiting import CALLBACK_AFTER, IN_LINE, EntryState, WaitingEntry, entry_of, line

SHOWN_AHEAD = 3


@dataclass(frozen=True, slots=True)
class LineSummary:
    """ahead: people in the line. estimate: for somebody who joins now; None = cannot be told."""

    open: bool
    reason: str | None
    lawyers_on_duty: int
    ahead: int
    estimate: Estimate | None
    at: datetime


@dataclass(frozen=True, slots=True)
class LineRow:
    consultation_id: ConsultationId
    position: int
    street: str
    category_name: str
    groups: Sequence[Group]
    waited_s: float


@dataclass(frozen=True, slots=True)
class EntryView:
    """ahead: masked names of the first three in the line before this one."""

    id: EntryId
    state: EntryState
    position: int | None
    ahead: Sequence[str]
    estimate: Estimate | None
    waited_s: float
    callback_offered: bool


@dataclass(frozen=True, slots=True)
class LawyerName:
    id: PersonId
    name: str


@dataclass(frozen=True, slots=True)
class ConsultationRef:
    id: ConsultationId
    visit_id: VisitId
    state: ConsultationState
    mode: Mode
    ticket: str
    entry: EntryView | None
    lawyer: LawyerName | None


@dataclass(frozen=True, slots=True)
class OfferView:
    """seconds: left at the time of asking."""

    offer_id: OfferId
    consultation_id: ConsultationId
    mode: Mode
    street: str
    category: MatterCategory
    category_name: str
    groups: Sequence[Group]
    facts: str
    opposing_party: str
    recording_consent: Answer
    first_visit: bool
    expires_at: datetime
    seconds: float
    total_s: float


@dataclass(frozen=True, slots=True)
class VisitRow:
    """state: of the visit (draft) or of its latest consultation."""

    id: VisitId
    no: str
    name_masked: str
    groups: Sequence[Group]
    category: MatterCategory | None
    category_name: str
    at: datetime
    state: str
    position: int | None
    rated: bool
    consultation_id: ConsultationId | None


async def line_summary(db: AsyncSession, now: datetime) -> LineSummary:
    on_duty = await lawyers_on_duty(db)
    ahead = len(await line(db))
    free = len(await free_lawyers(db))
    expected = estimate(ahead, on_duty, free, await measured_service_s(db, now))
    return LineSummary(on_duty > 0, None if on_duty else "nobody_on_duty", on_duty, ahead, expected, now)


async def line_rows(db: AsyncSession, now: datetime) -> list[LineRow]:
    """The whole line, first in line first, without names."""
    entries = await line(db)
    query = (
        select(WaitingEntry.id, Consultation.category, VisitRegistration, Organisation.short_name)
        .join(Consultation, Consultation.id == WaitingEntry.consultation_id)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .join(Organisation, Organisation.id == WaitingEntry.org_id)
        .where(WaitingEntry.state.in_(IN_LINE))
    )
    told = {row[0]: row for row in (await db.execute(query)).all()}
    rows = []
    for position, entry in enumerate(entries, 1):
        _, category, visit, street = told[entry.id]
        groups = sorted_groups(groups_of(visit, local_day(now)))
        waited = seconds_between(entry.joined_at, now)
        rows.append(LineRow(entry.consultation_id, position, street, CATEGORY_NAMES[category], groups, waited))
    return rows


async def consultation_ref(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> ConsultationRef:
    """Raises NotFound."""
    found = await consultation(db, consultation_id)
    lawyer = None if found.lawyer_id is None else await db.get_one(Person, found.lawyer_id)
    return ConsultationRef(
        id=found.id,
        visit_id=found.visit_id,
        state=found.state,
        mode=found.mode,
        ticket=found.ticket,
        entry=await entry_view(db, found, now),
        lawyer=None if lawyer is None else LawyerName(lawyer.id, lawyer.name),
    )


async def entry_view(db: AsyncSession, found: Consultation, now: datetime) -> EntryView | None:
    entry = await entry_of(db, found.id)
    if entry is None:
        return None
    before: list[ConsultationId] = []
    position: int | None = None
    expected: Estimate | None = None
    if entry.state in IN_LINE:
        ids = [row.consultation_id for row in await line(db)]
        index = ids.index(found.id)
        before, position = ids[:index], index + 1
        on_duty, free = await lawyers_on_duty(db), len(await free_lawyers(db))
        expected = estimate(index, on_duty, free, await measured_service_s(db, now))
    waited = seconds_between(entry.joined_at, entry.left_at or found.accepted_at or now)
    return EntryView(
        id=entry.id,
        state=entry.state,
        position=position,
        ahead=await _masked_names(db, before[:SHOWN_AHEAD]),
        estimate=expected,
        waited_s=waited,
        callback_offered=entry.state is EntryState.WAITING and waited >= CALLBACK_AFTER.total_seconds(),
    )


async def offer_view(db: AsyncSession, offer_id: OfferId, now: datetime) -> OfferView:
    query = (
        select(Offer, Consultation, VisitRegistration, Organisation)
        .join(Consultation, Consultation.id == Offer.consultation_id)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .join(Organisation, Organisation.id == Consultation.org_id)
        .where(Offer.id == offer_id)
    )
    row = (await db.execute(query)).one_or_none()
    if row is None:
        raise NotFound("没有这次派单，可能已经转给下一位律师。")
    offer, found, visit, street = row
    return OfferView(
        offer_id=offer.id,
        consultation_id=found.id,
        mode=found.mode,
        street=street.short_name,
        category=found.category,
        category_name=CATEGORY_NAMES[found.category],
        groups=sorted_groups(groups_of(visit, local_day(now))),
        facts=visit.facts,
        opposing_party=visit.opposing_party,
        recording_consent=await visitors_answer(db, found.id),
        first_visit=await is_first_visit(db, visit),
        expires_at=offer.expires_at,
        seconds=min(seconds_between(now, offer.expires_at), OFFER_LASTS.total_seconds()),
        total_s=OFFER_LASTS.total_seconds(),
    )


async def visit_rows(db: AsyncSession, org_id: OrgId, day: date) -> list[VisitRow]:
    """The station's visits of a day in Shanghai, and older ones that still wait for something; drafts and unrated
    ones first.
    """
    start, stop = day_bounds(day)
    unfinished = VisitRegistration.state == VisitState.CALLED
    fresh_draft = (VisitRegistration.state == VisitState.DRAFT) & (
        VisitRegistration.arrived_at >= start - timedelta(days=1)
    )
    query = (
        select(VisitRegistration)
        .where(
            VisitRegistration.org_id == org_id,
            VisitRegistration.deleted_at.is_(None),
            VisitRegistration.arrived_at < stop,
            or_(VisitRegistration.arrived_at >= start, unfinished, fresh_draft),
        )
        .order_by(VisitRegistration.arrived_at.desc())
        .execution_options(populate_existing=True)
    )
    visits = (await db.scalars(query)).all()
    latest = await _latest_consultations(db, [visit.id for visit in visits])
    rated = set((await db.scalars(select(Evaluation.consultation_id).where(Evaluation.org_id == org_id))).all())
    places = {entry.consultation_id: index for index, entry in enumerate(await line(db), 1)}
    rows = [_visit_row(visit, latest.get(visit.id), places, rated, day) for visit in visits]
    return sorted(rows, key=lambda row: (not _wants_attention(row), -row.at.timestamp()))


def _visit_row(
    visit: VisitRegistration,
    found: Consultation | None,
    places: dict[ConsultationId, int],
    rated: set[ConsultationId],
    day: date,
) -> VisitRow:
    return VisitRow(
        id=visit.id,
        no=visit.no,
        name_masked=mask_name(visit.name),
        groups=sorted_groups(groups_of(visit, day)),
        category=visit.category,
        category_name="" if visit.category is None else CATEGORY_NAMES[visit.category],
        at=visit.arrived_at,
        state=_row_state(visit, found),
        position=None if found is None else places.get(found.id),
        rated=found is not None and found.id in rated,
        consultation_id=None if found is None else found.id,
    )


def _row_state(visit: VisitRegistration, found: Consultation | None) -> str:
    cancelled = found is not None and found.end_cause == "cancelled"
    if found is None or (visit.state is VisitState.DRAFT and cancelled):
        return "draft"
    return found.state.value


def _wants_attention(row: VisitRow) -> bool:
    return row.state in ("draft", "failed", "abandoned") or (row.state == "closed" and not row.rated)


async def latest_consultation(db: AsyncSession, visit_id: VisitId) -> ConsultationId | None:
    found = (await _latest_consultations(db, [visit_id])).get(visit_id)
    return None if found is None else found.id


async def _latest_consultations(db: AsyncSession, visit_ids: Sequence[VisitId]) -> dict[VisitId, Consultation]:
    query = select(Consultation).where(Consultation.visit_id.in_(visit_ids)).order_by(Consultation.id)
    rows = (await db.scalars(query.execution_options(populate_existing=True))).all()
    return {row.visit_id: row for row in rows}


async def visitors_answer(db: AsyncSession, consultation_id: ConsultationId) -> Answer:
    """The visitor's latest answer about recording; refused when there is none."""
    rows = [row for row in await history(db, consultation_id) if row.subject is Subject.VISITOR]
    return rows[-1].answer if rows else Answer.REFUSED


async def is_first_visit(db: AsyncSession, visit: VisitRegistration) -> bool:
    """No earlier visit with the same identity number or telephone led to a consultation."""
    same = []
    if visit.id_number_hash is not None:
        same.append(VisitRegistration.id_number_hash == visit.id_number_hash)
    if visit.phone:
        same.append(VisitRegistration.phone == visit.phone)
    if not same:
        return True
    query = (
        select(Consultation.id)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .where(or_(*same), VisitRegistration.id < visit.id, Consultation.accepted_at.is_not(None))
        .limit(1)
    )
    return await db.scalar(query) is None


def sorted_groups(groups: frozenset[Group]) -> list[Group]:
    return [group for group in Group if group in groups]


async def _masked_names(db: AsyncSession, ids: Sequence[ConsultationId]) -> list[str]:
    query = (
        select(Consultation.id, VisitRegistration.name)
        .join(VisitRegistration, VisitRegistration.id == Consultation.visit_id)
        .where(Consultation.id.in_(ids))
    )
    names = {row[0]: row[1] for row in (await db.execute(query)).all()}
    return [mask_name(names[consultation_id]) for consultation_id in ids]
