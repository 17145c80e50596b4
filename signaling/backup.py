"""Backup of an installation while its server runs, and its restoration onto an empty machine.

A recording is in its journals until its bag is in the store and its row in the database, and a seal may come between
any two steps.  So the journals are copied before the database, and again after it for what was recorded meanwhile; the
store comes last.  Everything that the copied database calls sealed is then in the copied store, and of everything else
the journals are there, as a crash would leave them; the restored server seals what they hold and forgets the rest.

    DIRECTORY/ manifest.json  database.sqlite3  keys/  tls/  recordings/  journals/
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy.engine import make_url

from signaling.installation import require_empty
from signaling.secret_files import make_directory, write_secret
from signaling.settings import Settings

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database.sqlite3"
CHUNK_BYTES: Final = 1 << 20


class BackupFailed(Exception):
    """The backup or restoration cannot be done; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was copied."""

    files: int
    bytes: int
    has_master_key: bool


def back_up(settings: Settings, directory: Path, now: datetime, *, with_master_key: bool = False) -> Told:
    """Copies the installation into `directory`, which must be new or empty; it is there whole or not at all.

    Raises BackupFailed.
    """
    if directory.exists() and any(directory.iterdir()):
        raise BackupFailed(f"{directory} is not empty: name a new directory for each backup")
    source = _sqlite_path(settings)
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        make_directory(partial)
        _copy_tree(settings.journals, partial / "journals")
        _copy_database(source, partial / DATABASE)
        _copy_tree(settings.journals, partial / "journals")
        _copy_keys(settings, partial / "keys", with_master_key)
        _copy_tree(settings.data / "tls", partial / "tls")
        _copy_tree(settings.store, partial / "recordings")
        told = _write_manifest(partial, now, with_master_key)
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(directory)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"the backup failed: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return told


def restore(settings: Settings, directory: Path, master_key: Path | None = None) -> Told:
    """Brings a backup into the empty data directory of `settings`; `master_key` when the backup holds none.

    Raises BackupFailed (no backup, damaged, no master key) or NotEmpty, and leaves nothing behind.
    """
    target = _sqlite_path(settings)
    require_empty(settings.data)
    manifest = _read_manifest(directory)
    key = master_key or directory / "keys" / "master.key"
    if not key.is_file():
        raise BackupFailed("the backup holds no master key: name its file with --master-key")
    _check(directory, manifest)
    make_directory(settings.data)
    try:
        for name in ("keys", "tls", "recordings", "journals"):
            _copy_tree(directory / name, settings.data / name)
        if not settings.master_key_path.exists():
            write_secret(settings.master_key_path, key.read_bytes())
        _copy_file(directory / DATABASE, target)
        _check_database(target)
    except (OSError, sqlite3.Error, BackupFailed) as error:
        _remove(settings.data)
        raise BackupFailed(f"the restoration failed: {error}") from error
    return Told(len(manifest["files"]), sum(file["bytes"] for file in manifest["files"].values()), True)


def _sqlite_path(settings: Settings) -> Path:
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupFailed(
            "LAWLINK_DATABASE_URL names a PostgreSQL database: copy journals/, then the database with pg_dump "
            "--format=custom (and back with pg_restore), journals/ again, then the rest of the data directory"
        )
    return Path(url.database)


def _copy_database(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BackupFailed(f"{source} is missing: name the data directory of an installation (--data)")
    origin = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        # One step is one read transaction: with a write-ahead log no writer waits for it, and none makes it begin anew.
        origin.backup(copy, pages=-1)
        # A plain file: no write-ahead log has to be carried along.
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()
        origin.close()
    target.chmod(0o600)


def _check_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    finally:
        connection.close()
    if verdict != "ok":
        raise BackupFailed(f"its database is damaged: {verdict}")


def _copy_keys(settings: Settings, target: Path, with_master_key: bool) -> None:
    make_directory(target)
    keys = [settings.identity_key_path, settings.seal_key_path]
    for path in [*keys, settings.master_key_path] if with_master_key else keys:
        write_secret(target / ("master.key" if path == settings.master_key_path else path.name), path.read_bytes())


def _copy_tree(source: Path, target: Path) -> None:
    make_directory(target)
    for path in _files(source):
        try:
            _copy_file(path, target / path.relative_to(source), "wb")
        except FileNotFoundError:
            # A journal that has been sealed meanwhile; its bag is in the store, which is copied after it.
            continue


def _copy_file(source: Path, target: Path, mode: Literal["xb", "wb"] = "xb") -> None:
    make_directory(target.parent)
    with source.open("rb") as origin, target.open(mode) as copy:
        os.fchmod(copy.fileno(), 0o600)
        shutil.copyfileobj(origin, copy, CHUNK_BYTES)
        copy.flush()
        os.fsync(copy.fileno())


def _files(top: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(top):
        yield from (Path(directory) / name for name in sorted(names) if (Path(directory) / name).is_file())


def _write_manifest(directory: Path, now: datetime, has_master_key: bool) -> Told:
    sizes = {path.relative_to(directory).as_posix(): path.stat().st_size for path in _files(directory)}
    files = {name: {"bytes": size, "sha256": _sha256(directory / name)} for name, size in sizes.items()}
    content = {"version": VERSION, "made_at": now.isoformat(), "has_master_key": has_master_key, "files": files}
    write_secret(directory / MANIFEST, json.dumps(content, indent=1).encode())
    return Told(len(files), sum(sizes.values()), has_master_key)


def _read_manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{directory} is no backup: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise BackupFailed(f"{directory} was written by another version of LawLink: restore it with that one")
    return manifest


def _check(directory: Path, manifest: dict[str, Any]) -> None:
    for name, told in manifest["files"].items():
        path = directory / name
        if not path.is_file():
            raise BackupFailed(f"the backup is damaged: {name} is missing")
        if path.stat().st_size != told["bytes"] or _sha256(path) != told["sha256"]:
            raise BackupFailed(f"the backup is damaged: {name} was altered")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(directory: Path) -> None:
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
