"""Crash-safe, encrypted journal of one part of one publication: its writer, its reader and its recovery.

A part is one SSRC of one connection. Nothing in the file is plain; `media.journal_format` has the layout. Each block is
written and fdatasync'ed before the next one, so a crash costs at most the open block: `BLOCK_US` plus the time of one
commit.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from media.journal_format import (
    BUFFER_LIMIT,
    KEY_BYTES,
    MAGIC,
    PREFIX,
    RECORD,
    RECORD_LIMIT,
    SALT_BYTES,
    BlockType,
    JournalAltered,
    JournalBusy,
    JournalError,
    JournalHeader,
    JournalTruncated,
    Kind,
    Record,
    dump,
    dump_header,
    file_cipher,
    find_block,
    load,
    parse_header,
    parse_prefix,
    parse_records,
    seal,
    unseal,
)

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_US",
    "BUFFER_LIMIT",
    "KEY_BYTES",
    "LOST_MS_MAX",
    "RECORD_LIMIT",
    "JournalAltered",
    "JournalBusy",
    "JournalError",
    "JournalHeader",
    "JournalReader",
    "JournalSummary",
    "JournalTruncated",
    "JournalWriter",
    "Kind",
    "PendingBlock",
    "Record",
    "Recovery",
    "recover",
]

BLOCK_US = 1_000_000
BLOCK_BYTES = 256 * 1024
LOST_MS_MAX = 1_100

_PREAMBLE_BYTES = len(MAGIC) + SALT_BYTES


@dataclass(frozen=True, slots=True)
class PendingBlock:
    """Records taken off the loop's buffer, on their way to a thread."""

    plain: bytes
    records: int


@dataclass(frozen=True)
class JournalSummary:
    """A closed journal: `blocks` counts header and end block too; `head_hex` is the last link of the hash chain."""

    path: Path
    bytes: int
    blocks: int
    head_hex: str


@dataclass(frozen=True)
class Recovery:
    """What `recover` did: bytes cut off, a bound on the media time lost with the crash (ms), blocks left, the new
    head.
    """

    truncated_bytes: int
    lost_ms_max: int
    blocks: int
    head_hex: str


