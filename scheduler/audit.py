"""The audit trail: append-only, hash-chained, written in the transaction of what it tells about.

Entry n carries hash(n) = SHA-256 of the canonical JSON of its fields, with hash(n-1) among them (Haber and Stornetta,
"How to time-stamp a digital document", 1991). One head row orders all writers: taking it locks out other appenders
until the transaction ends, on SQLite and PostgreSQL alike. Append last in a transaction.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, SmallInteger, String, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime
from scheduler.ids import OrgId, PersonId

GENESIS = "0" * 64


class AuditEntry(Base):
    __tablename__ = "audit_entry"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    person_id: Mapped[PersonId | None] = mapped_column(Id, index=True)
    action: Mapped[str] = mapped_column(String(48), index=True)
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(64), index=True)
    org_id: Mapped[OrgId | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(500), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class AuditHead(Base):
    """One row: where the chain ends."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """ok: the chain is whole. broken_at: the first seq that does not fit; `what` says why."""

    ok: bool
    entries: int
    head: str
    broken_at: int | None = None
    what: str = ""


async def append(
    db: AsyncSession,
    *,
    at: datetime,
    action: str,
    subject_kind: str,
    subject_id: str,
    person_id: PersonId | None = None,
    org_id: OrgId | None = None,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Returns the entry's seq. `detail` must be JSON; it holds ids, never names or numbers of visitors."""
    claim = (
        update(AuditHead)
        .where(AuditHead.id == 1)
        .values(seq=AuditHead.seq + 1)
        .returning(AuditHead.seq, AuditHead.hash)
        .execution_options(synchronize_session=False)
    )
    seq, prev_hash = (await db.execute(claim)).one()
    fields: dict[str, Any] = {
        "seq": seq,
        "at": at,
        "person_id": person_id,
        "action": action,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "org_id": org_id,
        "reason": reason[:500],
        "detail": dict(detail or {}),
        "prev_hash": prev_hash,
    }
    fields["hash"] = entry_hash(fields)
    await db.execute(insert(AuditEntry).values(**fields))
    await db.execute(
        update(AuditHead)
        .where(AuditHead.id == 1)
        .values(hash=fields["hash"])
        .execution_options(synchronize_session=False)
    )
    return int(seq)


def entry_hash(fields: Mapping[str, Any]) -> str:
    """SHA-256 over canonical JSON (sorted keys, no spaces, UTF-8) of all fields but `hash`; `at` in microseconds,
    UTC.
    """
    plain = {name: value for name, value in fields.items() if name != "hash"}
    plain["at"] = _instant(fields["at"])
    return hashlib.sha256(_canonical(plain).encode()).hexdigest()


async def entries(db: AsyncSession, after: int = 0, batch: int = 1000) -> AsyncIterator[dict[str, Any]]:
    """The fields of each entry in order, `batch` at a time in memory."""
    columns = AuditEntry.__table__.columns
    while True:
        query = select(*columns).where(AuditEntry.seq > after).order_by(AuditEntry.seq).limit(batch)
        rows = (await db.execute(query)).mappings().all()
        for row in rows:
            yield dict(row)
        if len(rows) < batch:
            return
        after = rows[-1]["seq"]


async def verify_chain(db: AsyncSession) -> ChainCheck:
    """Walks the whole chain: altered, removed, inserted and cut-off entries are found."""
    prev_hash, seq = GENESIS, 0
    async for fields in entries(db):
        what = _flaw(fields, seq + 1, prev_hash)
        if what:
            return ChainCheck(False, seq, prev_hash, fields["seq"], what)
        prev_hash, seq = fields["hash"], fields["seq"]
    head = await db.get_one(AuditHead, 1, populate_existing=True)
    if (head.seq, head.hash) != (seq, prev_hash):
        return ChainCheck(False, seq, prev_hash, seq + 1, "the end of the chain is missing")
    return ChainCheck(True, seq, prev_hash)


async def export(db: AsyncSession) -> AsyncIterator[str]:
    """One line of JSON per entry; whoever has it recomputes the chain with any SHA-256 and JSON tool."""
    async for fields in entries(db):
        fields["at"] = _instant(fields["at"])
        yield _canonical(fields)


def _canonical(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _flaw(fields: Mapping[str, Any], expected_seq: int, prev_hash: str) -> str:
    if fields["seq"] != expected_seq:
        return "entries are missing"
    if fields["prev_hash"] != prev_hash:
        return "the link to the entry before is wrong"
    if fields["hash"] != entry_hash(fields):
        return "the entry was altered"
    return ""
