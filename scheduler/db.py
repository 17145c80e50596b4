"""The database: engine, sessions, column types, migration. Nothing happens at import.

Transactions: functions of this package take an open `AsyncSession` named `db` and never commit; the caller owns
`async with sessions.begin() as db:`. Writers take turns: a session of `session_factory` waits for the write lock before
it reads (SQLite: BEGIN IMMEDIATE; PostgreSQL: one advisory lock), so that what it has read is still true when it
writes, and nothing can deadlock. They would take turns anyway, for each appends to the one audit chain. Sessions of
`read_session_factory` wait for nobody, see one snapshot and must not write. Never await anything slow (a socket, a
hash) inside a writing session: all other writers wait for it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, DateTime, Dialect, Enum, MetaData, String, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from scheduler.ids import LENGTH

BUSY_TIMEOUT_MS = 15_000
MIGRATIONS = Path(__file__).parent / "migrations"
READ_ONLY = "lawlink_read_only"
# Any number that nothing else in the database locks: "law" in ASCII.
WRITE_LOCK = 0x6C6177

Id = String(LENGTH)
Sessions = async_sessionmaker[AsyncSession]
_Word = TypeVar("_Word", bound=StrEnum)


class Base(DeclarativeBase):
    """Every table of LawLink, also those of recordings/, hangs on this metadata; names are fixed so that
    migrations can drop them.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes in and out; a naive one is refused, because nobody can tell what it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: pass an aware one (clock.now())")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def word(enumeration: type[_Word]) -> Enum:
    """A StrEnum kept as its value in a text column (no native enum: adding a state needs no ALTER TYPE)."""
    values: Callable[[type[_Word]], list[str]] = lambda words: [member.value for member in words]  # noqa: E731
    return Enum(enumeration, native_enum=False, create_constraint=False, length=24, values_callable=values)


def create_engine(url: str) -> AsyncEngine:
    """url: `sqlite+aiosqlite:////path/lawlink.sqlite3` or `postgresql+asyncpg://…`."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(url, pool_size=8, max_overflow=8)
        event.listen(engine.sync_engine, "connect", _set_pragmas)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    else:
        engine = create_async_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True)
        event.listen(engine.sync_engine, "begin", _begin_postgresql)
    return engine


def session_factory(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


def read_session_factory(engine: AsyncEngine) -> Sessions:
    """For looking only: takes no write lock, sees one snapshot."""
    return async_sessionmaker(engine.execution_options(**{READ_ONLY: True}), expire_on_commit=False)


@dataclass(frozen=True, slots=True)
class Database:
    """sessions: writing. reads: looking only."""

    sessions: Sessions
    reads: Sessions


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """Brings the database at `url` up to date and opens it; closes it at the end."""
    await migrate(url)
    engine = create_engine(url)
    try:
        yield Database(session_factory(engine), read_session_factory(engine))
    finally:
        await engine.dispose()


async def migrate(url: str, revision: str = "head") -> None:
    """Brings the database at `url` to `revision` in one transaction; makes an empty one whole.

    Works under a running loop.
    """
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(alembic_config(connection), revision)


def _set_pragmas(dbapi_connection: Any, _record: object) -> None:
    # The driver's own BEGIN is deferred and comes late; `_begin` sends the right one.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        # Not NORMAL: a consent that was confirmed must survive a power cut.
        "synchronous = FULL",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if _reads_only(connection) else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if _reads_only(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


def _reads_only(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(READ_ONLY, False))
