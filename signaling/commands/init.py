"""`lawlink init`: makes a new installation and says what to back up."""

import argparse
import asyncio
import getpass
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from scheduler.errors import Refused
from signaling.commands import CommandFailed
from signaling.commands.environment import settings_from
from signaling.installation import FirstPeople, NotEmpty, initialise, require_empty
from signaling.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="data directory (LAWLINK_DATA)")
    parser.add_argument("--district", help="name of the district's legal service centre")
    parser.add_argument("--phone", help="its telephone number, shown when the network fails")
    parser.add_argument("--account", help="account of the first administrator")
    parser.add_argument("--name", help="name of the first administrator")
    parser.add_argument("--password-file", type=Path, help="file with the password; without it you are asked for it")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(data=arguments.data)
    try:
        require_empty(settings.data)
        first = _ask(arguments)
        asyncio.run(initialise(settings, first, datetime.now(UTC)))
    except NotEmpty as error:
        raise CommandFailed(str(error)) from error
    except Refused as refused:
        raise CommandFailed("; ".join([refused.text, *refused.fields.values()])) from refused
    print(_told(settings, first))
    return 0


def _ask(arguments: argparse.Namespace) -> FirstPeople:
    return FirstPeople(
        district=_given(arguments.district, "District centre (e.g. 金水区公共法律服务中心): ", "--district"),
        phone=_given(arguments.phone, "Its telephone number: ", "--phone"),
        account=_given(arguments.account, "Account of the first administrator: ", "--account"),
        name=_given(arguments.name, "Name of the first administrator: ", "--name"),
        password=_password(arguments.password_file),
    )


def _given(flag: str | None, question: str, name: str) -> str:
    return flag if flag is not None else _from_terminal(input, question, name)


def _password(path: Path | None) -> str:
    if path is None:
        first = _from_terminal(getpass.getpass, "Password (10 characters or more): ", "--password-file")
        if first != getpass.getpass("The same again: "):
            raise CommandFailed("the two passwords differ: nothing was made, start again")
        return first
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"--password-file {path} cannot be read: {error}", 2) from error


def _from_terminal(ask: Callable[[str], str], question: str, flag: str) -> str:
    if not sys.stdin.isatty():
        raise CommandFailed(f"{flag} is missing, and there is no terminal to ask at", 2)
    return ask(question)


def _told(settings: Settings, first: FirstPeople) -> str:
    return f"""\
Made {settings.data} for {first.district}; {first.account} may log in.

Back up, and keep the first apart from the rest:
  {settings.master_key_path}    without it no recording can ever be replayed
  {settings.keys}/    the keys that seal recordings and encrypt identity numbers
  everything else: `lawlink backup DIRECTORY`, daily

Start the server: lawlink serve"""
