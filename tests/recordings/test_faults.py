"""Kills, full disks, damage and cancellation between journal and seal: nothing is lost, nothing is pretended."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from media.journal import JournalHeader, JournalWriter
from recordings import archive, sealing
from recordings.archive import Recovered
from recordings.errors import SealingFailed, StorageFull
from recordings.models import RecordingState
from recordings.remux_process import run_remux
from recordings.sealing import Sealer
from recordings.store import Store
from recordings.verify import verify_bag
from scheduler.consultations import ConsultationState
from scheduler.errors import NotFound
from tests.support.archive import World, dossier, files_under
from tests.support.rtp import AUDIO, CAMERA

_S = RecordingState


async def test_a_killed_worker_and_server_leave_an_incomplete_but_playable_recording(
    world: World, tmp_path: Path
) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA, close=None)
    await world.archive.note_state(recording_id, _S.RECORDING)
    for path in world.journals.rglob("*.journal"):
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 1000)
    (sealed,) = (await world.reopen().recover()).sealed
    assert (sealed.state, sealed.complete) == (_S.INCOMPLETE, False)
    assert sealed.duration_s > 2
    verdict = await world.archive.check(recording_id)
    assert verdict.verdict == "intact", "a declared gap is no alteration"
    assert {gap["cause"] for gap in verdict.gaps} == {"crash"}
    bag = await world.archive.export(recording_id, tmp_path / "out")
    assert (await asyncio.to_thread(verify_bag, bag)).exit_code == 0
    assert "录制开始" in await asyncio.to_thread((bag / "data/events.jsonl").read_text)
    assert "李律师" in await asyncio.to_thread((bag / "data/participants.json").read_text)


async def test_recovery_leaves_consultations_in_progress_alone(world: World) -> None:
    consultation_id = await world.consultation(ConsultationState.ACTIVE)
    recording_id = await world.record(consultation_id, AUDIO, close=None)
    assert await world.reopen().recover() == Recovered([], [])
    assert (await world.recording(recording_id)).state is _S.IDLE
    assert len(list(world.journals.rglob("*.journal"))) == 1


@pytest.mark.parametrize("error", [OperationalError("UPDATE", {}, Exception("locked")), NotFound(), ValueError("x")])
@pytest.mark.parametrize(("owner", "name"), [(archive, "collect"), (sealing, "run_remux")])
async def test_one_recording_that_cannot_be_sealed_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception
) -> None:
    consultations = [await world.consultation() for _ in range(2)]
    bad, good = [await world.record(consultation_id, AUDIO) for consultation_id in consultations]
    real = getattr(owner, name)

    async def fail_once(*args: Any) -> Any:
        if bad in args or consultations[0] in args:
            raise error
        return await real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail_once)
        recovered = await world.archive.recover()
    assert ([one.recording_id for one in recovered.sealed], recovered.failed) == ([good], [bad])
    assert [one.recording_id for one in (await world.archive.recover()).sealed] == [bad]


async def test_a_journal_that_is_still_written_is_waited_for(world: World) -> None:
    consultation_id = await world.consultation()
    begun = await world.archive.begin(consultation_id, world.org_id)
    begun.directory.mkdir(parents=True)
    header = JournalHeader(begun.recording_id, "a.audio", "a", "audio", 1, "opus", 111, 1, 48_000, "b", 1, 1)
    writer = await asyncio.to_thread(JournalWriter.create, begun.directory / "1", header, begun.key)
    with pytest.raises(SealingFailed, match="still being written"):
        await world.archive.finish(begun.recording_id, dossier(consultation_id))
    assert (await world.recording(begun.recording_id)).state is _S.CLOSING
    await asyncio.to_thread(writer.close, "ended")
    assert len((await world.archive.recover()).sealed) == 1


class Crash(BaseException):
    """The process dies here: nothing that handles exceptions gets to run its course."""


STEPS: list[tuple[Any, str]] = [
    (sealing, "_mend_journals"),
    (sealing, "run_remux"),
    (sealing, "assemble"),
    (Store, "put"),
    (Store, "sync"),
    (Sealer, "_commit"),
    (Sealer, "_clean"),
]


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_server_that_dies_at_any_step_seals_at_its_next_start(
    world: World, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str
) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dying(getattr(owner, name), when))
        with pytest.raises(Crash):
            await world.archive.finish(recording_id, dossier(consultation_id))
    reopened = world.reopen()
    await reopened.recover()
    assert (await world.recording(recording_id)).state is _S.SEALED
    assert (await reopened.check(recording_id)).verdict == "intact"
    assert await reopened.recover() == Recovered([], [])
    assert list(files_under(world.journals)) == []
    assert world.plain_bytes_on_disk() == []
    assert [action for action, _ in await world.audited()].count("recording.sealed") == 1


def dying(real: Callable[..., Any], when: str) -> Callable[..., Any]:
    async def die(*args: Any, **named: Any) -> Any:
        if when == "after":
            await real(*args, **named)
        raise Crash

    def die_at_once(*args: Any, **named: Any) -> Any:
        if when == "after":
            real(*args, **named)
        raise Crash

    return die if asyncio.iscoroutinefunction(real) else die_at_once


@pytest.mark.parametrize(("owner", "name"), [(sealing, "run_remux"), (Store, "put"), (Store, "sync")])
async def test_a_full_disk_keeps_the_journals_for_another_try(
    world: World, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO)

    async def full(*_: Any) -> None:
        raise StorageFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        with pytest.raises(StorageFull):
            await world.archive.finish(recording_id, dossier(consultation_id))
    found = await world.recording(recording_id)
    assert (found.state, found.error) == (_S.FAILED, "no room")
    assert len(list(world.journals.rglob("*.journal"))) == 1
    assert (await world.archive.finish(recording_id, dossier(consultation_id))).state is _S.SEALED
    assert (await world.recording(recording_id)).error == ""


async def test_the_store_names_a_full_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("obstore.put_async", full)
    with pytest.raises(StorageFull, match="free some"):
        await world.store.put("a/b", b"x")


async def test_remuxing_into_a_full_disk_is_named_too(world: World) -> None:
    """/dev/full answers every write with ENOSPC."""
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO)
    begun = await world.archive.begin(consultation_id, world.org_id)
    (journal,) = world.journals.rglob("*.journal")
    staging = world.directory / "staging"
    target = staging / "data/media/clerk.audio/1.webm"
    target.parent.mkdir(parents=True)
    target.symlink_to("/dev/full")
    with pytest.raises(StorageFull, match=recording_id):
        await run_remux(recording_id, begun.key, [journal], staging)


async def test_a_cancelled_sealing_goes_on_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO)
    started = asyncio.Event()

    async def watched(*args: Any) -> Any:
        started.set()
        return await run_remux(*args)

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "run_remux", watched)
        task = asyncio.create_task(world.archive.finish(recording_id, dossier(consultation_id)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await world.archive.finish(recording_id, dossier(consultation_id))).state is _S.SEALED


async def test_a_damaged_journal_is_declared_and_kept(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA)
    (path,) = (world.journals / recording_id / "clerk.audio").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    sealed = await world.archive.finish(recording_id, dossier(consultation_id))
    assert sealed.state is _S.INCOMPLETE
    assert [gap["cause"] for gap in (await world.archive.check(recording_id)).gaps] == ["damaged"]
    assert path.read_bytes() == content
    assert "altered" in (await world.recording(recording_id)).error
    await world.reopen().recover()
    assert path.exists()
