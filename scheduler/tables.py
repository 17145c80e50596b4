"""Imports every module that declares a table, so that `metadata` is complete; for migrations and for tests that
compare.
"""

from scheduler import (
    audit,
    cases,
    consent_texts,
    consents,
    consultations,
    devices,
    evaluations,
    idempotency,
    log_ins,
    numbers,
    offers,
    organisations,
    people,
    presence,
    records,
    waiting,
)
from scheduler.db import Base

MODULES = (
    audit,
    cases,
    consent_texts,
    consents,
    consultations,
    devices,
    evaluations,
    idempotency,
    log_ins,
    numbers,
    offers,
    organisations,
    people,
    presence,
    records,
    waiting,
)
metadata = Base.metadata
