"""The `lawlink` command.  Each command lives in `signaling/commands/` and is imported only when it is asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from signaling.commands import CommandFailed

COMMANDS: Final = {
    "serve": "run the server",
    "demo": "run the server with a demo district on 127.0.0.1",
    "init": "make a new installation: district, first administrator, keys",
    "backup": "copy database, keys and recordings while the server runs",
    "restore": "bring a backup back into an empty data directory",
    "people": "accounts: one-time password links when nobody can log in",
    "export": "write a recording as a plain bag",
    "verify": "check an exported bag; needs no server and no key",
    "doctor": "check this machine and this installation",
    "bench": "run a benchmark",
    "settings": "print the table of settings",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.  Returns the exit code: 0 done, 1 failed or altered, 2 wrong usage or unreadable."""
    parser = argparse.ArgumentParser(prog="lawlink", description="Remote video legal consultation")
    choices = parser.add_subparsers(dest="command", required=True, metavar="command")
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = next((word for word in words if not word.startswith("-")), "")
    for name, summary in COMMANDS.items():
        command = choices.add_parser(name, help=summary, description=summary)
        if name == asked:
            importlib.import_module(f"signaling.commands.{name}").add_arguments(command)
    parsed = parser.parse_args(words)
    try:
        return int(importlib.import_module(f"signaling.commands.{parsed.command}").run(parsed))
    except CommandFailed as failure:
        print(f"lawlink {parsed.command}: {failure}", file=sys.stderr)
        return failure.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
