"""Sealed files: AES-256-GCM in chunks of 64 KiB, so that any range is read by decrypting one or two of them.

    file  = "LLCHUNK1" (8 bytes), salt (16 random bytes), { chunk }
    chunk = nonce (12 random bytes), ciphertext (65,536 bytes; the last one 0 to 65,536), tag (16)
    key   = HKDF-SHA-256(data key, salt, "lawlink chunks 1 " ‖ name)
    AAD   = index u64 ‖ final u8 (1 for the last chunk alone)

The name (the path in the bag) is part of the key and the final flag part of the AAD: a file cannot stand in for another
one, and chunks cannot be moved, dropped or cut off. Nonces are random because a muxer goes back and writes chunks
again.
"""

import io
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from recordings.errors import Damaged

CHUNK_BYTES = 64 * 1024
MAGIC = b"LLCHUNK1"
PREAMBLE_BYTES = len(MAGIC) + 16
_NONCE_BYTES = 12
_OVERHEAD = _NONCE_BYTES + 16
_SEALED_BYTES = CHUNK_BYTES + _OVERHEAD
_HELD_CHUNKS = 8


@dataclass(frozen=True)
class Span:
    """Which chunks hold a range of plain bytes, and where these lie in the sealed file (`start`, `end` in bytes)."""

    first: int
    count: int
    start: int
    end: int


