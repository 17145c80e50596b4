"""Opens an installation's database and archive, for the server and for the commands that work beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import select

from recordings.archive import Archive
from recordings.seal import SealKey
from recordings.store import Store
from recordings.vault import Vault
from scheduler.clock import Clock
from scheduler.db import Sessions, open_database
from scheduler.identity import IdentityCipher
from scheduler.organisations import Organisation, OrgKind
from signaling.key_files import read_cipher
from signaling.settings import Settings


@dataclass(frozen=True, slots=True)
class Opened:
    """`name` and `phone` are the district's; empty while there is none."""

    sessions: Sessions
    reads: Sessions
    cipher: IdentityCipher
    archive: Archive
    name: str
    phone: str


@asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[Opened]:
    """Migrates the database and opens everything; closes the database at the end.

    Raises KeysMissing and KeyUnavailable, which name the key file.
    """
    cipher = await asyncio.to_thread(read_cipher, settings)
    vault = await asyncio.to_thread(Vault.from_files, [settings.master_key_path])
    seal_key = await asyncio.to_thread(SealKey.from_file, settings.seal_key_path)
    store = await asyncio.to_thread(Store, settings.store)
    async with open_database(settings.database) as database:
        async with database.reads() as db:
            found = await db.scalar(select(Organisation).where(Organisation.kind == OrgKind.DISTRICT).limit(1))
        name, phone = (found.name, found.phone) if found else ("", "")
        archive = Archive(database.sessions, database.reads, clock, vault, store, seal_key, settings.journals, name)
        yield Opened(database.sessions, database.reads, cipher, archive, name, phone)
