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


def digest(chunks: Iterable[bytes]) -> Digests:
    size, first, second = 0, sha256(), Hash(SM3())
    for chunk in chunks:
        size += len(chunk)
        first.update(chunk)
        second.update(chunk)
    return Digests(size, first.hexdigest(), second.finalize().hex())


def digest_bytes(content: bytes) -> Digests:
    return digest([content])


def file_sha256(chunks: Iterable[bytes]) -> str:
    total = sha256()
    for chunk in chunks:
        total.update(chunk)
    return total.hexdigest()
