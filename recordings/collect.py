"""A dossier from the system of record: who took part, what was written, who agreed, and what the audit trail tells."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.dossier import Dossier, Event, Participant, stamp
from scheduler import consents, records
from scheduler.audit import AuditEntry
from scheduler.cases import CaseRecord
from scheduler.consultations import consultation, participants
from scheduler.ids import ConsultationId

STATE_TEXTS = {
    "recording": "录制开始",
    "paused": "录制暂停",
    "idle": "录制停止",
}
CAUSE_TEXTS = {
    "ended": "会话结束",
    "withdrawn": "撤回同意",
    "disk_full": "磁盘满了",
    "worker_lost": "音视频服务中断",
    "server_lost": "服务器中断",
    "failed": "设备出错",
}
ROOM_TEXTS = {
    "room.joined": "进入会话",
    "room.lost": "断线",
    "room.back": "回来了",
    "room.document_on": "展示材料",
    "room.document_off": "收起材料",
    "room.screen_on": "共享屏幕",
    "room.screen_off": "停止共享屏幕",
    "consultation.phone": "改用电话",
}


async def collect(
    db: AsyncSession,
    consultation_id: ConsultationId,
    ended_at: datetime,
    recording_id: str | None = None,
    events: Iterable[Event] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Dossier:
    """`events`: further ones; what the audit trail tells of room and recording is added, in order of time.

    Raises NotFound.
    """
    found = await consultation(db, consultation_id)
    case = await db.get_one(CaseRecord, found.case_id)
    people = await participants(db, consultation_id)
    own = await _room_events(db, consultation_id, {row.id: row.name for row in people})
    if recording_id:
        own += await _recording_events(db, recording_id)
    return Dossier(
        consultation_id=consultation_id,
        case_no=case.case_no,
        started_at=found.started_at or found.created_at,
        ended_at=ended_at,
        events=tuple(sorted([*events, *own], key=lambda event: event.at)),
        chat=tuple(
            {"id": one.id, "from": one.participant_id, "name": one.name, "text": one.text, "at": stamp(one.at)}
            for one in await records.messages(db, consultation_id)
        ),
        points=tuple(
            {"id": one.id, "text": one.text, "at": stamp(one.at)} for one in await records.points(db, consultation_id)
        ),
        consents=tuple([_consent(row) for row in await consents.history(db, consultation_id)]),
        participants=tuple(Participant(row.id, row.name, row.role.value) for row in people),
        provenance={
            "consultation_id": consultation_id,
            "org_id": found.org_id,
            "clerk_id": found.clerk_id,
            "lawyer_id": found.lawyer_id,
            **(provenance or {}),
        },
    )


async def _room_events(db: AsyncSession, consultation_id: ConsultationId, names: Mapping[str, str]) -> list[Event]:
    query = (
        select(AuditEntry)
        .where(AuditEntry.subject_id == consultation_id, AuditEntry.action.in_(ROOM_TEXTS))
        .order_by(AuditEntry.seq)
    )
    return [
        Event(row.at, row.action, names.get(str(row.detail.get("participant_id")), "") + ROOM_TEXTS[row.action])
        for row in await db.scalars(query)
    ]


async def _recording_events(db: AsyncSession, recording_id: str) -> list[Event]:
    query = (
        select(AuditEntry)
        .where(AuditEntry.subject_id == recording_id, AuditEntry.action == "recording.state")
        .order_by(AuditEntry.seq)
    )
    events = []
    for row in await db.scalars(query):
        state, cause = str(row.detail.get("state", "")), row.detail.get("cause")
        if state in STATE_TEXTS:
            told = f"（{CAUSE_TEXTS.get(str(cause), str(cause))}）" if cause else ""
            events.append(Event(row.at, f"recording.{state}", STATE_TEXTS[state] + told))
    return events


def _consent(row: consents.Consent) -> dict[str, Any]:
    return {
        "id": row.id,
        "subject": row.subject.value,
        "purpose": row.purpose.value,
        "answer": row.answer.value,
        "method": row.method.value,
        "text_version": row.text_version,
        "text_sha256": row.text_sha256,
        "guardian_name": row.guardian_name,
        "participant_id": row.participant_id,
        "given_at": stamp(row.created_at),
    }
