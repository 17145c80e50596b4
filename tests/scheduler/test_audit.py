import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from scheduler.audit import GENESIS, ChainCheck, append, entries, export, verify_chain
from tests.support.clock import START
from tests.support.database import Database


async def write(database: Database, count: int, **fields: Any) -> None:
    for number in range(count):
        async with database.sessions.begin() as db:
            await append(
                db,
                at=START + timedelta(microseconds=number),
                action="replay.open",
                subject_kind="recording",
                subject_id=str(number),
                **fields,
            )


async def check(database: Database) -> ChainCheck:
    async with database.reads() as db:
        return await verify_chain(db)


async def change(database: Database, statement: str) -> None:
    async with database.sessions.begin() as db:
        await db.execute(text(statement))


async def test_an_empty_and_a_whole_chain(database: Database) -> None:
    assert await check(database) == ChainCheck(True, 0, GENESIS)
    await write(database, 5, reason="抽查", detail={"parts": [1, 2.5, None], "名": "甲"})
    found = await check(database)
    assert (found.ok, found.entries) == (True, 5)


@pytest.mark.parametrize(
    ("statement", "broken_at", "what"),
    [
        ("UPDATE audit_entry SET reason = 'x' WHERE seq = 3", 3, "altered"),
        ("UPDATE audit_entry SET at = '2026-03-02 02:00:00.000009' WHERE seq = 3", 3, "altered"),
        ("UPDATE audit_entry SET detail = '[]' WHERE seq = 3", 3, "altered"),
        ("UPDATE audit_entry SET person_id = 'somebody' WHERE seq = 3", 3, "altered"),
        ("UPDATE audit_entry SET hash = 'f' WHERE seq = 3", 3, "altered"),
        ("UPDATE audit_entry SET prev_hash = 'f' WHERE seq = 3", 3, "link"),
        ("DELETE FROM audit_entry WHERE seq = 3", 4, "missing"),
        ("DELETE FROM audit_entry WHERE seq = 1", 2, "missing"),
        ("DELETE FROM audit_entry WHERE seq = 6", 6, "end"),
        ("DELETE FROM audit_entry WHERE seq > 2", 3, "end"),
        ("UPDATE audit_entry SET seq = 9 WHERE seq = 6", 9, "missing"),
    ],
)
async def test_tampering_is_found(database: Database, statement: str, broken_at: int, what: str) -> None:
    await write(database, 6, reason="抽查")
    await change(database, statement)
    found = await check(database)
    assert not found.ok
    assert found.broken_at == broken_at
    assert what in found.what


async def test_an_undone_transaction_leaves_no_entry(database: Database) -> None:
    await write(database, 2)
    with pytest.raises(RuntimeError):
        async with database.sessions.begin() as db:
            await append(db, at=START, action="x", subject_kind="y", subject_id="z")
            raise RuntimeError
    await write(database, 1)
    found = await check(database)
    assert (found.ok, found.entries) == (True, 3)


async def test_many_writers_make_one_chain(database: Database) -> None:
    await asyncio.gather(*[write(database, 4, reason=str(writer)) for writer in range(8)])
    found = await check(database)
    assert (found.ok, found.entries) == (True, 32)


async def test_an_export_is_checked_without_this_program(database: Database) -> None:
    await write(database, 4, reason="抽查", detail={"b": 1, "a": "甲"})
    async with database.reads() as db:
        lines = [line async for line in export(db)]
    head = GENESIS
    for line in lines:
        fields = json.loads(line)
        claimed = fields.pop("hash")
        assert fields["prev_hash"] == head
        plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        head = hashlib.sha256(plain.encode()).hexdigest()
        assert head == claimed
    assert head == (await check(database)).head


async def test_long_reasons_are_cut_before_they_are_hashed(database: Database) -> None:
    await write(database, 1, reason="长" * 900)
    assert (await check(database)).ok


async def test_a_long_chain_is_read_in_pieces(database: Database) -> None:
    await write(database, 25)
    async with database.reads() as db:
        assert [fields["seq"] async for fields in entries(db, after=3, batch=4)] == list(range(4, 26))
