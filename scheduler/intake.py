"""A visitor gets into the line, out of it, away from it and back: the clerk's half of the way to a lawyer."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import audit
from scheduler.access import Action, Viewer, permit
from scheduler.cases import (
    LIMITS,
    CaseRecord,
    VisitRegistration,
    VisitState,
    case_for,
    groups_of,
    needs_guardian,
    visit_of,
)
from scheduler.clock import local_day
from scheduler.consent_texts import ConsentText, audience_of, current_text
from scheduler.consents import Answer, Method, Subject, record_answer
from scheduler.consultations import (
    Consultation,
    ConsultationState,
    Mode,
    ParticipantRole,
    add_participant,
    consultation,
    move,
    open_consultation_of_station,
)
from scheduler.errors import Conflict, Invalid, NotFound
from scheduler.identity import IdentityCipher, read_resident_id
from scheduler.ids import ConsultationId, VisitId, new_id
from scheduler.matching import boost_s
from scheduler.numbers import next_ticket
from scheduler.offers import OfferWithdrawn, withdraw_offer
from scheduler.organisations import Organisation, in_scope
from scheduler.terms import IdType
from scheduler.waiting import ENTRY_TRANSITIONS, EntryState, WaitingEntry, entry_of, join, move_entry

PHONE = re.compile(r"\+?\d[\d -]{4,20}")
_WAITING_STATES = (ConsultationState.WAITING, ConsultationState.OFFERED)


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What the clerk confirms with 「呼叫律师」.

    text_version and text_sha256: of the words that were read to the visitor.
    """

    recording: Answer | None
    text_version: str
    text_sha256: str
    guardian_name: str = ""


async def call(
    db: AsyncSession, cipher: IdentityCipher, viewer: Viewer, visit_id: VisitId, request: CallRequest, now: datetime
) -> ConsultationId:
    """Consent, consultation and place in the line, all or nothing.

    Raises Invalid(category, recording, guardian_name, id_number, phone), Conflict when this visit is already in the
    line or the station has another consultation in progress, NotFound, Denied.
    """
    permit(viewer, Action.CALL)
    visit = await visit_of(db, viewer, visit_id, Action.CALL)
    if visit.state is not VisitState.DRAFT:
        raise Conflict("这次来访已经呼叫过了。", visit.state)
    if await open_consultation_of_station(db, visit.org_id) is not None:
        raise Conflict("本站还有一位在排队或会话，先结束那一位，再呼叫。", "busy")
    day = local_day(now)
    text = await current_text(db, audience_of(visit.category, needs_guardian(visit, day)))
    check_call(visit, cipher, request, text, day)
    visit.guardian_name = request.guardian_name.strip() or visit.guardian_name
    visit.state = VisitState.CALLED
    case = await case_for(db, visit, viewer.person_id, now)
    found = await _open(db, visit, case, viewer, now)
    await _keep_consent(db, found, visit, viewer, request, text, now)
    await move(db, found.id, [ConsultationState.REGISTERED], ConsultationState.WAITING)
    await join(db, found.id, visit.org_id, boost_s(groups_of(visit, day)), now)
    await write_audit(db, viewer, found, "consultation.call", now, recording=request.recording)
    return found.id


async def cancel(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, now: datetime
) -> OfferWithdrawn | None:
    """「取消排队」: the visit is a draft again.

    Cancelling twice is fine. Returns the offer that a lawyer loses by it.
    """
    found = await own_consultation(db, viewer, consultation_id, Action.CANCEL_ENTRY)
    if found.state is ConsultationState.ABANDONED:
        return None
    withdrawn = await leave_line(db, found, EntryState.CANCELLED, "cancelled", now)
    await write_audit(db, viewer, found, "consultation.cancel", now)
    return withdrawn


async def to_callback(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, now: datetime
) -> OfferWithdrawn | None:
    """「改成回拨」: the visitor goes home and keeps the place.

    Twice is fine. Raises Invalid(phone) without a number to phone.
    """
    found = await own_consultation(db, viewer, consultation_id, Action.CANCEL_ENTRY)
    if found.mode is Mode.CALLBACK:
        return None
    visit = await db.get_one(VisitRegistration, found.visit_id)
    if not PHONE.fullmatch(visit.phone):
        raise Invalid(
            {"phone": "填写联系电话，律师才能打过来"}, "登记里没有电话，改不了回拨。请先取消排队，补上电话再呼叫。"
        )
    withdrawn = await turn_to_callback(db, found, now)
    await write_audit(db, viewer, found, "consultation.callback", now)
    return withdrawn


async def turn_to_callback(db: AsyncSession, found: Consultation, now: datetime) -> OfferWithdrawn | None:
    entry = await _entry(db, found.id)
    withdrawn = await withdraw_offer(db, entry.id, now)
    await move_entry(
        db, entry.id, [EntryState.WAITING, EntryState.OFFERED, EntryState.ABSENT], EntryState.CALLBACK, absent_at=None
    )
    await move(db, found.id, _WAITING_STATES, ConsultationState.CALLBACK, mode=Mode.CALLBACK)
    return withdrawn


async def station_gone(db: AsyncSession, consultation_id: ConsultationId, now: datetime) -> OfferWithdrawn | None:
    """The station's browser is gone: the place is kept for ten minutes, and nobody is offered an empty desk."""
    entry = await entry_of(db, consultation_id)
    if entry is None or entry.state not in (EntryState.WAITING, EntryState.OFFERED):
        return None
    found = await consultation(db, consultation_id)
    if found.mode is Mode.CALLBACK:
        return None
    withdrawn = await withdraw_offer(db, entry.id, now)
    if withdrawn is not None:
        await move(db, consultation_id, [ConsultationState.OFFERED], ConsultationState.WAITING)
    await move_entry(db, entry.id, [EntryState.WAITING, EntryState.OFFERED], EntryState.ABSENT, absent_at=now)
    return withdrawn