class JournalWriter:
    """Appends on the event loop, commits in a thread.

    `append`, `due` and `take` belong to the loop and never block; `create`, `commit` and `close` belong to a thread,
    one at a time, in the order of `take`. Records past `BUFFER_LIMIT` (a disk that does not answer) are dropped, and
    the next block says so in an `overflow` note.
    """

    def __init__(self, path: Path, file: BinaryIO, key: bytes, salt: bytes) -> None:
        self.path = path
        self._file = file
        self._cipher = file_cipher(key, salt)
        self._chain = sha256(MAGIC + salt).digest()
        self._offset = _PREAMBLE_BYTES
        self._counter = 0
        self._blocks = 0
        self._buffer = bytearray()
        self._records = 0
        self._oldest_us = 0
        self._dropped = 0
        self._dropped_at = (0, 0)

    @classmethod
    def create(cls, path: Path, header: JournalHeader, key: bytes) -> Self:
        """Make a new file with its header block, both file and directory fsynced.

        Raises FileExistsError when the part is there already, OSError otherwise, ValueError for a key that is not 32
        bytes.
        """
        salt = os.urandom(SALT_BYTES)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            # Held until the file is closed or the process dies, so that recovery never meets a living writer.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            writer = cls(path, file, key, salt)
            _write_at(descriptor, MAGIC + salt, 0)
            writer._write(BlockType.HEADER, dump_header(header), os.fsync)
            _fsync_directory(path.parent)
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise
        return writer

    def append(self, kind: Kind, payload: bytes | bytearray | memoryview, mono_us: int, wall_us: int) -> None:
        """Buffer one record. The payload is copied; ValueError when it is longer than `RECORD_LIMIT`."""
        size = len(payload)
        if size > RECORD_LIMIT:
            raise ValueError(f"a journal record holds at most {RECORD_LIMIT} bytes, not {size}")
        buffer = self._buffer
        if not buffer:
            self._oldest_us = mono_us
        elif len(buffer) + size > BUFFER_LIMIT:
            self._drop(mono_us, wall_us)
            return
        buffer += RECORD.pack(kind, mono_us, wall_us, size)
        buffer += payload
        self._records += 1

    def due(self, mono_us: int) -> bool:
        """Whether the open block is a second old or 256 KiB long, and should be taken and committed."""
        size = len(self._buffer)
        return size >= BLOCK_BYTES or (size > 0 and mono_us - self._oldest_us >= BLOCK_US)

    def take(self) -> PendingBlock | None:
        """Close the open block and hand it over; None when it is empty."""
        if not self._buffer:
            return None
        if self._dropped:
            note = dump({"event": "overflow", "dropped": self._dropped})
            self._buffer += RECORD.pack(Kind.CONTROL, *self._dropped_at, len(note)) + note
            self._records += 1
            self._dropped = 0
        block = PendingBlock(bytes(self._buffer), self._records)
        self._buffer = bytearray()
        self._records = 0
        return block

    def commit(self, block: PendingBlock) -> None:
        """Encrypt, chain, write and fdatasync one block. On OSError the valid prefix stays, and the block may be tried
        again.
        """
        self._write(BlockType.RECORDS, block.plain, os.fdatasync)

    def close(self, reason: str) -> JournalSummary:
        """Commit what is left, write the end block, close the file. On OSError the file is closed too, without its
        end.
        """
        try:
            rest = self.take()
            if rest is not None:
                self.commit(rest)
            self._write(BlockType.END, dump({"reason": reason}), os.fsync)
        finally:
            self._file.close()
        return JournalSummary(self.path, self._offset, self._blocks, self._chain.hex())

    def _drop(self, mono_us: int, wall_us: int) -> None:
        if not self._dropped:
            self._dropped_at = (mono_us, wall_us)
        self._dropped += 1

    def _write(self, kind: BlockType, plain: bytes, sync: Callable[[int], None]) -> None:
        self._counter += 1
        block = seal(self._cipher, kind, self._counter, plain, self._chain)
        descriptor = self._file.fileno()
        try:
            _write_at(descriptor, block, self._offset)
            sync(descriptor)
        except OSError:
            os.ftruncate(descriptor, self._offset)
            raise
        self._offset += len(block)
        self._chain = sha256(self._chain + block).digest()
        self._blocks += 1


