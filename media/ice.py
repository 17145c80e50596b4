"""ICE-lite (RFC 8445, section 2.5): answers connectivity checks and learns the path the peer has chosen. No I/O."""

import dataclasses
import secrets
import string
import struct
from socket import socket
from typing import Any, Protocol

from aioice import stun

Address = tuple[Any, ...]
ALPHABET = string.ascii_letters + string.digits
MAGIC_COOKIE = b"\x21\x12\xa4\x42"
USERNAME = 0x0006
ROLE_CONFLICT = (487, "Role Conflict")


@dataclasses.dataclass(frozen=True, slots=True)
class Path:
    """Where a peer is: its address, and the socket that its checks arrive at."""

    address: Address
    socket: socket


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """RFC 8445 asks for 24 and 128 bits at least; these have 47 and 142."""

    ufrag: str
    password: str

    @classmethod
    def generate(cls) -> "Credentials":
        return cls(_token(8), _token(24))


def _token(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


class PathOwner(Protocol):
    def on_path(self, old: Path | None, new: Path) -> None:
        """The peer has chosen another path."""


class IceLite:
    """The agent of one peer. After `restart` the former credentials hold until a path is chosen with the new ones."""

    def __init__(self, owner: PathOwner) -> None:
        self._owner = owner
        self.credentials = Credentials.generate()
        self._former: Credentials | None = None
        self.path: Path | None = None
        self.checked_at = 0.0
        self.checks = self.refused = 0

    @property
    def accepted(self) -> list[Credentials]:
        return [self.credentials] if self._former is None else [self.credentials, self._former]

    def restart(self) -> None:
        self._former, self.credentials = self.credentials, Credentials.generate()

    def check(self, data: bytes, path: Path, ufrag: str, now: float) -> bytes | None:
        """The response to a binding request; None when it is not an authentic one."""
        credentials = next((c for c in self.accepted if c.ufrag == ufrag), None)
        request = parse_request(data)
        if credentials is None or request is None or not _authentic(request, credentials.password):
            self.refused += 1
            return None
        self.checks += 1
        if "ICE-CONTROLLED" in request.attributes:  # a lite agent cannot take the controlling role
            return _response(request, stun.Class.ERROR, "ERROR-CODE", ROLE_CONFLICT, credentials)
        self.checked_at = now
        self._choose(path, credentials, nominated="USE-CANDIDATE" in request.attributes)
        return _response(request, stun.Class.RESPONSE, "XOR-MAPPED-ADDRESS", path.address[:2], credentials)

    def _choose(self, path: Path, credentials: Credentials, nominated: bool) -> None:
        old = self.path
        if not nominated and old is not None:
            return
        if credentials is self.credentials:
            self._former = None
        if old is None or old.address != path.address or old.socket is not path.socket:
            self.path = path
            self._owner.on_path(old, path)


def _authentic(request: stun.Message, password: str) -> bool:
    return request.check_message_integrity(password.encode())


def _response(
    request: stun.Message, kind: stun.Class, attribute: str, value: object, credentials: Credentials
) -> bytes:
    reply = stun.Message(stun.Method.BINDING, kind, transaction_id=request.transaction_id)
    reply.attributes[attribute] = value
    reply.add_message_integrity(credentials.password.encode())
    return bytes(reply)


def parse_request(data: bytes) -> stun.Message | None:
    """A binding request, or None: hostile bytes make aioice raise several kinds of error."""
    try:
        message = stun.parse_message(data)
    except (ValueError, struct.error, IndexError, KeyError, TypeError):
        return None
    binding = message.message_method == stun.Method.BINDING
    return message if binding and message.message_class == stun.Class.REQUEST else None


def local_ufrag(data: bytes) -> str | None:
    """First half of USERNAME (RFC 8445, section 7.1.1), found without building a message: garbage costs 1 µs."""
    size = len(data)
    if size < 28 or data[4:8] != MAGIC_COOKIE or int.from_bytes(data[2:4], "big") != size - 20:
        return None
    pos = 20
    while pos + 4 <= size:
        kind, length = struct.unpack_from("!HH", data, pos)
        if kind == USERNAME:
            return str(data[pos + 4 : pos + 4 + length].split(b":", 1)[0], "ascii", "replace")
        pos += 4 + ((length + 3) & ~3)
    return None