class ChunkCipher:
    """Seals and opens the chunks of one file. `preamble` is the file's first 24 bytes."""

    def __init__(self, key: bytes, name: str, preamble: bytes) -> None:
        if len(preamble) != PREAMBLE_BYTES or not preamble.startswith(MAGIC):
            raise Damaged(f"{name}: not a sealed file")
        info = b"lawlink chunks 1 " + name.encode()
        self._cipher = AESGCM(HKDF(SHA256(), 32, preamble[len(MAGIC) :], info).derive(key))
        self._name = name

    def seal(self, index: int, plain: bytes, final: bool) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _aad(index, final))

    def open(self, index: int, sealed: bytes, final: bool) -> bytes:
        """Raises Damaged when the chunk is not exactly what was sealed at this place."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _aad(index, final))
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"{self._name}: chunk {index} is altered") from error


def new_preamble() -> bytes:
    return MAGIC + os.urandom(PREAMBLE_BYTES - len(MAGIC))


def sealed_size(plain_size: int) -> int:
    """Length of the sealed file; an empty file has one empty chunk."""
    chunks = max(1, -(-plain_size // CHUNK_BYTES))
    return PREAMBLE_BYTES + plain_size + chunks * _OVERHEAD


def plain_size(sealed: int) -> int:
    """Length of the content of a sealed file of `sealed` bytes. Raises Damaged when no content has that length."""
    body = sealed - PREAMBLE_BYTES
    chunks = -(-body // _SEALED_BYTES)
    size = body - chunks * _OVERHEAD
    if body < _OVERHEAD or sealed_size(size) != sealed:
        raise Damaged(f"no sealed file is {sealed} bytes long: it was cut short or added to")
    return size


def span(start: int, end: int) -> Span:
    """The chunks of the plain bytes [start, end), start < end."""
    first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
    return Span(
        first, last - first + 1, PREAMBLE_BYTES + first * _SEALED_BYTES, PREAMBLE_BYTES + (last + 1) * _SEALED_BYTES
    )


def open_span(cipher: ChunkCipher, at: Span, sealed: bytes, size: int) -> Iterator[bytes]:
    """The plain chunks of `at`, whose sealed bytes are `sealed`, in a file of `size` plain bytes. Raises Damaged."""
    last = max(0, size - 1) // CHUNK_BYTES
    for index in range(at.first, at.first + at.count):
        offset = (index - at.first) * _SEALED_BYTES
        yield cipher.open(index, sealed[offset : offset + _SEALED_BYTES], index == last)


def seal_bytes(key: bytes, name: str, plain: bytes) -> bytes:
    """A whole small file, sealed."""
    preamble = new_preamble()
    cipher = ChunkCipher(key, name, preamble)
    last = max(0, len(plain) - 1) // CHUNK_BYTES
    chunks = (plain[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES] for index in range(last + 1))
    return preamble + b"".join(cipher.seal(index, chunk, index == last) for index, chunk in enumerate(chunks))


def open_bytes(key: bytes, name: str, sealed: bytes) -> bytes:
    """The content of a whole small sealed file. Raises Damaged."""
    size = plain_size(len(sealed))
    cipher = ChunkCipher(key, name, sealed[:PREAMBLE_BYTES])
    whole = span(0, max(1, size))
    return b"".join(open_span(cipher, whole, sealed[whole.start :], size))


class SealingFile(io.RawIOBase):
    """A writable, readable, seekable file that is sealed on disk at every moment.

    Chunks are held in memory (at most eight) and sealed when they leave it. `close` seals the last one as final and
    fsyncs; a file that was not closed cannot be opened, and `abort` closes without that. Raises OSError like any file.
    """

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        """`file`: open for reading and writing, unbuffered, empty; it is closed with this one."""
        super().__init__()
        preamble = new_preamble()
        self._file = file
        self._cipher = ChunkCipher(key, name, preamble)
        self._held: OrderedDict[int, bytearray] = OrderedDict()
        self._dirty: set[int] = set()
        self._position = 0
        self._size = 0
        self._write_at(0, preamble)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._position = base + offset
        return self._position

    def write(self, content: "io.ReadableBuffer") -> int:  # type: ignore[name-defined]
        view = memoryview(content).cast("B")
        written = len(view)
        if written and self._position > self._size:
            self._fill()
        while view:
            index, offset = divmod(self._position, CHUNK_BYTES)
            part = view[: CHUNK_BYTES - offset]
            chunk = self._chunk(index)
            chunk[offset : offset + len(part)] = part
            self._dirty.add(index)
            self._position += len(part)
            self._size = max(self._size, self._position)
            view = view[len(part) :]
        return written

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._position + size)
        parts = []
        while self._position < end:
            index, offset = divmod(self._position, CHUNK_BYTES)
            parts.append(bytes(self._chunk(index)[offset : offset + end - self._position]))
            self._position += len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        if self.closed:
            return
        try:
            last = max(0, self._size - 1) // CHUNK_BYTES
            self._chunk(last)
            self._dirty.add(last)
            for index in sorted(self._dirty):
                self._seal(index, index == last)
            os.fsync(self._file.fileno())
        finally:
            self.abort()

    def abort(self) -> None:
        """Close without making the file openable."""
        self._file.close()
        self._held.clear()
        self._dirty.clear()
        super().close()

    def _fill(self) -> None:
        position, self._position = self._position, self._size
        while self._position < position:
            self.write(bytes(min(CHUNK_BYTES, position - self._position)))

    def _chunk(self, index: int) -> bytearray:
        if index in self._held:
            self._held.move_to_end(index)
            return self._held[index]
        while len(self._held) >= _HELD_CHUNKS:
            self._evict()
        chunk = self._load(index) if index * CHUNK_BYTES < self._size else bytearray()
        self._held[index] = chunk
        return chunk

    def _evict(self) -> None:
        index = next(iter(self._held))
        if index in self._dirty:
            self._seal(index, False)
            self._dirty.discard(index)
        del self._held[index]

    def _seal(self, index: int, final: bool) -> None:
        self._write_at(
            PREAMBLE_BYTES + index * _SEALED_BYTES, self._cipher.seal(index, bytes(self._held[index]), final)
        )

    def _load(self, index: int) -> bytearray:
        at = span(index * CHUNK_BYTES, index * CHUNK_BYTES + 1)
        sealed = os.pread(self._file.fileno(), at.end - at.start, at.start)
        return bytearray(self._cipher.open(index, sealed, False))

    def _write_at(self, offset: int, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[written:], offset + written


def read_sealed(file: BinaryIO, key: bytes, name: str) -> Iterator[bytes]:
    """The content of a sealed file, chunk by chunk. Raises Damaged."""
    size = plain_size(os.fstat(file.fileno()).st_size)
    cipher = ChunkCipher(key, name, file.read(PREAMBLE_BYTES))
    last = max(0, size - 1) // CHUNK_BYTES
    for index in range(last + 1):
        yield cipher.open(index, file.read(_SEALED_BYTES), index == last)


def _aad(index: int, final: bool) -> bytes:
    return index.to_bytes(8, "big") + bytes([final])
