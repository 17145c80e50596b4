"""`lawlink people reset ACCOUNT`: a one-time password link when no administrator can log in."""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from scheduler import audit
from scheduler.clock import SystemClock
from scheduler.people import NewLink, Person, make_password_link, set_disabled
from signaling.commands import CommandFailed
from signaling.commands.environment import initialised
from signaling.opening import opened
from signaling.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    reset = actions.add_parser("reset", help="a one-time link to set a new password; enables the account")
    reset.add_argument("account")
    reset.add_argument("--data", type=Path, help="data directory (LAWLINK_DATA)")


def run(arguments: argparse.Namespace) -> int:
    settings = initialised(data=arguments.data)
    link = asyncio.run(_reset(settings, arguments.account.strip().lower(), datetime.now(UTC)))
    print(
        f"Open this once on the server's address, until {link.expires_at:%Y-%m-%d %H:%M} UTC:\n/password/{link.token}"
    )
    return 0


async def _reset(settings: Settings, account: str, now: datetime) -> NewLink:
    async with opened(settings, SystemClock()) as found, found.sessions.begin() as db:
        person = await db.scalar(select(Person).where(Person.account == account))
        if person is None:
            raise CommandFailed(f"there is no account {account}")
        await set_disabled(db, person.id, False, now)
        link = await make_password_link(db, person.id, now)
        await audit.append(
            db,
            at=now,
            action="person.password_link",
            subject_kind="person",
            subject_id=person.id,
            org_id=person.org_id,
            reason="lawlink people reset",
        )
        return link
