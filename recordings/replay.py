"""Replaying a recording: opened with a reason, read in ranges, every second watched and every note kept."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.archive import Archive
from recordings.bag_reader import BagReader
from recordings.dossier import parse_stamp, stamp
from recordings.models import DONE, Bag, BagKind, Recording, Replay, ReplayNote, ReplaySpan, recording
from recordings.parts import part_path
from recordings.sealing import note
from recordings.verify import INDEX
from scheduler.access import Action, Viewer, permit
from scheduler.clock import Clock
from scheduler.consents import Answer, history
from scheduler.db import Sessions
from scheduler.errors import Conflict, Denied, Invalid, NotFound, Refused
from scheduler.ids import new_id
from scheduler.organisations import organisation
from scheduler.people import Person

REASON_LENGTH = (10, 500)
NOTE_LENGTH = 1000
SPANS_PER_REQUEST = 200
SPANS_PER_REPLAY = 20_000
NOTES_PER_RECORDING = 500


@dataclass(frozen=True)
class MediaFile:
    """One part for a player: `size` is its length in bytes, `mime` with the codec."""

    size: int
    mime: str
    path: str
    reader: BagReader

    def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes [start, end), decrypted as they are asked for."""
        return self.reader.stream(self.path, start, end)


@dataclass(frozen=True)
class Note:
    """A time-coded note: seconds on the recording's clock, who wrote it and when."""

    id: str
    at_s: float
    text: str
    by: str
    made_at: datetime


