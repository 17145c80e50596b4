"""`lawlink demo`: the server with a demo district, on this machine only."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from scheduler.demo import DemoAccount
from scheduler.people import Role
from signaling import logs
from signaling.commands import CommandFailed
from signaling.commands.environment import settings_from
from signaling.commands.serve import serve
from signaling.demo import prepare
from signaling.installation import NotEmpty

PORT: Final = 8080
TITLES: Final = {
    Role.STATION_CLERK: "工作站",
    Role.DUTY_LAWYER: "值班律师",
    Role.DISPATCHER: "调度员",
    Role.MEDIATOR: "调解员",
    Role.AUDITOR: "审计员",
    Role.ARCHIVIST: "档案员",
    Role.ADMIN: "管理员",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=PORT, help=f"port on 127.0.0.1 (default {PORT})")
    parser.add_argument("--data", type=Path, help="data directory of the demo (LAWLINK_DATA)")


def run(arguments: argparse.Namespace) -> int:
    # Loopback only: the password is printed and nothing is encrypted on the way.
    settings = settings_from(
        data=arguments.data,
        host="127.0.0.1",
        port=arguments.port,
        tls=False,
        log_format="text",
        media_outlives=False,
    )
    logs.configure("warning" if settings.log_level == "info" else settings.log_level, settings.log_format)
    try:
        demo = asyncio.run(prepare(settings, datetime.now(UTC)))
    except NotEmpty as error:
        raise CommandFailed(f"{error}. The demo keeps to a directory of its own: --data DIRECTORY") from error

    def started(url: str) -> None:
        print(f"LawLink demo: {url}\n\n{listed(demo.accounts)}\n\n密码 password: {demo.password}\n\nCtrl+C ends it.")
        sys.stdout.flush()

    return serve(settings, started, demo)


def listed(accounts: Sequence[DemoAccount]) -> str:
    """One line per role: `值班律师  lawyer01 … lawyer06`."""
    lines = []
    for role, group in groupby(accounts, key=lambda account: account.role):
        names = [account.account for account in group]
        shown = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
        lines.append(f"  {TITLES[role]}\t{shown}")
    return "\n".join(lines)
