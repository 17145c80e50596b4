import asyncio
import itertools
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from recordings.models import Recording, RecordingPart
from signaling import backup
from signaling.__main__ import main
from signaling.backup import BackupFailed, back_up, restore
from signaling.installation import NotEmpty
from signaling.keys import ARCHIVE, SESSIONS
from signaling.opening import opened
from signaling.secret_files import readable_by_others
from signaling.settings import Settings
from tests.support.archive import dossier
from tests.support.recordings import sealed_recording, unsealed_recording
from tests.support.server import Server, new_key, serving

NOW = datetime(2026, 3, 2, tzinfo=UTC)
REASON = "恢复演练：核对备份是否完整"


async def test_a_recording_is_replayed_on_an_empty_machine(tmp_path: Path) -> None:
    """Backed up while the server runs, restored with the master key from elsewhere, then really watched."""
    async with serving(tmp_path / "one") as server, server.as_person("clerk") as clerk:
        _, recording_id = await sealed_recording(server, clerk)
        told = await asyncio.to_thread(back_up, server.settings, tmp_path / "backup", NOW)
        assert not told.has_master_key
        assert (await clerk.get("/api/station")).status == 200
        master_key = tmp_path / "master.key"
        master_key.write_bytes(server.settings.master_key_path.read_bytes())
        people = server.people
    elsewhere = Settings(data=tmp_path / "two", tls=False, port=0)
    await asyncio.to_thread(restore, elsewhere, tmp_path / "backup", master_key)
    restored = replace_settings(server, elsewhere)
    await restored.start()
    try:
        restored.people.update(people)
        async with restored.as_person("auditor") as auditor:
            body = {"key": new_key(), "recording_id": recording_id, "reason": REASON}
            replay = f"/api/audit/replays/{(await auditor.post('/api/audit/replays', body)).json['replay_id']}"
            assert (await auditor.post(replay + "/check", {})).json["verdict"] == "intact"
            for track in (await auditor.get(replay)).json["tracks"]:
                media = await auditor.get(track["parts"][0]["url"])
                assert (media.status, media.body[:4]) == (200, bytes.fromhex("1a45dfa3"))
    finally:
        await restored.stop()


STEPS = ["_copy_database", "_copy_keys", "_copy_tree", "_write_manifest"]


@pytest.mark.parametrize(("step", "call"), [(name, 0) for name in STEPS] + [("_copy_tree", 1), ("_copy_tree", 3)])
async def test_a_recording_that_is_sealed_during_the_backup_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    """Sealed just before one of the steps of the backup; afterwards all of it is there on the other machine."""
    loop = asyncio.get_running_loop()
    async with serving(tmp_path / "one") as server, server.as_person("clerk") as clerk:
        consultation_id, recording_id = await unsealed_recording(server, clerk)
        finished = server.app[ARCHIVE].finish
        real, calls = getattr(backup, step), itertools.count()

        def sealed_before(*args: Any, **named: Any) -> Any:
            if next(calls) == call:
                closing = finished(recording_id, dossier(consultation_id, minutes=0.1))
                asyncio.run_coroutine_threadsafe(closing, loop).result()
            return real(*args, **named)

        with monkeypatch.context() as patch:
            patch.setattr(backup, step, sealed_before)
            await asyncio.to_thread(back_up, server.settings, tmp_path / "backup", NOW, with_master_key=True)
        assert next(calls) > call
        before = await recording_of(server, recording_id)
    elsewhere = Settings(data=tmp_path / "two", tls=False, port=0)
    await asyncio.to_thread(restore, elsewhere, tmp_path / "backup")
    async with opened(elsewhere, server.clock) as found:
        await found.archive.recover()
        async with found.reads() as db:
            after = await db.get_one(Recording, recording_id)
            parts = list(await db.scalars(select(RecordingPart.path)))
        assert (await found.archive.check(recording_id)).verdict == "intact"
    assert (after.duration_s, len(parts)) == (before.duration_s, 2)
    assert all(parts)


async def recording_of(server: Server, recording_id: str) -> Recording:
    async with server.app[SESSIONS]() as db:
        return await db.get_one(Recording, recording_id)


