from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from scheduler.audit import AuditEntry, verify_chain
from signaling.api_audit import wanted_range
from signaling.keys import READS
from tests.support.consultations import close
from tests.support.recordings import sealed_recording
from tests.support.server import Browser, Server, new_key, serving

REASON = "投诉核查：当事人反映答复有误"


@dataclass
class Desk:
    """An auditor with a recording to look at."""

    server: Server
    auditor: Browser
    consultation_id: str
    recording_id: str

    async def open(self) -> str:
        body = {"key": new_key(), "recording_id": self.recording_id, "reason": REASON}
        answer = await self.auditor.post("/api/audit/replays", body)
        assert answer.status == 200, answer.json
        return f"/api/audit/replays/{answer.json['replay_id']}"

    async def actions(self) -> list[str]:
        async with self.server.app[READS]() as db:
            assert (await verify_chain(db)).ok
            return list((await db.scalars(select(AuditEntry.action).order_by(AuditEntry.seq))).all())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path) as server, server.as_person("clerk") as clerk, server.as_person("auditor") as auditor:
        consultation_id, recording_id = await sealed_recording(server, clerk)
        yield Desk(server, auditor, consultation_id, recording_id)


async def test_search_finds_the_consultation_with_its_recording(desk: Desk) -> None:
    found = (await desk.auditor.get("/api/audit/search?q=" + quote("张桂兰"))).json
    (hit,) = found["items"]
    assert (found["total"], found["next"]) == (1, None)
    assert (hit["consultation_id"], hit["visitor_masked"], hit["consent"]) == (desk.consultation_id, "张*兰", "given")
    assert hit["recording"]["id"] == desk.recording_id
    assert hit["recording"]["state"] == "sealed"
    assert (await desk.auditor.get("/api/audit/search?q=nobody")).json["items"] == []


@pytest.mark.parametrize("query", ["from=2026-02-30", "category=king", "colour=red", "to=yesterday"])
async def test_a_search_that_cannot_be_read_is_named(desk: Desk, query: str) -> None:
    answer = await desk.auditor.get(f"/api/audit/search?{query}")
    assert (answer.status, answer.code) == (400, "bad_request")
    assert list(answer.json["error"]["fields"]) == [query.split("=", maxsplit=1)[0]]


async def test_a_replay_needs_a_reason(desk: Desk) -> None:
    body = {"key": new_key(), "recording_id": desk.recording_id, "reason": "看看"}
    answer = await desk.auditor.post("/api/audit/replays", body)
    assert (answer.status, list(answer.json["error"]["fields"])) == (422, ["reason"])
    again = await desk.auditor.post("/api/audit/replays", {**body, "reason": REASON})
    assert again.status == 200, "the dialog keeps its key while the reason is mended"


async def test_a_failed_press_frees_its_key(desk: Desk) -> None:
    body = {"key": new_key(), "recording_id": "0" * 26, "reason": REASON}
    for _ in range(2):
        assert (await desk.auditor.post("/api/audit/replays", body)).code == "not_found"


async def test_a_double_press_opens_one_replay(desk: Desk) -> None:
    body = {"key": new_key(), "recording_id": desk.recording_id, "reason": REASON}
    first = await desk.auditor.post("/api/audit/replays", body)
    assert (await desk.auditor.post("/api/audit/replays", body)).json == first.json
    assert (await desk.actions()).count("replay.open") == 1


