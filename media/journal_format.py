"""Bytes of a journal: what a block is, how it is sealed, and what it holds. Files are the business of `media.journal`.

All integers are big-endian::

    file     = preamble, header block, { record block }, [ end block | recovered block ]
    preamble = "LLJOURN1" (8 bytes), salt (16 random bytes)
    block    = "LB", type u8, version u8, length u32, counter u64, sealed (length bytes)
    sealed   = AES-256-GCM(file key, nonce = 0^4 ‖ counter, plain, AAD = h_{n-1} ‖ the 16 bytes before it)
    plain    = { kind u8, mono_us u64, wall_us u64, length u16, payload }      in a record block
             = JSON object, UTF-8                                             in the other types
    h_0      = SHA-256(preamble),   h_n = SHA-256(h_{n-1} ‖ block)

The file key is HKDF-SHA-256(data key, salt). The counter grows with every encryption, repeated attempts included, so
that no nonce is used twice. A recovered block carries its own salt before its sealed bytes: the counter of a torn block
may be lost.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from typing import Any, Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BUFFER_LIMIT = 4 * 1024 * 1024
KEY_BYTES = 32
SALT_BYTES = 16
MAGIC = b"LLJOURN1"
PREFIX = struct.Struct(">2sBBIQ")
RECORD = struct.Struct(">BQQH")
RECORD_LIMIT = 65_535

_MARK = b"LB"
_VERSION = 1
_TAG_BYTES = 16
_SEALED_LIMIT = BUFFER_LIMIT + 128 * 1024


class JournalError(Exception):
    """The journal cannot be used as it is; the text says why and what to do."""


class JournalTruncated(JournalError):
    """The file ends inside a block, as after a crash; `media.journal.recover` mends it."""


class JournalBusy(JournalError):
    """A writer still has the file open; try again when it has stopped."""


class JournalAltered(JournalError):
    """Bytes differ from what was written, or the key is another recording's."""


class Kind(IntEnum):
    """What a record's payload is: a whole RTP packet (RFC 3550; RTX already unwrapped), one RTCP sender report of the
    publisher itself, or a control note: a JSON object with `event` (`overflow`, `muted`, `unmuted` …)."""

    RTP = 1
    SENDER_REPORT = 2
    CONTROL = 3


_KINDS = {kind.value: kind for kind in Kind}


class BlockType(IntEnum):
    HEADER = 1
    RECORDS = 2
    END = 3
    RECOVERED = 4


@dataclass(frozen=True)
class JournalHeader:
    """What the part is. `clock_rate` in Hz; `started_wall_us` since the Unix epoch, `started_mono_us` on the worker's
    clock.
    """

    recording_id: str
    publication_id: str
    participant_id: str
    source: str
    part: int
    codec: Literal["opus", "vp8"]
    payload_type: int
    ssrc: int
    clock_rate: int
    boot_id: str
    started_wall_us: int
    started_mono_us: int


class Record(NamedTuple):
    """One packet or note with its time of arrival on the worker's monotonic and wall clocks (µs)."""

    kind: Kind
    mono_us: int
    wall_us: int
    payload: bytes


def file_cipher(key: bytes, salt: bytes) -> AESGCM:
    """The cipher of one file (or one recovered block) under the recording's data key of 32 bytes."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(key)}")
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"lawlink journal 1").derive(key))


def seal(cipher: AESGCM, kind: BlockType, counter: int, plain: bytes, chain: bytes, salt: bytes = b"") -> bytes:
    """A whole block that follows the chain value `chain`."""
    prefix = PREFIX.pack(_MARK, kind, _VERSION, len(salt) + len(plain) + _TAG_BYTES, counter)
    return prefix + salt + cipher.encrypt(_nonce(prefix), plain, chain + prefix)


def unseal(cipher: AESGCM, prefix: bytes, sealed: bytes, chain: bytes) -> bytes:
    """The plain bytes of a block; JournalAltered when block, chain or key do not belong together."""
    try:
        return cipher.decrypt(_nonce(prefix), sealed, chain + prefix)
    except InvalidTag as error:
        raise JournalAltered("a block is altered, or the key is not its own") from error


def parse_prefix(prefix: bytes) -> tuple[BlockType, int]:
    """Type of a block and length of its sealed part; JournalAltered when no block starts here."""
    mark, kind, version, length, _counter = PREFIX.unpack(prefix)
    least = _TAG_BYTES + (SALT_BYTES if kind == BlockType.RECOVERED else 0)
    if mark != _MARK or version != _VERSION or kind not in set(BlockType) or not least <= length <= _SEALED_LIMIT:
        raise JournalAltered("no block where one should start")
    return BlockType(kind), length


def find_block(tail: bytes) -> bool:
    """Whether a whole block lies anywhere in `tail`."""
    at = tail.find(_MARK)
    while 0 <= at <= len(tail) - PREFIX.size:
        prefix = tail[at : at + PREFIX.size]
        try:
            _, length = parse_prefix(prefix)
        except JournalAltered:
            length = len(tail)
        if at + PREFIX.size + length <= len(tail) and PREFIX.unpack(prefix)[4] < 1 << 32:
            return True
        at = tail.find(_MARK, at + 1)
    return False


def parse_records(plain: bytes) -> Iterator[Record]:
    offset = 0
    try:
        while offset < len(plain):
            kind, mono_us, wall_us, length = RECORD.unpack_from(plain, offset)
            offset += RECORD.size + length
            yield Record(_KINDS[kind], mono_us, wall_us, plain[offset - length : offset])
    except (struct.error, KeyError) as error:
        raise JournalAltered("a record is not one") from error
    if offset != len(plain):
        raise JournalAltered("a record runs over its block")


def dump_header(header: JournalHeader) -> bytes:
    return dump(asdict(header))


def parse_header(plain: bytes) -> JournalHeader:
    values = load(plain)
    if set(values) != {field.name for field in fields(JournalHeader)}:
        raise JournalAltered(f"the header's fields are not those of version {_VERSION}")
    return JournalHeader(**values)


def dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def load(plain: bytes) -> dict[str, Any]:
    value = json.loads(plain)
    if not isinstance(value, dict):
        raise JournalAltered("a block without an object")
    return value


def _nonce(prefix: bytes) -> bytes:
    return b"\0\0\0\0" + prefix[8:]
