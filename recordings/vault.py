"""Keys of recordings: one data key each, wrapped by the master key, which lies in a file of its own.

Wrapped key = version u8 ‖ id of the master key (8 bytes) ‖ nonce (12) ‖ AES-256-GCM(master, nonce, data key, AAD =
owner id). Several master keys may be at hand: the first wraps, each unwraps what it wrapped, so that a change of the
master key re-wraps 61 bytes per recording and touches no media.
"""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recordings.errors import KeyUnavailable

KEY_BYTES = 32
_VERSION = 1
_ID_BYTES = 8
_NONCE_BYTES = 12
_WRAPPED_BYTES = 1 + _ID_BYTES + _NONCE_BYTES + KEY_BYTES + 16


class Vault:
    """Makes, wraps and unwraps data keys. `masters`: 32 bytes each, the current one first."""

    def __init__(self, masters: Sequence[bytes]) -> None:
        if not masters or any(len(master) != KEY_BYTES for master in masters):
            raise ValueError(f"a vault needs master keys of {KEY_BYTES} bytes")
        self._masters = {_key_id(master): AESGCM(master) for master in masters}
        self.current_id = next(iter(self._masters)).hex()

    @classmethod
    def from_files(cls, paths: Sequence[Path]) -> "Vault":
        """Key files as `make_master_key` writes them. Raises KeyUnavailable naming the file that cannot be used."""
        return cls([read_master_key(path) for path in paths])

    def new_key(self, owner_id: str) -> tuple[bytes, bytes]:
        """A fresh data key for `owner_id` and the same key wrapped."""
        key = os.urandom(KEY_BYTES)
        return key, self.wrap(key, owner_id)

    def wrap(self, key: bytes, owner_id: str) -> bytes:
        master_id, cipher = next(iter(self._masters.items()))
        nonce = os.urandom(_NONCE_BYTES)
        return bytes([_VERSION]) + master_id + nonce + cipher.encrypt(nonce, key, owner_id.encode())

    def unwrap(self, wrapped: bytes, owner_id: str) -> bytes:
        """The data key. Raises KeyUnavailable: destroyed, another master key's, another owner's, or altered."""
        if len(wrapped) != _WRAPPED_BYTES or wrapped[0] != _VERSION:
            raise KeyUnavailable(f"the key of {owner_id} was destroyed or is not a wrapped key")
        master_id, rest = wrapped[1 : 1 + _ID_BYTES], wrapped[1 + _ID_BYTES :]
        cipher = self._masters.get(master_id)
        if cipher is None:
            raise KeyUnavailable(
                f"the key of {owner_id} needs master key {master_id.hex()}: add its file to the settings"
            )
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], owner_id.encode())
        except InvalidTag as error:
            raise KeyUnavailable(f"the wrapped key of {owner_id} is altered or belongs to another recording") from error

    def rewrap(self, wrapped: bytes, owner_id: str) -> bytes:
        """The same data key under the current master key."""
        return self.wrap(self.unwrap(wrapped, owner_id), owner_id)


def make_master_key(path: Path) -> None:
    """Write a new master key as 64 hexadecimal digits, readable by the owner alone. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(os.urandom(KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_master_key(path: Path) -> bytes:
    """The 32 bytes of a master key file. Raises KeyUnavailable."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise KeyUnavailable(f"the master key file {path} cannot be read: {error}") from error
    if len(key) != KEY_BYTES:
        raise KeyUnavailable(f"the master key file {path} must hold {2 * KEY_BYTES} hexadecimal digits")
    return key


def _key_id(master: bytes) -> bytes:
    return sha256(b"lawlink master key id" + master).digest()[:_ID_BYTES]
