"""`lawlink backup DIRECTORY`: a copy of the installation, also while its server runs."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from signaling.backup import BackupFailed, back_up
from signaling.commands import CommandFailed
from signaling.commands.environment import initialised


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="a new or empty directory")
    parser.add_argument("--data", type=Path, help="data directory (LAWLINK_DATA)")
    parser.add_argument("--with-master-key", action="store_true", help="put the master key beside the recordings")


def run(arguments: argparse.Namespace) -> int:
    settings = initialised(data=arguments.data)
    try:
        told = back_up(settings, arguments.directory, datetime.now(UTC), with_master_key=arguments.with_master_key)
    except BackupFailed as error:
        raise CommandFailed(str(error)) from error
    print(f"{arguments.directory}: {told.files} files, {told.bytes / 1e6:.1f} MB")
    if told.has_master_key:
        print("The master key is in it: whoever has this copy can read every recording.")
    else:
        print(f"The master key is not in it. Keep a copy of {settings.master_key_path} somewhere else.")
    return 0