def replace_settings(server: Server, settings: Settings) -> Server:
    """The same people's server on another machine."""
    return Server(settings, server.clock)


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    (tmp_path / "password").write_text("ein langes Passwort\n")
    flags = ["--district", "金水区", "--phone", "1", "--account", "chef", "--name", "张三"]
    data = tmp_path / "data"
    assert main(["init", "--data", str(data), *flags, "--password-file", str(tmp_path / "password")]) == 0
    return Settings(data=data)


def test_the_copy_is_for_the_owner_alone_and_has_no_master_key(installation: Settings, tmp_path: Path) -> None:
    back_up(installation, tmp_path / "backup", NOW)
    assert not readable_by_others(tmp_path / "backup")
    assert not any(readable_by_others(path) for path in (tmp_path / "backup").rglob("*"))
    assert not (tmp_path / "backup" / "keys" / "master.key").exists()
    with pytest.raises(BackupFailed, match="--master-key"):
        restore(Settings(data=tmp_path / "two"), tmp_path / "backup")
    assert not (tmp_path / "two").exists()


def test_with_the_master_key_one_directory_is_enough(installation: Settings, tmp_path: Path) -> None:
    back_up(installation, tmp_path / "backup", NOW, with_master_key=True)
    two = Settings(data=tmp_path / "two")
    restore(two, tmp_path / "backup")
    for path in ("master_key_path", "identity_key_path", "seal_key_path"):
        assert getattr(two, path).read_bytes() == getattr(installation, path).read_bytes()
        assert not readable_by_others(getattr(two, path))


def test_what_a_writer_has_not_committed_is_not_in_the_copy(installation: Settings, tmp_path: Path) -> None:
    writer = sqlite3.connect(installation.data / "lawlink.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE organisation SET name = 'half done'")
    try:
        back_up(installation, tmp_path / "backup", NOW)
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    copy = sqlite3.connect(tmp_path / "backup" / "database.sqlite3")
    assert copy.execute("SELECT name FROM organisation").fetchall() == [("金水区",)]
    copy.close()


def test_a_target_in_use_is_refused(installation: Settings, tmp_path: Path) -> None:
    back_up(installation, tmp_path / "backup", NOW, with_master_key=True)
    with pytest.raises(BackupFailed, match="not empty"):
        back_up(installation, tmp_path / "backup", NOW)
    with pytest.raises(NotEmpty):
        restore(installation, tmp_path / "backup")


@pytest.mark.parametrize("name", ["database.sqlite3", "keys/seal.key"])
def test_a_damaged_backup_is_refused_and_leaves_nothing(installation: Settings, tmp_path: Path, name: str) -> None:
    back_up(installation, tmp_path / "backup", NOW, with_master_key=True)
    path = tmp_path / "backup" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupFailed, match=f"{name} was altered"):
        restore(Settings(data=tmp_path / "two"), tmp_path / "backup")
    path.unlink()
    with pytest.raises(BackupFailed, match=f"{name} is missing"):
        restore(Settings(data=tmp_path / "two"), tmp_path / "backup")
    assert not (tmp_path / "two").exists()


def test_something_else_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="is no backup"):
        restore(Settings(data=tmp_path / "two"), tmp_path)


def test_postgresql_is_left_to_its_own_tools(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=SecretStr("postgresql+asyncpg://lawlink@db/lawlink"))
    with pytest.raises(BackupFailed, match="pg_dump"):
        back_up(settings, tmp_path / "backup", NOW)


def test_the_commands_say_what_was_done(
    installation: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", str(tmp_path / "backup"), "--data", str(installation.data)]) == 0
    assert "Keep a copy of" in capsys.readouterr().out
    arguments = ["restore", str(tmp_path / "backup"), "--data", str(tmp_path / "two")]
    assert main(arguments) == 1
    assert "--master-key" in capsys.readouterr().err
    assert main([*arguments, "--master-key", str(installation.master_key_path)]) == 0
    assert main(["doctor", "--data", str(tmp_path / "two")]) in (0, 1)