async def test_the_manifest_leads_to_media_in_ranges(desk: Desk) -> None:
    path = await desk.open()
    manifest = (await desk.auditor.get(path)).json
    assert {track["source"] for track in manifest["tracks"]} == {"audio", "camera"}
    part = manifest["tracks"][0]["parts"][0]
    whole = await desk.auditor.get(part["url"])
    assert (whole.status, len(whole.body), whole.body[:4]) == (200, part["bytes"], bytes.fromhex("1a45dfa3"))
    assert whole.headers["Cache-Control"] == "no-store"
    assert whole.headers["Accept-Ranges"] == "bytes"
    middle = await desk.auditor.get(part["url"], headers={"Range": "bytes=10-19"})
    assert (middle.status, middle.body) == (206, whole.body[10:20])
    assert middle.headers["Content-Range"] == f"bytes 10-19/{part['bytes']}"
    beyond = await desk.auditor.get(part["url"], headers={"Range": f"bytes={part['bytes']}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{part['bytes']}")
    for wrong in ("9", "x", "99999999"):
        missing = await desk.auditor.get(part["url"].replace("/1.webm", f"/{wrong}.webm"))
        assert (missing.status, missing.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-200", (0, 100)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=-", (0, 100)),
        ("bytes=20-10", (0, 100)),
        ("bytes=0-1,5-6", (0, 100)),
        ("lines=0-1", (0, 100)),
        ("bytes=" + "9" * 5000 + "-", (0, 100)),
    ],
)
def test_ranges_are_read_as_rfc_9110_says(header: str | None, expected: tuple[int, int] | None) -> None:
    assert wanted_range(header, 100) == expected


async def test_a_check_is_made_and_noted(desk: Desk) -> None:
    path = await desk.open()
    checked = (await desk.auditor.post(path + "/check", {})).json
    assert (checked["ok"], checked["verdict"], len(checked["lines"])) == (True, "intact", 4)
    assert (await desk.auditor.get(path)).json["check"] == checked
    assert (await desk.actions())[-2:] == ["replay.open", "recording.check"]


async def test_notes_are_written_once_read_and_deleted(desk: Desk) -> None:
    path = await desk.open()
    body = {"key": new_key(), "at_s": 1.5, "text": "这里要复核"}
    note = (await desk.auditor.post(path + "/notes", body)).json
    assert (await desk.auditor.post(path + "/notes", body)).json == note
    assert (await desk.auditor.get(path + "/notes")).json["items"] == [note]
    assert (note["at_s"], note["text"], note["by"]) == (1.5, "这里要复核", "测试auditor")
    assert (await desk.auditor.delete(f"{path}/notes/{note['id']}", None)).json == {}
    assert (await desk.auditor.get(path + "/notes")).json["items"] == []


async def test_spans_are_kept_within_the_recording(desk: Desk) -> None:
    path = await desk.open()
    assert (await desk.auditor.post(path + "/spans", {"spans": [{"from_s": 0, "to_s": 1.25}]})).json == {}
    for span in ({"from_s": 2, "to_s": 1}, {"from_s": 0, "to_s": 1e9}):
        answer = await desk.auditor.post(path + "/spans", {"spans": [span]})
        assert (answer.status, list(answer.json["error"]["fields"])) == (422, ["spans"])
    endless = await desk.auditor.raw(
        "POST", path + "/spans", b'{"spans": [{"from_s": 0, "to_s": 1e999}]}', {"Content-Type": "application/json"}
    )
    assert endless.code == "bad_request"


async def test_a_replay_is_its_openers_alone(desk: Desk) -> None:
    path = await desk.open()
    async with desk.server.as_person("archivist") as other:
        assert (await other.get(path)).code == "denied"
    async with desk.server.as_person("clerk") as clerk:
        assert (await clerk.get(path)).code == "denied"


async def test_the_text_record_needs_a_reason_and_is_noted(desk: Desk) -> None:
    async with desk.server.as_person("lawyer") as lawyer:
        await close(lawyer, desk.consultation_id)
    path = f"/api/audit/consultations/{desk.consultation_id}/record"
    assert (await desk.auditor.get(path)).status == 422
    record = (await desk.auditor.get(f"{path}?reason={quote(REASON)}")).json
    assert record["advice"] == "先向劳动监察大队投诉。"
    async with desk.server.app[READS]() as db:
        entry = await db.scalar(select(AuditEntry).where(AuditEntry.action == "record.read"))
    assert entry is not None
    assert (entry.reason, entry.person_id) == (REASON, desk.server.people["auditor"])
