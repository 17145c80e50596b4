"""From journals to a sealed bag and back: what was recorded is in it, and nothing plain lies on disk."""

import asyncio
import json
import os
import resource
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import bagit
import pytest
from sqlalchemy import func, select

from recordings.archive import Archive
from recordings.errors import KeyUnavailable, NotYet
from recordings.errors import NotFound as NotStored
from recordings.export import ExportRefused
from recordings.models import DONE, TRANSITIONS, Bag, BagFile, DataKey, Recording, RecordingPart, RecordingState, move
from recordings.seal import make_seal_key
from recordings.vault import Vault
from recordings.verify import verify_bag
from scheduler.consents import Answer
from scheduler.errors import Conflict, NotFound
from tests.support.archive import World, dossier, files_under, holds_media
from tests.support.eventually import eventually_async
from tests.support.rtp import AUDIO, CAMERA
from tests.support.webm import decode_pictures

LAWYER_AUDIO = replace(AUDIO, participant_id="lawyer", ssrc=0xF00D)
LAWYER_CAMERA = replace(CAMERA, participant_id="lawyer", ssrc=0xFEED)
SECOND = replace(AUDIO, end_s=1.0)
_S = RecordingState


async def test_a_recording_is_sealed_exported_and_verified(world: World, tmp_path: Path) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA, LAWYER_AUDIO)
    await world.archive.note_state(recording_id, _S.RECORDING)
    sealed = await world.archive.finish(recording_id, dossier(consultation_id))
    assert (sealed.state, sealed.complete) == (_S.SEALED, True)
    assert 3.9 < sealed.duration_s < 4.2
    assert world.plain_bytes_on_disk() == []
    assert list(world.journals.rglob("*.journal")) == []

    verdict = await world.archive.check(recording_id)
    assert verdict.verdict == "intact", verdict.findings
    assert [line.ok for line in verdict.lines] == [True] * 4

    bag = await world.archive.export(recording_id, tmp_path / "out", world.auditor.person_id, "法院调取")
    assert await asyncio.to_thread(lambda: bagit.Bag(str(bag)).is_valid())
    found = await asyncio.to_thread(verify_bag, bag)
    assert (found.verdict, found.findings, found.exit_code) == ("intact", [], 0)
    pictures = await asyncio.to_thread((bag / "data/media/clerk.camera/1.webm").read_bytes)
    assert len((await asyncio.to_thread(decode_pictures, pictures)).times_s) == 120
    assert await world.audited() == [
        ("recording.begin", None),
        ("recording.state", "recording"),
        ("recording.state", "closing"),
        ("recording.sealed", "sealed"),
        ("recording.export", None),
    ]


async def test_the_table_knows_every_part_and_file(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA)
    await world.archive.finish(recording_id, dossier(consultation_id))
    async with world.database.reads() as db:
        parts = (await db.scalars(select(RecordingPart).order_by(RecordingPart.publication_id))).all()
        files = {row.path: row for row in await db.scalars(select(BagFile))}
        bag = await db.get_one(Bag, recording_id)
    found = [(part.publication_id, part.part, part.from_s) for part in parts]
    assert found == [("clerk.audio", 1, 0.0), ("clerk.camera", 1, 0.0)]
    top = world.directory / "store" / recording_id
    stored = {path.relative_to(top).as_posix(): path for path in files_under(top)}
    assert stored.keys() == files.keys()
    assert all(path.stat().st_size == files[name].sealed_bytes for name, path in stored.items())
    assert all(sha256(path.read_bytes()).hexdigest() == files[name].sealed_sha256 for name, path in stored.items())
    assert json.loads(bag.head)["recording_id"] == recording_id
    assert (await world.recording(recording_id)).dossier is None, "personal data lies in the bag alone"


async def test_a_minute_is_sealed_within_five_seconds(world: World) -> None:
    """The target is for an idle machine, so it is the processor time of the whole way that is held against it."""
    consultation_id = await world.consultation()
    minute = [replace(source, end_s=60.0) for source in (AUDIO, CAMERA, LAWYER_AUDIO, LAWYER_CAMERA)]
    recording_id = await world.record(consultation_id, *minute)
    began = cpu_s()
    sealed = await world.archive.finish(recording_id, dossier(consultation_id))
    assert cpu_s() - began < 5.0
    assert sealed.duration_s == pytest.approx(60.0, abs=0.1)


