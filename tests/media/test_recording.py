"""Recording through the control API: what lies on disk, and what happens when the disk or the server fails."""

import base64
import errno
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from media.journal import JournalReader, JournalWriter, Kind, PendingBlock, recover
from media.packet import is_vp8_keyframe_start
from media.relay import Limits
from media.worker import Worker
from tests.support.eventually import eventually
from tests.support.media_worker import Control, Refusal, worker_here, worker_process
from tests.support.rtp_peer import Signalling, join, signalling

KEY = bytes(range(32))
BODY = {"recording_id": "rec", "key": base64.b64encode(KEY).decode(), "directory": "rec"}
PATH = "/v1/rooms/r/recording"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Worker, Control, Signalling]]:
    async with worker_here(tmp_path) as (worker, control), signalling(control) as served:
        await control.call("PUT", "/v1/rooms/r", {})
        yield worker, control, served


def journal(directory: Path, publication_id: str, part: int = 1) -> JournalReader:
    return JournalReader(directory / "journals" / "rec" / publication_id / f"{part:04d}.journal", KEY)


def packets(reader: JournalReader) -> list[bytes]:
    return [record.payload for record in reader if record.kind is Kind.RTP]


async def test_journal_has_what_was_sent_from_a_keyframe_on(
    place: tuple[Worker, Control, Signalling], tmp_path: Path
) -> None:
    _, control, served = place
    clerk = await join(served, control, "clerk")
    lawyer = await join(served, control, "lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.camera")
        reply = await control.call("POST", PATH, BODY)
        assert reply["state"] == "recording"
        clerk.send_report("camera", 77)
        await lawyer.gets_more("clerk.camera", 50)
        stopped = await control.call("POST", f"{PATH}/stop", {"cause": "ended"})
    assert {j["publication_id"] for j in stopped["journals"]} == {"clerk.audio", "clerk.camera"}
    reader = journal(tmp_path, "clerk.camera")
    found = packets(reader)
    assert len(found) > 20
    assert is_vp8_keyframe_start(found[0])
    sent = clerk.sending["camera"].sent
    assert all(sent[int.from_bytes(data[2:4], "big")] == data for data in found)
    assert [r.kind for r in reader if r.kind is not Kind.RTP] == [Kind.SENDER_REPORT]
    assert reader.closed and reader.close_reason == "ended"
    named = next(j for j in stopped["journals"] if j["publication_id"] == "clerk.camera")
    assert named["head"] == reader.head_hex and named["blocks"] == reader.blocks
    content = reader.path.read_bytes()
    assert named["path"] == str(reader.path) and named["bytes"] == len(content)
    assert reader.header.source == "camera" and reader.header.ssrc == clerk.sending["camera"].ssrc
    assert KEY not in content


async def test_pause_resume_and_reconnect_make_parts(place: tuple[Worker, Control, Signalling], tmp_path: Path) -> None:
    worker, control, served = place
    clerk = await join(served, control, "clerk", publish=("audio",))
    async with clerk.streaming():
        await control.wait_for("publication_started")
        await control.call("POST", PATH, BODY)
        paused = await control.call("POST", f"{PATH}/pause", {"cause": "participant_away"})
        assert paused["state"] == "paused"
        size = (tmp_path / "journals/rec/clerk.audio/0001.journal").stat().st_size
        await control.call("POST", PATH, BODY)
        assert (tmp_path / "journals/rec/clerk.audio/0001.journal").stat().st_size == size
    await clerk.vanish()
    again = await join(served, control, "clerk", publish=("audio",))
    async with again.streaming():
        part = tmp_path / "journals/rec/clerk.audio/0003.journal"
        await eventually(part.exists)
        await eventually(lambda: part.stat().st_size > 1500)
    stopped = await control.call("POST", f"{PATH}/stop", {"cause": "ended"})
    assert [j["part"] for j in stopped["journals"]] == [1, 2, 3]
    reasons = []
    for number in (1, 2, 3):
        reader = journal(tmp_path, "clerk.audio", number)
        reader.verify()
        reasons.append(reader.close_reason)
    assert reasons == ["participant_away", "disconnect", "ended"]
    assert await control.call("POST", f"{PATH}/stop", {"cause": "ended"}) == stopped
    recording = worker.recordings.of_room("r")
    assert recording is not None and recording.key == b""
    states = [(e["state"], e["cause"]) for e in control.events if e["kind"] == "recording"]
    assert states[:3] == [("recording", None), ("paused", "participant_away"), ("recording", None)]


