"""A fresh database for each test: migrated by Alembic once per process, then copied."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler.db import Sessions, create_engine, migrate, read_session_factory, session_factory


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


@cache
def _template() -> Path:
    path = Path(tempfile.mkdtemp(prefix=f"lawlink-template-{os.getpid()}-")) / "template.sqlite3"
    asyncio.run(migrate(sqlite_url(path)))
    return path


@asynccontextmanager
async def fresh_database(directory: Path) -> AsyncIterator[Database]:
    """An empty, migrated SQLite database in `directory`, closed at the end."""
    path = directory / "lawlink.sqlite3"
    await asyncio.to_thread(lambda: shutil.copy(_template(), path))
    database = Database(sqlite_url(path))
    try:
        yield database
    finally:
        await database.close()
