"""The seal of a bag: Ed25519 (RFC 8032) over seal/head.json, which names everything that must not change.

A manifest proves nothing against somebody who writes a new one. The head holds the tag manifest's digest, the end of
the event chain, the heads of the journals and the counts; its signature needs the centre's key.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from recordings.dossier import dump_json
from recordings.errors import KeyUnavailable

HEAD = "seal/head.json"
SIGNATURE = "seal/head.sig"
PUBLIC_KEY = "seal/public.pem"
FILES = frozenset({HEAD, SIGNATURE, PUBLIC_KEY})


class SealKey:
    """The centre's signing key; `fingerprint` is the SHA-256 of the public key's PEM file, to be published."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = sha256(self.public_pem).hexdigest()

    @classmethod
    def from_file(cls, path: Path) -> "SealKey":
        """Raises KeyUnavailable naming the file."""
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnavailable(f"the seal key file {path} cannot be read: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnavailable(f"the seal key file {path} holds another kind of key: an Ed25519 key is needed")
        return cls(key)

    def seal(self, head: Mapping[str, Any]) -> dict[str, bytes]:
        """The files of seal/ for a head; the public key's digest is added to it."""
        content = dump_json({**head, "public_key_sha256": self.fingerprint})
        return {HEAD: content, SIGNATURE: self._key.sign(content), PUBLIC_KEY: self.public_pem}


def make_seal_key(path: Path) -> None:
    """Write a new Ed25519 key as PKCS #8 PEM, readable by the owner alone. Raises FileExistsError."""
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def signature_holds(head: bytes, signature: bytes, public_pem: bytes) -> bool:
    try:
        key = load_pem_public_key(public_pem)
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(signature, head)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
