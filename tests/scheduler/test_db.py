import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

import recordings.models
from scheduler.db import create_engine, migrate
from scheduler.log_ins import LogInThrottle
from scheduler.organisations import Organisation, OrgKind
from scheduler.tables import metadata
from tests.support.clock import START
from tests.support.database import Database, sqlite_only, sqlite_url


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    assert recordings.models.__name__, "the tables of recordings/ belong to the same metadata"
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "again.sqlite3")
    await migrate(url)
    await migrate(url)
    engine = create_engine(url)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    await engine.dispose()
    assert {"person", "consultation", "audit_entry", "alembic_version"} <= tables


@sqlite_only
async def test_pragmas_of_every_connection(database: Database) -> None:
    names = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "secure_delete")
    async with database.sessions() as db:
        assert [await db.scalar(text(f"PRAGMA {name}")) for name in names] == ["wal", 1, 2, 15000, 1]


async def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.sessions.begin() as db:
            db.add(organisation(parent_id="nobody"))


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    shanghai = datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    async with database.sessions.begin() as db:
        db.add(LogInThrottle(subject="a", failures=1, last_at=shanghai, blocked_until=None))
    async with database.reads() as db:
        row = (await db.scalars(select(LogInThrottle))).one()
    assert row.last_at == shanghai
    assert row.last_at.tzinfo is UTC
    assert row.blocked_until is None


async def test_naive_times_are_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive datetime"):
        async with database.sessions.begin() as db:
            naive = START.replace(tzinfo=None)
            db.add(LogInThrottle(subject="a", failures=1, last_at=naive, blocked_until=None))


async def test_writers_take_turns_and_lose_no_update(database: Database) -> None:
    async with database.sessions.begin() as db:
        db.add(LogInThrottle(subject="a", failures=0, last_at=START, blocked_until=None))

    async def count_one() -> None:
        async with database.sessions.begin() as db:
            row = await db.get_one(LogInThrottle, "a")
            await asyncio.sleep(0)
            row.failures += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(count_one())
    async with database.reads() as db:
        assert (await db.get_one(LogInThrottle, "a")).failures == 30


async def test_a_reader_sees_one_snapshot_while_another_writes(database: Database) -> None:
    async with database.reads() as reader:
        assert (await reader.scalars(select(Organisation))).all() == []
        async with database.sessions.begin() as db:
            db.add(organisation())
        assert (await reader.scalars(select(Organisation))).all() == []
    async with database.reads() as reader:
        assert len((await reader.scalars(select(Organisation))).all()) == 1


async def test_a_failed_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "broken.sqlite3")
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE visit_registration (id TEXT)"))
    with pytest.raises(OperationalError, match="visit_registration"):
        await migrate(url)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    await engine.dispose()
    assert tables == {"visit_registration"}


def organisation(parent_id: str | None = None) -> Organisation:
    return Organisation(
        id="o", parent_id=parent_id, kind=OrgKind.DISTRICT, name="区", short_name="区", path="/o/", created_at=START
    )
