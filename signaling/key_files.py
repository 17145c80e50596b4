"""The keys of an installation: made once, read at start, missing ones named.

`master.key` wraps the data key of every recording, `identity.key` encrypts identity numbers, `seal.key` signs bags.
Without the first no recording can be replayed, without the second no identity number can be read, without the third the
next seal is another signer's.  All belong into the backup, the first apart from the others.
"""

import secrets
from pathlib import Path
from typing import Final

from recordings.seal import make_seal_key
from scheduler.identity import IdentityCipher
from signaling.secret_files import make_directory, readable_by_others, write_secret
from signaling.settings import Settings

KEY_BYTES: Final = 32


class KeysMissing(Exception):
    """A key file is missing or cannot be used; the text names it and says what to do."""


def make_keys(settings: Settings) -> None:
    """Makes every key of a new installation.  FileExistsError names one that is there: it is never replaced."""
    make_directory(settings.keys)
    make_random_key(settings.master_key_path)
    make_random_key(settings.identity_key_path)
    make_seal_key(settings.seal_key_path)


def missing_keys(settings: Settings) -> list[Path]:
    """The key files that are not there: empty for an initialised data directory."""
    wanted = (settings.master_key_path, settings.identity_key_path, settings.seal_key_path)
    return [path for path in wanted if not path.exists()]


def make_random_key(path: Path) -> None:
    """Writes 32 random bytes as hexadecimal digits.  FileExistsError."""
    write_secret(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")


def read_random_key(path: Path) -> bytes:
    """The 32 bytes in `path`.  KeysMissing."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise KeysMissing(f"{path} is missing: run `lawlink init`, or restore it from a backup") from None
    except (OSError, ValueError) as error:
        raise KeysMissing(f"{path} cannot be read: {error}") from error
    if len(key) != KEY_BYTES:
        raise KeysMissing(f"{path} must hold {2 * KEY_BYTES} hexadecimal digits: restore it from a backup")
    if readable_by_others(path):
        raise KeysMissing(f"{path} can be read by others: chmod 600 {path}")
    return key


def read_cipher(settings: Settings) -> IdentityCipher:
    """KeysMissing."""
    return IdentityCipher(read_random_key(settings.identity_key_path))
