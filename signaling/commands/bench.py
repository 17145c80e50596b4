"""`lawlink bench NAME …`: runs `benchmarks/NAME.py` of the checkout; `all` runs every one."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from signaling.commands import CommandFailed

BENCHMARKS: Final = Path(__file__).resolve().parents[2] / "benchmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help=f"{', '.join([*names(), 'all'])}")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="passed on to the benchmark")


def names() -> list[str]:
    """The benchmarks of this checkout; none in an installation without one."""
    return sorted(path.stem for path in BENCHMARKS.glob("[a-z]*.py"))


def run(arguments: argparse.Namespace) -> int:
    known = names()
    if not known:
        raise CommandFailed("benchmarks are part of a checkout, and this installation is none", 2)
    chosen = known if arguments.name == "all" else [arguments.name]
    if arguments.name != "all" and arguments.name not in known:
        raise CommandFailed(f"there is no benchmark {arguments.name}; there are {', '.join(known)}", 2)
    worst = 0
    for name in chosen:
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments.options]
        worst = max(worst, subprocess.run(command, cwd=BENCHMARKS.parent, check=False).returncode)  # noqa: S603
    return worst
