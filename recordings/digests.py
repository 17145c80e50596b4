"""SHA-256 and SM3 (GB/T 32905) of the same bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SM3, Hash


@dataclass(frozen=True)
class Digests:
    """Length and hexadecimal digests of a file's content."""

    bytes: int
    sha256: str
    sm3: str


class DigestStream:
    """Both digests of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._size = 0
        self._sha256 = sha256()
        self._sm3 = Hash(SM3())

    def update(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._sha256.update(chunk)
        self._sm3.update(chunk)

    def result(self) -> Digests:
        """Call once, at the end."""
        return Digests(self._size, self._sha256.hexdigest(), self._sm3.finalize().hex())


def digest(chunks: Iterable[bytes]) -> Digests:
    whole = DigestStream()
    for chunk in chunks:
        whole.update(chunk)
    return whole.result()


def digest_bytes(content: bytes) -> Digests:
    return digest([content])


def file_sha256(chunks: Iterable[bytes]) -> str:
    total = sha256()
    for chunk in chunks:
        total.update(chunk)
    return total.hexdigest()