class Replays:
    """Owns its transactions. Raises the errors of `scheduler.errors` for whatever a person may not or cannot do."""

    def __init__(self, sessions: Sessions, reads: Sessions, clock: Clock, archive: Archive) -> None:
        """`reads`: sessions for looking only, which wait for no writer."""
        self._sessions = sessions
        self._reads = reads
        self._clock = clock
        self._archive = archive

    async def open(self, viewer: Viewer, recording_id: str, reason: str) -> str:
        """A replay's id. `reason`: 10 to 500 characters, kept in the audit trail. Raises Denied, NotFound, Invalid,
        Conflict.
        """
        reason = " ".join(reason.split())
        least, most = REASON_LENGTH
        async with self._sessions.begin() as db:
            found = await self._permitted(db, viewer, recording_id)
            if not least <= len(reason) <= most:
                raise Invalid({"reason": f"写明调阅事由，{least} 到 {most} 个字"})
            if found.state not in DONE:
                raise Conflict("录像还没有封存好，请过一会儿再看。", found.state)
            await _check_consent(db, found)
            opened = Replay(
                id=new_id(),
                recording_id=recording_id,
                person_id=viewer.person_id,
                reason=reason,
                opened_at=self._clock.now(),
            )
            db.add(opened)
            await db.flush()
            detail = {"replay_id": opened.id}
            await note(db, opened.opened_at, found, "replay.open", detail, viewer.person_id, reason)
        return opened.id

    async def manifest(self, viewer: Viewer, replay_id: str) -> dict[str, Any]:
        """`Manifest` of the protocol. Raises NotFound, Denied."""
        async with self._reads() as db:
            replay, found = await self._own(db, viewer, replay_id)
            text = await db.scalar(
                select(Bag.id).where(Bag.consultation_id == found.consultation_id, Bag.kind == BagKind.TEXT)
            )
        reader = await self._archive.reader(found.id)
        index = json.loads(await reader.read(INDEX))
        record = json.loads(await (await self._archive.reader(text)).read("data/record.json")) if text else None
        files = {name: _lines(await reader.read(f"data/{name}.jsonl")) for name in ("events", "chat", "points")}
        people = {one["participant_id"]: one for one in json.loads(await reader.read("data/participants.json"))}
        head = json.loads(await reader.read("seal/head.json"))
        start = parse_stamp(index["started_at"])
        return {
            "replay_id": replay_id,
            "recording_id": found.id,
            "case_no": head["case_no"],
            "viewer": f"{viewer.name} {viewer.account}",
            "started_at": index["started_at"],
            "duration_s": index["duration_s"],
            "expected_s": index["expected_s"],
            "state": found.state,
            "complete": index["complete"],
            "tracks": [_track(track, people, replay_id) for track in index["tracks"]],
            "gaps": [
                {name: gap[name] for name in ("publication_id", "from_s", "to_s", "cause")} for gap in index["gaps"]
            ],
            "events": [
                {"at_s": _at_s(one, start), "kind": one["kind"], "text": one["text"]} for one in files["events"]
            ],
            "points": [{**one, "at_s": _at_s(one, start)} for one in files["points"]],
            "chat": [{**one, "at_s": _at_s(one, start)} for one in files["chat"]],
            "record": record,
            "check": replay.last_check,
        }

    async def media(self, viewer: Viewer, replay_id: str, publication_id: str, part: int) -> MediaFile:
        """One part, to be read in ranges. Raises NotFound, Denied."""
        async with self._reads() as db:
            _, found = await self._own(db, viewer, replay_id)
        reader = await self._archive.reader(found.id)
        path = part_path(publication_id, part)
        if path not in reader.files:
            raise NotFound("没有这一段录像。")
        mime = "audio/webm" if publication_id.endswith(".audio") else "video/webm"
        return MediaFile(reader.size(path), mime, path, reader)

    async def check(self, viewer: Viewer, replay_id: str) -> dict[str, Any]:
        """`Check` of the protocol, made anew; its result is kept with the replay and in the audit trail."""
        async with self._reads() as db:
            _, found = await self._own(db, viewer, replay_id)
        verdict = await self._archive.check(found.id)
        result = {
            "ok": verdict.ok,
            "verdict": verdict.verdict,
            "at": stamp(self._clock.now()),
            "lines": [{"ok": line.ok, "label": line.label, "detail": line.detail} for line in verdict.lines],
        }
        async with self._sessions.begin() as db:
            replay, found = await self._own(db, viewer, replay_id)
            replay.last_check = result
            await db.flush()
            detail = {"replay_id": replay_id, "verdict": verdict.verdict, "findings": verdict.findings[:20]}
            await note(db, self._clock.now(), found, "recording.check", detail, viewer.person_id)
        return result

    async def watched(self, viewer: Viewer, replay_id: str, spans: Sequence[tuple[float, float]]) -> None:
        """Keep what was really watched: (from, to) in seconds. Raises Invalid, Refused (too many)."""
        if len(spans) > SPANS_PER_REQUEST:
            raise Invalid({"spans": f"一次最多 {SPANS_PER_REQUEST} 段"})
        async with self._sessions.begin() as db:
            _, found = await self._own(db, viewer, replay_id)
            limit = (found.duration_s or 0.0) + 1.0
            if not all(0 <= start < end <= limit for start, end in spans):
                raise Invalid({"spans": "时间段不在录像之内"})
            if await _count(db, ReplaySpan.replay_id == replay_id) + len(spans) > SPANS_PER_REPLAY:
                raise Refused("throttled", "这次回放的记录太多了，请重新打开回放。")
            now = self._clock.now()
            rows = [{"replay_id": replay_id, "from_s": start, "to_s": end, "noted_at": now} for start, end in spans]
            if rows:
                await db.execute(insert(ReplaySpan), rows)

    async def notes(self, viewer: Viewer, replay_id: str) -> list[Note]:
        """Everybody's notes on the recording, in order of its clock."""
        async with self._reads() as db:
            _, found = await self._own(db, viewer, replay_id)
            query = (
                select(ReplayNote, Person.name)
                .join(Person, Person.id == ReplayNote.person_id)
                .where(ReplayNote.recording_id == found.id, ReplayNote.deleted_at.is_(None))
                .order_by(ReplayNote.at_s, ReplayNote.id)
            )
            rows = (await db.execute(query)).all()
        return [Note(row.id, row.at_s, row.text, name, row.made_at) for row, name in rows]

    async def add_note(self, viewer: Viewer, replay_id: str, at_s: float, text: str) -> Note:
        """Raises Invalid (empty, too long, outside the recording), Refused (too many)."""
        text = text.strip()
        if not 1 <= len(text) <= NOTE_LENGTH:
            raise Invalid({"text": f"写 1 到 {NOTE_LENGTH} 个字"})
        async with self._sessions.begin() as db:
            _, found = await self._own(db, viewer, replay_id)
            if not 0 <= at_s <= (found.duration_s or 0.0) + 1.0:
                raise Invalid({"at_s": "时间不在录像之内"})
            if await _count(db, ReplayNote.recording_id == found.id) >= NOTES_PER_RECORDING:
                raise Refused("throttled", "这份录像的批注太多了。")
            made = ReplayNote(
                id=new_id(),
                recording_id=found.id,
                person_id=viewer.person_id,
                at_s=at_s,
                text=text,
                made_at=self._clock.now(),
            )
            db.add(made)
            await db.flush()
            await note(db, made.made_at, found, "replay.note", {"note_id": made.id, "at_s": at_s}, viewer.person_id)
        return Note(made.id, at_s, text, viewer.name, made.made_at)

    async def delete_note(self, viewer: Viewer, replay_id: str, note_id: str) -> None:
        """One's own only; somebody else's is as good as none. Raises NotFound."""
        async with self._sessions.begin() as db:
            _, found = await self._own(db, viewer, replay_id)
            made = await db.get(ReplayNote, note_id)
            known = made is not None and made.recording_id == found.id and made.deleted_at is None
            if made is None or not known or made.person_id != viewer.person_id:
                raise NotFound("没有这条批注，或不是您写的。")
            made.deleted_at = self._clock.now()
            await db.flush()
            await note(db, made.deleted_at, found, "replay.note_deleted", {"note_id": note_id}, viewer.person_id)

    async def _own(self, db: AsyncSession, viewer: Viewer, replay_id: str) -> tuple[Replay, Recording]:
        replay = await db.get(Replay, replay_id)
        if replay is None or replay.person_id != viewer.person_id:
            raise NotFound("没有这次回放，请重新填写事由打开。")
        found = await self._permitted(db, viewer, replay.recording_id)
        await _check_consent(db, found)
        return replay, found

    async def _permitted(self, db: AsyncSession, viewer: Viewer, recording_id: str) -> Recording:
        permit(viewer, Action.REPLAY)
        found = await recording(db, recording_id)
        permit(viewer, Action.REPLAY, (await organisation(db, found.org_id)).path)
        return found


