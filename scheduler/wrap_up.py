"""「办结」: the lawyer's form after a consultation, saved as typed, confirmed once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import audit
from scheduler.access import Action, Viewer
from scheduler.cases import VisitRegistration, VisitState
from scheduler.consultations import Consultation, ConsultationState, move
from scheduler.errors import Changed, Conflict, Denied, Invalid
from scheduler.ids import ConsultationId
from scheduler.intake import own_consultation
from scheduler.presence import EXTENSION, LawyerPresence, PresenceState, set_available
from scheduler.records import ADVICE_LENGTH, LAW_LENGTH, ConsultationRecord, points
from scheduler.terms import Outcome


@dataclass(frozen=True, slots=True)
class WrapUpFields:
    advice: str = ""
    law_cited: str = ""
    aid_rights_told: bool = False
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class WrapUp:
    """extended: the two extra minutes have been used."""

    consultation_id: ConsultationId
    version: int
    advice: str
    law_cited: str
    aid_rights_told: bool
    outcome: Outcome | None
    protected_until: datetime | None
    extended: bool


async def read_wrap_up(db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId) -> WrapUp:
    """Raises Denied (another lawyer's), Conflict (not ended yet, or closed)."""
    _, record = await _form(db, viewer, consultation_id)
    return await _wrap_up(db, record)


async def save_wrap_up(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, version: int, fields: WrapUpFields
) -> WrapUp:
    """Raises Changed when another window saved a newer version."""
    await _form(db, viewer, consultation_id)
    _check_lengths(fields)
    record = await _write(db, consultation_id, version, fields)
    return await _wrap_up(db, record)


async def extend(db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId, now: datetime) -> datetime:
    """「再要 2 分钟」, once; pressing again changes nothing. Raises Conflict when the protected time is over."""
    _, record = await _form(db, viewer, consultation_id)
    if record.extended_at is not None and record.protected_until is not None:
        return record.protected_until
    if record.protected_until is None or record.protected_until <= now:
        raise Conflict("保护时间已经过了，表还在「待办结」里，随时能接着写。", "over")
    until = record.protected_until + EXTENSION
    record.protected_until, record.extended_at = until, now
    await db.execute(
        update(LawyerPresence)
        .where(
            LawyerPresence.person_id == viewer.person_id,
            LawyerPresence.consultation_id == consultation_id,
            LawyerPresence.state == PresenceState.WRAP_UP,
        )
        .values(protected_until=until)
        .execution_options(synchronize_session=False)
    )
    await db.flush()
    return until


async def close(
    db: AsyncSession,
    viewer: Viewer,
    consultation_id: ConsultationId,
    version: int,
    fields: WrapUpFields,
    now: datetime,
) -> None:
    """wrap_up → closed: the record is confirmed and nobody writes to it any more.

    Raises Invalid(advice, aid_rights_told, outcome), Changed.
    """
    found = await own_consultation(db, viewer, consultation_id, Action.WRAP_UP)
    if found.state is ConsultationState.CLOSED and found.lawyer_id == viewer.person_id:
        return
    await _form(db, viewer, consultation_id)
    _check_lengths(fields)
    check_complete(fields)
    await _write(db, consultation_id, version, fields, confirmed_at=now)
    await move(db, consultation_id, [ConsultationState.WRAP_UP], ConsultationState.CLOSED, closed_at=now)
    visit = await db.get_one(VisitRegistration, found.visit_id)
    visit.state = VisitState.DONE
    presence = await db.get(LawyerPresence, viewer.person_id, populate_existing=True)
    if presence is not None and presence.consultation_id == consultation_id:
        await set_available(db, viewer.person_id, [PresenceState.WRAP_UP], now)
    await audit.append(
        db,
        at=now,
        person_id=viewer.person_id,
        org_id=found.org_id,
        action="consultation.close",
        subject_kind="consultation",
        subject_id=consultation_id,
        detail={"outcome": fields.outcome},
    )


def check_complete(fields: WrapUpFields) -> None:
    problems: dict[str, str] = {}
    if not fields.advice.strip():
        problems["advice"] = "写下答复意见"
    if not fields.aid_rights_told:
        problems["aid_rights_told"] = "告诉来访人可以申请法律援助，然后打勾"
    if fields.outcome is None:
        problems["outcome"] = "选一个处理结果"
    if problems:
        raise Invalid(problems, f"还差 {len(problems)} 处，补上就能办结。")


def numbered(lines: list[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


async def _form(
    db: AsyncSession, viewer: Viewer, consultation_id: ConsultationId
) -> tuple[Consultation, ConsultationRecord]:
    found = await own_consultation(db, viewer, consultation_id, Action.WRAP_UP)
    if found.lawyer_id != viewer.person_id:
        raise Denied(Action.WRAP_UP, "这份记录由答复的律师填写。")
    if found.state is not ConsultationState.WRAP_UP:
        closed = found.state is ConsultationState.CLOSED
        raise Conflict("这次咨询已经办结，不能再改。" if closed else "会话还没有结束。", found.state)
    return found, await db.get_one(ConsultationRecord, consultation_id, populate_existing=True)


async def _write(
    db: AsyncSession, consultation_id: ConsultationId, version: int, fields: WrapUpFields, **values: Any
) -> ConsultationRecord:
    query = (
        update(ConsultationRecord)
        .where(
            ConsultationRecord.consultation_id == consultation_id,
            ConsultationRecord.version == version,
            ConsultationRecord.confirmed_at.is_(None),
        )
        .values(
            version=version + 1,
            advice=fields.advice,
            law_cited=fields.law_cited.strip(),
            aid_rights_told=fields.aid_rights_told,
            outcome=fields.outcome,
            **values,
        )
        .returning(ConsultationRecord.version)
        .execution_options(synchronize_session=False)
    )
    saved = (await db.execute(query)).scalar_one_or_none()
    record = await db.get_one(ConsultationRecord, consultation_id, populate_existing=True)
    if saved is None:
        raise Changed(record.version, "另一个窗口刚存过这张表，请看看新的内容再存。")
    return record


async def _wrap_up(db: AsyncSession, record: ConsultationRecord) -> WrapUp:
    advice = record.advice
    if advice is None:
        advice = numbered([point.text for point in await points(db, record.consultation_id)])
    return WrapUp(
        consultation_id=record.consultation_id,
        version=record.version,
        advice=advice,
        law_cited=record.law_cited,
        aid_rights_told=record.aid_rights_told,
        outcome=record.outcome,
        protected_until=record.protected_until,
        extended=record.extended_at is not None,
    )


def _check_lengths(fields: WrapUpFields) -> None:
    problems: dict[str, str] = {}
    if len(fields.advice) > ADVICE_LENGTH:
        problems["advice"] = f"最多 {ADVICE_LENGTH} 个字"
    if len(fields.law_cited) > LAW_LENGTH:
        problems["law_cited"] = f"最多 {LAW_LENGTH} 个字"
    if problems:
        raise Invalid(problems)
