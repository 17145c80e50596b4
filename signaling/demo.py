"""The demo district in a data directory of its own: made at the first start, found again at the next."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select, update

from scheduler.db import Sessions, open_database
from scheduler.demo import DemoAccount, accounts, fill
from scheduler.people import Passwords, Person
from signaling.installation import make_files, require_empty
from signaling.key_files import missing_keys, read_cipher
from signaling.secret_files import write_secret
from signaling.settings import Settings

# Its presence says that the directory holds a demo, and it lets the next start show the same password.
PASSWORD_FILE: Final = "demo-password"  # noqa: S105  # a file's name


@dataclass(frozen=True, slots=True)
class Demo:
    accounts: Sequence[DemoAccount]
    password: str = field(repr=False)


async def prepare(settings: Settings, now: datetime) -> Demo:
    """Fills an empty data directory with the demo district, or finds what the last start made.

    Raises NotEmpty when the directory holds anything else, above all a real installation.
    """
    kept = settings.data / PASSWORD_FILE
    if not await asyncio.to_thread(kept.exists):
        require_empty(settings.data)
        await asyncio.to_thread(write_secret, kept, _first_password(settings).encode())
    if await asyncio.to_thread(missing_keys, settings):
        await asyncio.to_thread(make_files, settings)
    password = await asyncio.to_thread(_password, settings, kept)
    async with open_database(settings.database) as database:
        return await _fill(database.sessions, settings, password, now)


def _first_password(settings: Settings) -> str:
    return settings.demo_password.get_secret_value() if settings.demo_password else f"demo-{secrets.token_hex(4)}"


def _password(settings: Settings, kept: Path) -> str:
    if settings.demo_password is None:
        return kept.read_text(encoding="utf-8")
    password = settings.demo_password.get_secret_value()
    write_secret(kept, password.encode(), replace=True)
    return password


async def _fill(sessions: Sessions, settings: Settings, password: str, now: datetime) -> Demo:
    passwords = Passwords()
    async with sessions.begin() as db:
        known = await db.scalar(select(Person.password_hash).where(Person.account == accounts()[0].account))
    same = known is not None and await passwords.verify(known, password)
    password_hash = known if known is not None and same else await passwords.hash(password)
    cipher = await asyncio.to_thread(read_cipher, settings)
    async with sessions.begin() as db:
        filled = await fill(db, cipher, password_hash, now)
        if not same:
            names = [account.account for account in filled]
            await db.execute(update(Person).where(Person.account.in_(names)).values(password_hash=password_hash))
    return Demo(filled, password)
