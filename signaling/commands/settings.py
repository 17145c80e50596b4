"""`lawlink settings`: the table of docs/operations.md."""

import argparse

from signaling.settings import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    print(table(), end="")
    return 0
