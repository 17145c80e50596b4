"""Objects by path, in a local directory (or, by another constructor, S3), through obstore. Everything in here is
sealed.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from recordings.errors import NotFound, RecordingError, StorageFull


class StorageFailed(RecordingError):
    """The storage refused or is out of reach; try again, and look at the disk."""


@dataclass(frozen=True)
class Stored:
    """An object's path and length in bytes."""

    path: str
    bytes: int


class Store:
    """Writes are atomic: an object is there whole or not at all. `sync` makes what was put survive a power loss."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._store = LocalStore(prefix=directory, mkdir=True)

    async def put(self, path: str, content: bytes | Path) -> None:
        """Raises StorageFull, StorageFailed."""
        with _translated(path):
            await obstore.put_async(self._store, path, content)

    async def get(self, path: str) -> bytes:
        """A small object whole. Raises NotFound, StorageFailed."""
        with _translated(path):
            return bytes(await (await obstore.get_async(self._store, path)).bytes_async())

    async def get_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes of each [start, end). Raises NotFound, StorageFailed."""
        with _translated(path):
            starts, ends = [start for start, _ in ranges], [end for _, end in ranges]
            found = await obstore.get_ranges_async(self._store, path, starts=starts, ends=ends)
            return [bytes(part) for part in found]

    async def size(self, path: str) -> int:
        with _translated(path):
            return (await obstore.head_async(self._store, path))["size"]

    async def list(self, prefix: str) -> list[Stored]:
        """Everything under `prefix` (whole path segments), in order of path."""
        with _translated(prefix):
            return sorted([stored async for stored in self._list(prefix)], key=lambda stored: stored.path)

    async def delete(self, paths: Iterable[str]) -> None:
        """What is not there counts as deleted."""
        for path in paths:
            try:
                with _translated(path):
                    await obstore.delete_async(self._store, path)
            except NotFound:
                continue

    async def sync(self, prefix: str) -> None:
        """fsync every file and directory under `prefix`, and the way up to the root."""
        with _translated(prefix):
            await asyncio.to_thread(_sync_tree, self._directory, prefix)

    async def _list(self, prefix: str) -> AsyncIterator[Stored]:
        async for batch in obstore.list(self._store, prefix):
            for meta in batch:
                yield Stored(meta["path"], meta["size"])


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{path} is not in the storage") from error
    except (OSError, BaseError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or f"os error {errno.ENOSPC}" in str(error):
            raise StorageFull(f"no room to store {path}: free some, sealing goes on by itself") from error
        raise StorageFailed(f"{path}: {str(error).splitlines()[0]}") from error


def _sync_tree(root: Path, prefix: str) -> None:
    top = root / prefix
    for directory, _, names in os.walk(top):
        for name in names:
            _fsync(Path(directory) / name)
        _fsync(Path(directory))
    while top != root:
        top = top.parent
        _fsync(top)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