async def test_a_new_worker_continues_the_numbers(tmp_path: Path) -> None:
    for expected in (1, 2):
        async with worker_here(tmp_path) as (_, control), signalling(control) as served:
            await control.call("PUT", "/v1/rooms/r", {})
            clerk = await join(served, control, "clerk", publish=("audio",))
            async with clerk.streaming():
                await control.wait_for("publication_started")
                await control.call("POST", PATH, BODY)
                stopped = await control.call("POST", f"{PATH}/stop", {"cause": "ended"})
        assert [j["part"] for j in stopped["journals"]] == [expected]
        (tmp_path / "control").unlink(missing_ok=True)


async def test_a_failing_disk_stops_recording_and_not_the_relay(
    place: tuple[Worker, Control, Signalling], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, control, served = place
    clerk = await join(served, control, "clerk")
    lawyer = await join(served, control, "lawyer", publish=())
    failing = False
    commit = JournalWriter.commit

    def full(writer: JournalWriter, block: PendingBlock) -> None:
        if failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        commit(writer, block)

    monkeypatch.setattr(JournalWriter, "commit", full)
    async with clerk.streaming():
        await lawyer.gets_more("clerk.camera")
        await control.call("POST", PATH, BODY)
        path = tmp_path / "journals/rec/clerk.audio/0001.journal"
        await eventually(lambda: path.exists() and path.stat().st_size > 1500)
        failing = True
        event = await control.wait_for("recording", state="stopped")
        assert event["cause"] == "disk_full"
        await lawyer.gets_more("clerk.camera")
        failing = False
        recorded = (await control.call("GET", "/v1/rooms/r"))["recording"]
        assert (recorded["state"], recorded["cause"]) == ("stopped", "disk_full")
        again = await control.call("POST", PATH, BODY)
        assert again["state"] == "recording"
        stopped = await control.call("POST", f"{PATH}/stop", {"cause": "ended"})
    assert len(packets(journal(tmp_path, "clerk.audio"))) > 20
    assert {j["part"] for j in stopped["journals"] if j["head"] is not None} >= {2}


async def test_silence_of_the_server_stops_recording_and_not_the_relay(
    place: tuple[Worker, Control, Signalling], tmp_path: Path
) -> None:
    worker, control, served = place
    clerk = await join(served, control, "clerk", publish=("audio",))
    lawyer = await join(served, control, "lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.audio")
        await control.call("POST", PATH, BODY)
        now = worker.clock.monotonic()
        worker.recordings.contact_at = now - 9.9
        worker.recordings.tick(now)
        assert worker.recordings.active == 1
        worker.recordings.contact_at = now - 10.1
        worker.recordings.tick(now)
        event = await control.wait_for("recording", state="stopped")
        assert event["cause"] == "server_lost"
        await lawyer.gets_more("clerk.audio")
        assert (await control.call("POST", PATH, BODY))["state"] == "recording"
    reader = journal(tmp_path, "clerk.audio")
    reader.verify()
    assert reader.close_reason == "server_lost"


async def test_refusals_name_the_reason(place: tuple[Worker, Control, Signalling], tmp_path: Path) -> None:
    worker, control, _ = place

    async def refused(body: dict[str, Any], path: str = PATH) -> tuple[int, str]:
        with pytest.raises(Refusal) as caught:
            await control.call("POST", path, body)
        return caught.value.status, caught.value.text

    assert (await refused(BODY | {"directory": "../elsewhere"}))[0] == 400
    assert (await refused(BODY | {"directory": "/etc"}))[0] == 400
    assert (await refused(BODY | {"directory": ""}))[0] == 400
    assert (await refused(BODY | {"key": "AAAA"})) == (400, "key must have 32 bytes")
    assert (await refused(BODY | {"key": "%"})) == (400, "key must be base64")
    assert (await refused(BODY | {"recording_id": "a/b"}))[0] == 400
    assert (await refused({"cause": "ended"}, f"{PATH}/stop"))[0] == 409
    worker.recordings._reserve = 1 << 60
    status, text = await refused(BODY)
    assert status == 507 and "make room" in text
    worker.recordings._reserve = 0
    await control.call("POST", PATH, BODY)
    assert (await refused(BODY | {"recording_id": "other"}))[0] == 409
    assert (await refused({"cause": "No Good"}, f"{PATH}/stop"))[0] == 400
    assert not (tmp_path / "elsewhere").exists()


async def test_a_killed_worker_leaves_recoverable_journals(tmp_path: Path) -> None:
    async with worker_process(tmp_path) as (process, control, _), signalling(control) as served:
        await control.call("PUT", "/v1/rooms/r", {})
        clerk = await join(served, control, "clerk")
        async with clerk.streaming():
            await control.wait_for("publication_started", source="camera")
            await control.call("POST", PATH, BODY)
            path = tmp_path / "journals/rec/clerk.audio/0001.journal"
            await eventually(lambda: path.exists() and path.stat().st_size > 3000)
            last = clerk.sending["audio"].count
            process.send_signal(signal.SIGKILL)
            await process.wait()
    recovery = recover(path, KEY)
    assert recovery.lost_ms_max <= 1100
    found = packets(JournalReader(path, KEY))
    assert len(found) > 0
    newest = max(int.from_bytes(data[-4:], "big") for data in found)
    assert last - newest <= 75, "1.1 s are 55 packets, and a slow disk's share"


async def test_a_full_disk_ends_a_process_recording_with_a_valid_prefix(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse to grow files: EFBIG, which counts as full."""
    limit = ("bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "bash")
    async with worker_process(tmp_path, prefix=limit) as (_, control, _), signalling(control) as served:
        await control.call("PUT", "/v1/rooms/r", {})
        clerk = await join(served, control, "clerk")
        lawyer = await join(served, control, "lawyer", publish=())
        async with clerk.streaming():
            await lawyer.gets_more("clerk.camera")
            await control.call("POST", PATH, BODY)
            event = await control.wait_for("recording", state="stopped")
            assert event["cause"] == "disk_full"
            await lawyer.gets_more("clerk.camera")
    for publication_id in ("clerk.audio", "clerk.camera"):
        path = tmp_path / f"journals/rec/{publication_id}/0001.journal"
        recover(path, KEY)
        assert path.stat().st_size <= 8 * 1024 + 512
        assert journal(tmp_path, publication_id).header.recording_id == "rec"


async def test_closing_the_room_closes_its_journals(place: tuple[Worker, Control, Signalling], tmp_path: Path) -> None:
    _, control, served = place
    clerk = await join(served, control, "clerk", publish=("audio",))
    async with clerk.streaming():
        await control.wait_for("publication_started")
        await control.call("POST", PATH, BODY)
        await control.call("DELETE", "/v1/rooms/r")
    reader = journal(tmp_path, "clerk.audio")
    reader.verify()
    assert reader.closed and reader.close_reason == "room_closed"
    assert (await control.call("GET", "/v1/rooms"))["rooms"] == []


async def test_too_many_recordings_are_refused(tmp_path: Path) -> None:
    async with worker_here(tmp_path, limits=Limits(recordings=1)) as (_, control):
        for room_id in ("r", "s"):
            await control.call("PUT", f"/v1/rooms/{room_id}", {})
        await control.call("POST", PATH, BODY)
        with pytest.raises(Refusal, match="429 limit: the limit of 1 recordings"):
            await control.call("POST", "/v1/rooms/s/recording", BODY | {"recording_id": "s", "directory": "s"})
