"""`lawlink doctor`: one line for each part, with the mend."""

import argparse
import asyncio
from pathlib import Path
from typing import Final

from signaling.commands.environment import settings_from
from signaling.doctor import examine

MARKS: Final = {"ok": "✓", "warn": "!", "bad": "✗"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="data directory (LAWLINK_DATA)")


def run(arguments: argparse.Namespace) -> int:
    """1 when something is bad; warnings alone are 0."""
    lines = asyncio.run(examine(settings_from(data=arguments.data)))
    for line in lines:
        mend = f" → {line.mend}" if line.mend else ""
        print(f"{MARKS[line.state]} {line.part}: {line.text}{mend}")
    return int(any(line.state == "bad" for line in lines))
