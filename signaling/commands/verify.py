"""`lawlink verify PATH`: is an exported bag what was sealed?  Needs no server, no settings and no key."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Final

from recordings.verify import Verdict, verify_bag

WORDS: Final = {"intact": "完整性校验通过", "altered": "完整性校验未通过", "unreadable": "无法读取"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="directory of the bag")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.add_argument("--fingerprint", help="SHA-256 of the centre's public key, as published")


def run(arguments: argparse.Namespace) -> int:
    """0 intact (declared gaps are listed), 1 altered or undeclared loss, 2 unreadable."""
    verdict = verify_bag(arguments.path, arguments.fingerprint)
    if arguments.json:
        print(json.dumps({**dataclasses.asdict(verdict), "ok": verdict.ok}, ensure_ascii=False, indent=2))
    else:
        print(told(verdict))
    return verdict.exit_code


def told(verdict: Verdict) -> str:
    """The verdict for people: one word, four lines, whatever was found, the declared gaps."""
    lines = [f"{verdict.verdict}  {WORDS[verdict.verdict]}"]
    lines += [f"  {'✓' if line.ok else '✗'} {line.label}：{line.detail}" for line in verdict.lines]
    lines += [f"  ! {finding}" for finding in verdict.findings]
    lines += [
        f"  · 已声明的缺口 {gap.get('publication_id')} {gap.get('from_s')}–{gap.get('to_s')} 秒（{gap.get('cause')}）"
        for gap in verdict.gaps
    ]
    return "\n".join([*lines, f"  public key SHA-256 {verdict.fingerprint}"] if verdict.fingerprint else lines)