def cpu_s() -> float:
    """Processor seconds of this process and of its children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


async def test_begin_is_once_per_consultation_and_keys_stay_the_same(world: World) -> None:
    consultation_id = await world.consultation()
    begun = await world.archive.begin(consultation_id, world.org_id)
    again = await world.reopen().begin(consultation_id, world.org_id)
    assert begun == again and len(begun.key) == 32
    assert await world.archive.key_for(begun.recording_id) == begun.key
    assert begun.directory == world.journals / begun.recording_id
    async with world.database.reads() as db:
        assert begun.key not in (await db.get_one(DataKey, begun.recording_id)).wrapped
    await world.archive.finish(begun.recording_id, dossier(consultation_id))
    with pytest.raises(Conflict):
        await world.archive.begin(consultation_id, world.org_id)
    with pytest.raises(KeyUnavailable):
        await world.archive.key_for("unknown")


async def test_states_are_noted_once_and_never_after_the_end(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = (await world.archive.begin(consultation_id, world.org_id)).recording_id
    noted = [(_S.RECORDING, None), (_S.RECORDING, None), (_S.PAUSED, "participant_away"), (_S.RECORDING, None)]
    for state, cause in [*noted, (_S.IDLE, "disk_full")]:
        await world.archive.note_state(recording_id, state, cause)
    states = [state for action, state in await world.audited() if action == "recording.state"]
    assert states == ["recording", "paused", "recording", "idle"]
    await world.archive.finish(recording_id, dossier(consultation_id))
    with pytest.raises(Conflict):
        await world.archive.note_state(recording_id, _S.RECORDING)
    with pytest.raises(NotFound):
        await world.archive.note_state("unknown", _S.RECORDING)


async def test_withdrawn_consent_bars_what_exists(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO)
    await world.archive.note_state(recording_id, _S.RECORDING)
    await world.archive.note_state(recording_id, _S.IDLE, "withdrawn")
    await world.archive.finish(recording_id, dossier(consultation_id))
    found = await world.recording(recording_id)
    assert found.barred and found.state in DONE


async def test_finishing_twice_at_once_seals_once(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO)
    both = [world.archive.finish(recording_id, dossier(consultation_id)) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert first == second
    assert [action for action, _ in await world.audited()].count("recording.sealed") == 1


async def test_nothing_plain_lies_on_disk_while_sealing(world: World) -> None:
    consultation_id = await world.consultation()
    sources = [replace(source, end_s=30.0) for source in (AUDIO, CAMERA)]
    recording_id = await world.record(consultation_id, *sources)
    seen: set[str] = set()
    plain: list[Path] = []

    def look() -> None:
        for path in files_under(world.directory):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            seen.add(path.suffix)
            if holds_media(content):
                plain.append(path)

    task = asyncio.create_task(world.archive.finish(recording_id, dossier(consultation_id)))

    async def looked() -> bool:
        await asyncio.to_thread(look)
        return task.done()

    await eventually_async(looked, 60.0)
    await task
    assert plain == [] and {".journal", ".webm"} <= seen


async def test_refused_consent_seals_a_text_bag_and_not_one_media_byte(world: World) -> None:
    consultation_id = await world.consultation(answer=Answer.REFUSED)
    record = {"case_no": "金法援〔2026〕1号", "advice": "先找社区调解"}
    bag_id = await world.archive.seal_text(dossier(consultation_id), record)
    assert await world.archive.seal_text(dossier(consultation_id), record) == bag_id
    assert (await world.archive.check(bag_id)).verdict == "intact"
    reader = await world.archive.reader(bag_id)
    assert json.loads(await reader.read("data/record.json")) == record
    assert json.loads(await reader.read("seal/head.json"))["linked"] is None
    for path in files_under(world.directory):
        content = path.read_bytes()
        assert not holds_media(content) and path.suffix not in (".webm", ".journal")
        assert "sqlite3" in path.name or "先找社区调解".encode() not in content, path
    async with world.database.reads() as db:
        assert await db.scalar(select(func.count()).select_from(Recording)) == 0


async def test_the_text_bag_names_the_media_bag(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, SECOND)
    with pytest.raises(NotYet, match="idle"):
        await world.archive.seal_text(dossier(consultation_id), {})
    await world.archive.finish(recording_id, dossier(consultation_id))
    bag_id = await world.archive.seal_text(dossier(consultation_id), {})
    head = json.loads(await (await world.archive.reader(bag_id)).read("seal/head.json"))
    media = await (await world.archive.reader(recording_id)).read("seal/head.json")
    assert head["linked"] == {"bag_id": recording_id, "head_sha256": sha256(media).hexdigest()}


async def test_any_change_in_the_store_is_found(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, SECOND)
    await world.archive.finish(recording_id, dossier(consultation_id))
    for path in list(files_under(world.directory / "store")):
        content = path.read_bytes()
        first, last = bytes([content[0] ^ 1]), bytes([content[-1] ^ 1])
        for changed in (first + content[1:], content[:-1] + last, content[:-1], None):
            path.unlink()
            if changed is not None:
                path.write_bytes(changed)
            assert (await world.archive.check(recording_id)).verdict == "altered", path
        path.write_bytes(content)
    (world.directory / "store" / recording_id / "data" / "extra").write_bytes(b"x")
    verdict = await world.archive.check(recording_id)
    assert verdict.verdict == "altered" and "data/extra" in verdict.findings[0]


async def test_a_bag_sealed_by_another_key_is_not_ours(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, SECOND)
    await world.archive.finish(recording_id, dossier(consultation_id))
    (world.directory / "seal.pem").unlink()
    await asyncio.to_thread(make_seal_key, world.directory / "seal.pem")
    verdict = await world.reopen().check(recording_id)
    assert "封存所用的公钥不是本中心的" in verdict.findings


async def test_without_its_master_key_a_recording_is_unreadable_not_altered(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, SECOND)
    await world.archive.finish(recording_id, dossier(consultation_id))
    key = world.archive._seal_key
    stranger = Archive(
        world.database.sessions,
        world.database.reads,
        world.clock,
        Vault([bytes(32)]),
        world.store,
        key,
        world.journals,
        "x",
    )
    assert (await stranger.check(recording_id)).verdict == "unreadable"
    with pytest.raises(KeyUnavailable, match="needs master key"):
        await stranger.key_for(recording_id)


async def test_exports_do_not_write_over_anything(world: World, tmp_path: Path) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, SECOND)
    with pytest.raises(NotFound):
        await world.archive.export(recording_id, tmp_path / "out")
    await world.archive.finish(recording_id, dossier(consultation_id))
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_bytes(b"x")
    for target in ("file", "full"):
        with pytest.raises(ExportRefused, match="name a new one"):
            await world.archive.export(recording_id, tmp_path / target)
    (tmp_path / "empty").mkdir()
    await world.archive.export(recording_id, tmp_path / "empty")
    assert (await asyncio.to_thread(verify_bag, tmp_path / "empty")).ok
    assert not any(name.startswith(".") for name in os.listdir(tmp_path))


async def test_the_store_refuses_what_is_not_there(world: World) -> None:
    with pytest.raises(NotStored):
        await world.store.get("a/b")
    with pytest.raises(NotStored):
        await world.store.get_ranges("a/b", [(0, 1)])
    await world.store.delete(["a/b"])
    await world.store.put("a/b", b"0123456789")
    assert await world.store.get_ranges("a/b", [(0, 2), (8, 10)]) == [b"01", b"89"]
    assert [(one.path, one.bytes) for one in await world.store.list("a")] == [("a/b", 10)]
    assert await world.store.size("a/b") == 10


async def test_moves_outside_the_transition_table_are_bugs(world: World) -> None:
    assert set(TRANSITIONS) == set(_S)
    async with world.database.sessions.begin() as db:
        with pytest.raises(ValueError, match="transition"):
            await move(db, "x", [_S.SEALED], _S.RECORDING)
