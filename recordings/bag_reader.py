"""Reads one stored bag: whole small files, ranges of big ones, and everything for a check."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from recordings.assembly import is_sealed
from recordings.chunks import CHUNK_BYTES, PREAMBLE_BYTES, ChunkCipher, open_span, span
from recordings.digests import Digests, DigestStream
from recordings.errors import Damaged, NotFound
from recordings.store import Store
from recordings.verify import Contents, is_read

_BATCH_BYTES = 16 * CHUNK_BYTES


class StoredSize(NamedTuple):
    """Length of a file's content and of its sealed bytes, as noted when it was stored."""

    bytes: int
    sealed_bytes: int


class BagReader:
    """`files`: path in the bag → lengths. Every read is proved by its chunk's tag; Damaged otherwise."""

    def __init__(self, store: Store, bag_id: str, key: bytes, files: Mapping[str, StoredSize]) -> None:
        self._store = store
        self._prefix = bag_id
        self._key = key
        self.files = files

    async def read(self, path: str) -> bytes:
        """A whole file. Raises NotFound (not in this bag, or gone from the store), Damaged."""
        return b"".join([chunk async for chunk in self.stream(path, 0, self.size(path))])

    def size(self, path: str) -> int:
        """Length of the content in bytes. Raises NotFound."""
        if path not in self.files:
            raise NotFound(f"{path} is not in the bag {self._prefix}")
        return self.files[path].bytes

    async def stream(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes [start, end) of a file's content, at most 1 MiB at a time. Raises NotFound, Damaged."""
        size = self.size(path)
        if not 0 <= start <= end <= size:
            raise ValueError(f"{path} has {size} bytes: no range {start}–{end}")
        if not is_sealed(path):
            yield await self._open(path, size, start, end)
            return
        if start == end == size == 0:
            await self._sealed(path, size, 0, 1)
            return
        while start < end:
            stop = min(end, (start // _BATCH_BYTES + 1) * _BATCH_BYTES)
            yield await self._sealed(path, size, start, stop)
            start = stop

    async def contents(self) -> Contents:
        """Everything that a check needs; what cannot be read back right is reported with impossible digests."""
        files: dict[str, Digests] = {}
        texts: dict[str, bytes] = {}
        for path in self.files:
            try:
                files[path], texts[path] = await self._digest(path)
            except Damaged:
                files[path] = Digests(self.files[path].bytes, "", "")
            except NotFound:
                continue
        present = {stored.path for stored in await self._store.list(self._prefix)}
        foreign = present - {f"{self._prefix}/{path}" for path in self.files}
        wanted = {path: text for path, text in texts.items() if is_read(path)}
        return Contents(files, wanted, tuple(sorted(path.removeprefix(f"{self._prefix}/") for path in foreign)))

    async def _digest(self, path: str) -> tuple[Digests, bytes]:
        whole = DigestStream()
        text = b""
        async for chunk in self.stream(path, 0, self.size(path)):
            await asyncio.to_thread(whole.update, chunk)
            if is_read(path):
                text += chunk
        return whole.result(), text

    async def _open(self, path: str, size: int, start: int, end: int) -> bytes:
        content = await self._store.get(f"{self._prefix}/{path}")
        if len(content) != size:
            raise Damaged(f"{path}: {len(content)} bytes instead of {size}")
        return content[start:end]

    async def _sealed(self, path: str, size: int, start: int, end: int) -> bytes:
        at = span(start, end)
        sealed_end = min(at.end, self.files[path].sealed_bytes)
        name = f"{self._prefix}/{path}"
        if await self._store.size(name) != self.files[path].sealed_bytes:
            raise Damaged(f"{path}: the stored file is not as long as it was")
        preamble, body = await self._store.get_ranges(name, [(0, PREAMBLE_BYTES), (at.start, sealed_end)])

        def unseal() -> bytes:
            plain = b"".join(open_span(ChunkCipher(self._key, path, preamble), at, body, size))
            offset = at.first * CHUNK_BYTES
            return plain[start - offset : end - offset]

        return await asyncio.to_thread(unseal)
