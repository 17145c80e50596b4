"""A fresh database for each test: migrated by Alembic once per process, then copied.

SQLite files by default. With LAWLINK_TEST_POSTGRESQL=postgresql+asyncpg://… (a role that may create databases) every
test gets a PostgreSQL database of its own, made from a migrated template.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler.db import Sessions, create_engine, migrate, read_session_factory, session_factory
from scheduler.ids import new_id

POSTGRESQL = os.environ.get("LAWLINK_TEST_POSTGRESQL")
sqlite_only = pytest.mark.skipif(POSTGRESQL is not None, reason="looks at SQLite itself")


class Database:
    """sessions: writing (`async with database.sessions.begin() as db`). reads: looking only."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: AsyncEngine = create_engine(url)
        self.sessions: Sessions = session_factory(self.engine)
        self.reads: Sessions = read_session_factory(self.engine)

    async def close(self) -> None:
        await self.engine.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@asynccontextmanager
async def fresh_database(directory: Path) -> AsyncIterator[Database]:
    """An empty, migrated database (SQLite: in `directory`), closed and, on a server, dropped at the end."""
    name = f"test_{new_id()}"
    if POSTGRESQL is None:
        url = sqlite_url(await asyncio.to_thread(_copy, directory / "lawlink.sqlite3"))
    else:
        url = await _from_template(POSTGRESQL, name)
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()
        if POSTGRESQL is not None:
            await _execute(POSTGRESQL, f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _template() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="lawlink-template-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = directory / "template.sqlite3"
    asyncio.run(migrate(sqlite_url(path)))
    return path


def _copy(path: Path) -> Path:
    shutil.copy(_template(), path)
    return path


_templates: list[str] = []


async def _from_template(server: str, name: str) -> str:
    if not _templates:
        template = f"template_{new_id()}"
        await _execute(server, f"CREATE DATABASE {template}")
        await migrate(_named(server, template))
        _templates.append(template)
    await _execute(server, f"CREATE DATABASE {name} TEMPLATE {_templates[0]}")
    return _named(server, name)


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


async def _execute(server: str, statement: str) -> None:
    engine = create_engine(server)
    try:
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()
