"""`lawlink export RECORDING_ID DIRECTORY`: a recording as a plain bag, noted in the audit trail."""

import argparse
import asyncio
from pathlib import Path

from recordings.errors import RecordingError
from scheduler.clock import SystemClock
from scheduler.errors import Refused
from signaling.commands import CommandFailed
from signaling.commands.environment import initialised
from signaling.opening import opened
from signaling.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording_id")
    parser.add_argument("directory", type=Path, help="a new or empty directory")
    parser.add_argument("--data", type=Path, help="data directory (LAWLINK_DATA)")
    parser.add_argument("--reason", default="lawlink export", help="why, for the audit trail")


def run(arguments: argparse.Namespace) -> int:
    settings = initialised(data=arguments.data)
    try:
        asyncio.run(_export(settings, arguments.recording_id, arguments.directory, arguments.reason))
    except Refused as refused:
        raise CommandFailed(refused.text) from refused
    except RecordingError as error:
        raise CommandFailed(str(error)) from error
    print(f"{arguments.directory} holds the plain bag. Check it: lawlink verify {arguments.directory}")
    return 0


async def _export(settings: Settings, recording_id: str, directory: Path, reason: str) -> None:
    async with opened(settings, SystemClock()) as found:
        await found.archive.export(recording_id, directory, reason=reason)
