"""What identifies a visitor: identity numbers encrypted at rest with a keyed hash for look-up, and masks for
screens.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import date

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scheduler.terms import Sex

UNNAMED = "身份不公开"
_FORMAT = b"\x01"
_NONCE_LENGTH = 12
# GB 11643-1999: weights of the first 17 digits, and the check characters for the remainders 0–10.
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_RESIDENT_ID = re.compile(r"\d{17}[\dX]|\d{15}")


class IdentityCipher:
    """AES-256-GCM bound to the record's id, and HMAC-SHA256 for finding equal numbers; both keys derived from one
    32-byte key (HKDF).
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("the identity key has 32 bytes: make one with secrets.token_bytes(32)")
        self._aead = AESGCM(_derive(key, b"lawlink identity encryption"))
        self._hash_key = _derive(key, b"lawlink identity look-up")

    def encrypt(self, plain: str, record_id: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return _FORMAT + nonce + self._aead.encrypt(nonce, plain.encode(), record_id.encode())

    def decrypt(self, box: bytes, record_id: str) -> str:
        """Raises ValueError when the box was altered, belongs to another record, or was made with another key."""
        nonce, body = box[1 : 1 + _NONCE_LENGTH], box[1 + _NONCE_LENGTH :]
        if box[:1] != _FORMAT:
            raise ValueError("unknown format of an encrypted identity number")
        try:
            return self._aead.decrypt(nonce, body, record_id.encode()).decode()
        except InvalidTag:
            raise ValueError("the identity number cannot be decrypted: wrong key or altered") from None

    def look_up_hash(self, plain: str) -> str:
        return hmac.new(self._hash_key, normalise_id_number(plain).encode(), hashlib.sha256).hexdigest()


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)


@dataclass(frozen=True, slots=True)
class ResidentId:
    birth_date: date
    sex: Sex


def normalise_id_number(number: str) -> str:
    return re.sub(r"\s", "", number).upper()


def read_resident_id(number: str) -> ResidentId | None:
    """Birth date and sex from an 18-digit (checked) or old 15-digit number; None when it is not one."""
    number = normalise_id_number(number)
    if not _RESIDENT_ID.fullmatch(number):
        return None
    long = len(number) == 18
    if long and _CHECKS[sum(w * int(d) for w, d in zip(_WEIGHTS, number[:17], strict=True)) % 11] != number[17]:
        return None
    digits = number[6:14] if long else "19" + number[6:12]
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    order = int(number[16] if long else number[14])
    return ResidentId(born, Sex.MALE if order % 2 else Sex.FEMALE)


def age_on(birth_date: date, day: date) -> int:
    """Whole years; somebody born on 29 February is a year older on 1 March of a common year."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def mask_name(name: str) -> str:
    """张桂兰 → 张*兰, 张三 → 张*; at most two stars, so that a long name does not tell its length; none: 身份不公开."""
    name = name.strip()
    if not name:
        return UNNAMED
    if len(name) <= 2:
        return name[0] + "*"
    return name[0] + "*" * min(len(name) - 2, 2) + name[-1]


def mask_phone(phone: str) -> str:
    """13812340126 → 138****0126; short numbers keep their last two digits."""
    digits = re.sub(r"\D", "", phone)
    if len(digits) >= 9:
        return digits[:3] + "*" * (len(digits) - 7) + digits[-4:]
    return "*" * max(0, len(digits) - 2) + digits[-2:]


def mask_id_number(number: str) -> str:
    """4101…1226 with stars between; a short number shows its last character only."""
    number = normalise_id_number(number)
    if len(number) >= 12:
        return number[:4] + "*" * (len(number) - 8) + number[-4:]
    return "*" * max(0, len(number) - 1) + number[-1:]
