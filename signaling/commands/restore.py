"""`lawlink restore DIRECTORY`: brings a backup back into an empty data directory."""

import argparse
from pathlib import Path

from signaling.backup import BackupFailed, restore
from signaling.commands import CommandFailed
from signaling.commands.environment import settings_from
from signaling.installation import NotEmpty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="what `lawlink backup` wrote")
    parser.add_argument("--data", type=Path, help="an empty data directory (LAWLINK_DATA)")
    parser.add_argument("--master-key", type=Path, help="file of the master key, when the backup holds none")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(data=arguments.data)
    try:
        told = restore(settings, arguments.directory, arguments.master_key)
    except (BackupFailed, NotEmpty) as error:
        raise CommandFailed(str(error)) from error
    print(f"{settings.data}: {told.files} files, {told.bytes / 1e6:.1f} MB. Check it, then start it:")
    print("  lawlink doctor\n  lawlink serve")
    return 0
