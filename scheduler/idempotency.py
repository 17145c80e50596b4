"""Everything a person presses carries a key; the same key never acts twice (signaling/PROTOCOL.md, Idempotency)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, String, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime
from scheduler.errors import Refused
from scheduler.ids import PersonId

KEPT = timedelta(hours=24)
KEY_LENGTH = (8, 64)


class IdempotencyKey(Base):
    __tablename__ = "idempotency_key"

    person_id: Mapped[PersonId] = mapped_column(Id, primary_key=True)
    action: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


async def once(
    db: AsyncSession, person_id: PersonId, action: str, key: str, request_hash: str, now: datetime
) -> dict[str, Any] | None:
    """None: the key is new and now ours; act, then `remember` the result in the same transaction.

    Otherwise the first result.

    A second press waits on PostgreSQL until the first has committed, on SQLite because writers take turns.
    Raises Refused(bad_request) for a bad key, or one that was used for another request.
    """
    if not KEY_LENGTH[0] <= len(key) <= KEY_LENGTH[1]:
        raise Refused("bad_request", "请求编号的长度不对，请刷新页面再试。", fields={"key": "8–64"})
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"person_id": person_id, "action": action, "key": key, "request_hash": request_hash, "created_at": now}
    claim = insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    if (await db.execute(claim)).scalar_one_or_none() is not None:
        return None
    first = await db.scalar(select(IdempotencyKey).where(*_same(person_id, action, key)))
    if first is None or first.request_hash != request_hash:
        raise Refused("bad_request", "这个请求编号已经用在别的内容上，请刷新页面再试。", fields={"key": "used"})
    return first.result or {}


async def remember(db: AsyncSession, person_id: PersonId, action: str, key: str, result: Mapping[str, Any]) -> None:
    await db.execute(update(IdempotencyKey).where(*_same(person_id, action, key)).values(result=dict(result)))


async def forget(db: AsyncSession, person_id: PersonId, action: str, key: str) -> None:
    """Frees a key whose action did not come about."""
    await db.execute(delete(IdempotencyKey).where(*_same(person_id, action, key)))


async def forget_old(db: AsyncSession, now: datetime) -> None:
    await db.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT))


def _same(person_id: PersonId, action: str, key: str) -> tuple[Any, ...]:
    return (IdempotencyKey.person_id == person_id, IdempotencyKey.action == action, IdempotencyKey.key == key)