class JournalReader:
    """Iterates the records of a journal, proving each block before it yields from it.

    `closed`, `close_reason`, `recovery`, `blocks`, `good_bytes` and `head_hex` describe what was read so far: read to
    the end first. Raises `JournalTruncated` at a torn end and `JournalAltered` at any changed byte. An unclosed journal
    that ends between two blocks ends the iteration with `closed` false.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key
        with path.open("rb") as file:
            self.header = self._open(file)

    @property
    def head_hex(self) -> str:
        return self._chain.hex()

    def __iter__(self) -> Iterator[Record]:
        with self.path.open("rb") as file:
            self._open(file)
            while (block := self._next(file)) is not None:
                kind, plain = block
                if kind is BlockType.RECORDS:
                    yield from parse_records(plain)
                elif kind is BlockType.HEADER:
                    raise JournalAltered(f"{self.path.name}: a second header block")
                else:
                    self._end(kind, plain)

    def verify(self) -> None:
        """Read to the end for the checks alone."""
        for _ in self:
            pass

    def _open(self, file: BinaryIO) -> JournalHeader:
        self.closed = False
        self.close_reason: str | None = None
        self.recovery: dict[str, int] | None = None
        self.blocks = 0
        self.good_bytes = 0
        preamble = file.read(_PREAMBLE_BYTES)
        if len(preamble) < _PREAMBLE_BYTES:
            raise JournalTruncated(f"{self.path.name}: ends before its header; nothing to recover")
        if not preamble.startswith(MAGIC):
            raise JournalAltered(f"{self.path.name}: not a journal")
        self._cipher = file_cipher(self._key, preamble[len(MAGIC) :])
        self._chain = sha256(preamble).digest()
        self.good_bytes = _PREAMBLE_BYTES
        block = self._next(file)
        if block is None or block[0] is not BlockType.HEADER:
            raise JournalTruncated(f"{self.path.name}: has no header; nothing to recover")
        return parse_header(block[1])

    def _next(self, file: BinaryIO) -> tuple[BlockType, bytes] | None:
        prefix = file.read(PREFIX.size)
        if not prefix:
            return None
        if self.closed:
            raise JournalAltered(f"{self.path.name}: bytes after the end")
        if len(prefix) < PREFIX.size:
            raise JournalTruncated(
                f"{self.path.name}: ends inside a block after byte {self.good_bytes}; recover it first"
            )
        try:
            kind, plain, sealed = self._unseal(prefix, file)
        except JournalAltered as error:
            raise JournalAltered(
                f"{self.path.name}: block {self.blocks + 1} at byte {self.good_bytes}: {error}"
            ) from error
        self._chain = sha256(self._chain + prefix + sealed).digest()
        self.good_bytes += len(prefix) + len(sealed)
        self.blocks += 1
        return kind, plain

    def _unseal(self, prefix: bytes, file: BinaryIO) -> tuple[BlockType, bytes, bytes]:
        kind, length = parse_prefix(prefix)
        sealed = file.read(length)
        if len(sealed) < length:
            raise JournalTruncated(
                f"{self.path.name}: ends inside a block after byte {self.good_bytes}; recover it first"
            )
        if kind is BlockType.RECOVERED:
            cipher = file_cipher(self._key, sealed[:SALT_BYTES])
            return kind, unseal(cipher, prefix, sealed[SALT_BYTES:], self._chain), sealed
        return kind, unseal(self._cipher, prefix, sealed, self._chain), sealed

    def _end(self, kind: BlockType, plain: bytes) -> None:
        note = load(plain)
        self.closed = True
        if kind is BlockType.RECOVERED:
            self.close_reason = "crash"
            self.recovery = {name: int(note[name]) for name in ("truncated_bytes", "lost_ms_max")}
        else:
            self.close_reason = str(note["reason"])


def recover(path: Path, key: bytes) -> Recovery:
    """Make an unclosed journal readable: cut it back to its last good block and append `recovered`. A closed one stays
    as it is.

    Only a torn last block is cut. Damage with whole blocks behind it is no crash: `JournalAltered` is raised and
    nothing is changed. `JournalTruncated` is raised when not even the header is whole, `JournalBusy` while somebody
    writes. Raises OSError.
    """
    with path.open("r+b", buffering=0) as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalBusy(f"{path.name}: is still being written; try again when its worker has stopped") from error
        return _recover(path, file.fileno(), key)


def _recover(path: Path, descriptor: int, key: bytes) -> Recovery:
    reader = JournalReader(path, key)
    try:
        reader.verify()
    except JournalError:
        if reader.closed or _blocks_behind(path, reader.good_bytes):
            raise
    if reader.closed:
        lost_ms_max = reader.recovery["lost_ms_max"] if reader.recovery else 0
        return Recovery(0, lost_ms_max, reader.blocks, reader.head_hex)
    truncated = path.stat().st_size - reader.good_bytes
    chain = bytes.fromhex(reader.head_hex)
    salt = os.urandom(SALT_BYTES)
    plain = dump({"truncated_bytes": truncated, "lost_ms_max": LOST_MS_MAX})
    block = seal(file_cipher(key, salt), BlockType.RECOVERED, 0, plain, chain, salt)
    os.ftruncate(descriptor, reader.good_bytes)
    _write_at(descriptor, block, reader.good_bytes)
    os.fsync(descriptor)
    return Recovery(truncated, LOST_MS_MAX, reader.blocks + 1, sha256(chain + block).hexdigest())


def _blocks_behind(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset + 1)
        return find_block(file.read())


def _write_at(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