def _track(track: Mapping[str, Any], people: Mapping[str, Any], replay_id: str) -> dict[str, Any]:
    person = people.get(track["participant_id"], {})
    publication_id = track["publication_id"]
    return {
        "publication_id": publication_id,
        "participant": person.get("name", track["participant_id"]),
        "role": person.get("role", "invited"),
        "source": track["source"],
        "parts": [
            {
                "part": part["part"],
                "url": f"/api/audit/replays/{replay_id}/media/{publication_id}/{part['part']}.webm",
                **{name: part[name] for name in ("from_s", "to_s", "bytes", "mime")},
            }
            for part in track["parts"]
            if part["path"]
        ],
    }


def _lines(content: bytes) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def _at_s(one: Mapping[str, Any], start: datetime) -> float:
    return round((parse_stamp(one["at"]) - start).total_seconds(), 3)


async def _check_consent(db: AsyncSession, found: Recording) -> None:
    """Raises Denied after a withdrawal: the consents themselves count, also where nobody set the bar."""
    answers = {row.answer for row in await history(db, found.consultation_id)}
    if found.barred or Answer.WITHDRAWN in answers:
        raise Denied(Action.REPLAY.value, "当事人撤回了同意，这份录像等档案员处理，不能回放。")


async def _count(db: AsyncSession, condition: Any) -> int:
    return await db.scalar(select(func.count()).where(condition)) or 0
