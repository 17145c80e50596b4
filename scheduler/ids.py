"""Ids: opaque text, 26 characters of Crockford's base 32, sortable by the millisecond they were made in (ULID)."""

import secrets
import threading
import time
from typing import NewType

OrgId = NewType("OrgId", str)
PersonId = NewType("PersonId", str)
LogInId = NewType("LogInId", str)
VisitId = NewType("VisitId", str)
CaseId = NewType("CaseId", str)
ConsultationId = NewType("ConsultationId", str)
ParticipantId = NewType("ParticipantId", str)
EntryId = NewType("EntryId", str)
OfferId = NewType("OfferId", str)
ConsentId = NewType("ConsentId", str)

LENGTH = 26
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """48 bits of Unix milliseconds, then 80 random bits; strictly increasing within this process, also when the
    clock is set back.
    """
    global _last
    with _lock:
        value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        if value <= _last:
            value = _last + 1
        _last = value
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