async def station_back(db: AsyncSession, consultation_id: ConsultationId) -> None:
    """The browser is back: the same place as before."""
    entry = await entry_of(db, consultation_id)
    if entry is not None and entry.state is EntryState.ABSENT:
        await move_entry(db, entry.id, [EntryState.ABSENT], EntryState.WAITING, absent_at=None)


async def leave_line(
    db: AsyncSession, found: Consultation, state: EntryState, cause: str, now: datetime
) -> OfferWithdrawn | None:
    """Out of the line for good; the registration stays as a draft that can be called again."""
    entry = await _entry(db, found.id)
    withdrawn = await withdraw_offer(db, entry.id, now)
    sources = [old for old, targets in ENTRY_TRANSITIONS.items() if state in targets]
    await move(
        db,
        found.id,
        [*_WAITING_STATES, ConsultationState.CALLBACK],
        ConsultationState.ABANDONED,
        ended_at=now,
        end_cause=cause,
    )
    await move_entry(db, entry.id, sources, state, left_at=now, absent_at=None)
    visit = await db.get_one(VisitRegistration, found.visit_id)
    visit.state = VisitState.DRAFT
    await db.flush()
    return withdrawn


async def own_consultation(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, action: Action
) -> Consultation:
    """A consultation of the viewer's branch; somebody else's is as good as none."""
    permit(viewer, action)
    found = await consultation(db, consultation_id)
    path = await db.scalar(select(Organisation.path).where(Organisation.id == found.org_id))
    if path is None or not in_scope(viewer.org_path, path):
        raise NotFound("没有这次会话。")
    return found


def check_call(
    visit: VisitRegistration, cipher: IdentityCipher, request: CallRequest, text: ConsentText, day: date
) -> None:
    """Raises Invalid with every gap at once.

    Only the category and the consent are required; what is filled in must be usable.
    """
    problems: dict[str, str] = {}
    if visit.category is None:
        problems["category"] = "选一个事项类别"
    if request.recording not in (Answer.GIVEN, Answer.REFUSED):
        problems["recording"] = "选同意或不同意"
    elif (request.text_version, request.text_sha256) != (text.version, text.sha256):
        problems["recording"] = "告知书换了，请把新的读给来访人听，再选一次"
    guardian = request.guardian_name.strip() or visit.guardian_name
    if needs_guardian(visit, day) and not guardian:
        problems["guardian_name"] = "来访人不满 14 周岁，填写监护人姓名"
    if len(request.guardian_name) > LIMITS["guardian_name"]:
        problems["guardian_name"] = f"最多 {LIMITS['guardian_name']} 个字"
    if visit.phone and not PHONE.fullmatch(visit.phone):
        problems["phone"] = "电话只写数字，例如 13812340126"
    if visit.birth_date is not None and visit.birth_date > day:
        problems["birth_date"] = "出生日期在今天以后，请核对"
    if visit.id_number_box is not None and visit.id_type in (None, IdType.RESIDENT_ID):
        if read_resident_id(cipher.decrypt(visit.id_number_box, visit.id)) is None:
            problems["id_number"] = "身份证号不对，请核对；不愿出示就选「不愿出示身份」"
    if problems:
        raise Invalid(problems, f"还差 {len(problems)} 处，补上就能呼叫。")


async def write_audit(
    db: AsyncSession, viewer: Viewer, found: Consultation, action: str, now: datetime, **detail: str | None
) -> None:
    await audit.append(
        db,
        at=now,
        person_id=viewer.person_id,
        org_id=found.org_id,
        action=action,
        subject_kind="consultation",
        subject_id=found.id,
        detail=detail,
    )


async def _open(
    db: AsyncSession, visit: VisitRegistration, case: CaseRecord, viewer: Viewer, now: datetime
) -> Consultation:
    found = Consultation(
        id=ConsultationId(new_id()),
        visit_id=visit.id,
        case_id=case.id,
        org_id=visit.org_id,
        clerk_id=viewer.person_id,
        state=ConsultationState.REGISTERED,
        mode=Mode.VIDEO,
        category=visit.category,
        ticket=await next_ticket(db, local_day(now)),
        created_at=now,
    )
    db.add(found)
    await db.flush()
    await add_participant(db, found.id, viewer.person_id, ParticipantRole.CLERK, viewer.name, now)
    return found


async def _keep_consent(
    db: AsyncSession,
    found: Consultation,
    visit: VisitRegistration,
    viewer: Viewer,
    request: CallRequest,
    text: ConsentText,
    now: datetime,
) -> None:
    # The text tells the visitor that companions are in the picture and must agree as well: one answer, one row for
    # each of them.
    subjects = [(Subject.VISITOR, "")] + ([(Subject.COMPANION, visit.companion)] if visit.companion else [])
    for subject, key in subjects:
        await record_answer(
            db,
            consultation_id=found.id,
            subject=subject,
            subject_key=key,
            answer=request.recording or Answer.REFUSED,
            method=Method.CLERK_WITNESSED,
            text=text,
            now=now,
            created_by=viewer.person_id,
            guardian_name=visit.guardian_name if needs_guardian(visit, local_day(now)) else "",
        )


async def _entry(db: AsyncSession, consultation_id: ConsultationId) -> WaitingEntry:
    entry = await entry_of(db, consultation_id)
    if entry is None:
        raise NotFound("这次会话不在排队。")
    return entry
