"""A new installation: keys, an empty database, the district and its first administrator; all of it or nothing."""

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select

from scheduler import audit
from scheduler.db import open_database
from scheduler.organisations import Organisation, OrgKind, add_organisation
from scheduler.people import Passwords, Role, add_person, check_password
from signaling.key_files import make_keys
from signaling.secret_files import make_directory
from signaling.settings import Settings

# What a new data directory may already hold: an empty journal folder, a mount's own leavings.
HARMLESS: Final = frozenset({"lost+found"})


class NotEmpty(Exception):
    """The data directory holds something already; the text names it."""


@dataclass(frozen=True, slots=True)
class FirstPeople:
    """What `lawlink init` asks for."""

    district: str
    phone: str
    account: str
    name: str
    password: str = field(repr=False)


async def initialise(settings: Settings, first: FirstPeople, now: datetime) -> None:
    """Raises NotEmpty, or Refused(invalid) for a name, account or password that cannot be used."""
    check_password(first.password)
    require_empty(settings.data)
    try:
        await asyncio.to_thread(make_files, settings)
        await _add_first(settings, first, now)
    except BaseException:
        await asyncio.to_thread(_remove_content, settings.data)
        raise


def require_empty(directory: Path) -> None:
    """Raises NotEmpty."""
    found = sorted(path.name for path in directory.iterdir() if path.name not in HARMLESS) if directory.exists() else []
    if found:
        raise NotEmpty(f"{directory} is not empty ({found[0]}): name an empty data directory, or keep what is there")


def make_files(settings: Settings) -> None:
    for directory in (settings.data, settings.store, settings.journals):
        make_directory(directory)
    make_keys(settings)


async def _add_first(settings: Settings, first: FirstPeople, now: datetime) -> None:
    password_hash = await Passwords().hash(first.password)
    async with open_database(settings.database) as database, database.sessions.begin() as db:
        if await db.scalar(select(Organisation.id).limit(1)) is not None:
            raise NotEmpty("the database of LAWLINK_DATABASE_URL holds an installation already: name an empty one")
        district = await add_organisation(
            db, name=first.district, kind=OrgKind.DISTRICT, parent_id=None, now=now, phone=first.phone
        )
        person = await add_person(
            db,
            account=first.account,
            name=first.name,
            roles=[Role.ADMIN],
            org_id=district.id,
            now=now,
            password_hash=password_hash,
        )
        await audit.append(
            db,
            at=now,
            action="installation_made",
            subject_kind="person",
            subject_id=person.id,
            person_id=person.id,
            org_id=district.id,
        )


def _remove_content(directory: Path) -> None:
    for path in directory.iterdir() if directory.exists() else ():
        if path.name not in HARMLESS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
