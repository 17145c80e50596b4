"""Journals → sealed WebM parts, in a process of its own: `python -m recordings.remux`.

The order comes as JSON on standard input, because a key must not stand in a command line::

    {"recording_id": "…", "key": "<64 hex digits>", "journals": ["<path>", …], "staging": "<directory>"}

and the answer as JSON on standard output: `Remuxed`. Parts are sealed under `key` and the name
`data/media/<publication>/<n>.webm`; no byte of media reaches the disk in plain.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import av.logging

from media.journal import JournalError
from recordings.bag import is_safe
from recordings.chunks import SealingFile, read_sealed
from recordings.clock_fit import ClockFit, Line, fit_clock, fit_relay
from recordings.digests import digest, file_sha256
from recordings.part import PartMuxer, Scan, scan
from recordings.parts import Part, PartResult, Remuxed, StoredFile, part_path

_SHORT_BYTES = 64 * 1024 * 1024


def remux(key: bytes, journals: Iterable[Path], staging: Path) -> Remuxed:
    """Write every journal's part under `staging`. Raises OSError (a full disk); journals that cannot be read are
    listed.
    """
    done = Remuxed()
    scans = []
    for path in sorted(journals):
        try:
            scans.append(scan(path, key))
        except JournalError as error:
            done.unreadable.append({"path": path.name, "text": str(error)})
    scans.sort(key=lambda found: (found.header.publication_id, found.header.started_wall_us, found.path.name))
    relays = _relay_lines(scans)
    numbers: defaultdict[str, int] = defaultdict(int)
    for found in scans:
        numbers[found.header.publication_id] += 1
        number = numbers[found.header.publication_id]
        done.parts.append(_remux_part(found, relays.get(found.path), number, key, staging))
    return done


def _relay_lines(scans: Iterable[Scan]) -> Mapping[Path, Line | None]:
    """One line per connection: the parts of a participant whose times overlap came over the same one."""
    lines: dict[Path, Line | None] = {}
    by_participant: defaultdict[str, list[Scan]] = defaultdict(list)
    for found in scans:
        by_participant[found.header.participant_id].append(found)
    for own in by_participant.values():
        group: list[Scan] = []
        for found in sorted(own, key=lambda one: one.first_wall_us):
            if group and found.first_wall_us > max(one.last_wall_us for one in group):
                _fit_group(group, lines)
                group = []
            group.append(found)
        _fit_group(group, lines)
    return lines


def _fit_group(group: list[Scan], lines: dict[Path, Line | None]) -> None:
    line = fit_relay([report for found in group for report in found.reports])
    lines.update({found.path: line for found in group})


def _remux_part(found: Scan, relay: Line | None, number: int, key: bytes, staging: Path) -> Part:
    header = found.header
    name = part_path(header.publication_id, number)
    if not is_safe(name):
        raise ValueError(f"{found.path.name}: {header.publication_id!r} cannot be part of a path")
    result, stored, clock = PartResult(), None, {}
    if found.arrivals:
        fit = fit_clock(found.reports, found.arrivals, header.clock_rate, relay)
        result = _write(found, fit, key, staging / name, name)
        clock = {
            "source": fit.source,
            "points": fit.points,
            "skew_ppm": round(fit.skew_ppm, 2),
            "residual_us": round(fit.residual_us),
        }
    if result.frames:
        stored = _stored(key, staging / name, name)
    return Part(
        publication_id=header.publication_id,
        participant_id=header.participant_id,
        source=header.source,
        codec=header.codec,
        part=number,
        stored=stored,
        result=result,
        clock=clock,
        journal={
            "part": header.part,
            "boot_id": header.boot_id,
            "bytes": found.path.stat().st_size,
            "blocks": found.blocks,
            "head": found.head,
            "first_us": found.first_wall_us or header.started_wall_us,
            "last_us": found.last_wall_us or header.started_wall_us,
            "close_reason": found.close_reason,
            "recovery": found.recovery,
            "overflow": found.overflow,
            "damage": found.damage,
        },
    )


def _write(found: Scan, fit: ClockFit, key: bytes, target: Path, name: str) -> PartResult:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w+b", buffering=0) as raw, SealingFile(raw, key, name) as sealing:
        try:
            result = PartMuxer(found, fit, sealing).run(key)
        except BaseException:
            sealing.abort()
            raise
    if not result.frames:
        target.unlink()
    return result


def _stored(key: bytes, target: Path, name: str) -> StoredFile:
    with target.open("rb") as file:
        plain = digest(read_sealed(file, key, name))
        file.seek(0)
        sealed = file_sha256(iter(lambda: file.read(1 << 20), b""))
        return StoredFile(name, plain.bytes, plain.sha256, plain.sm3, file.tell(), sealed)


def _niceness(journals: Iterable[Path]) -> int:
    """A few minutes take a second of processor time and are awaited at the desk; hours stand back behind live media."""
    return 2 if sum(path.stat().st_size for path in journals if path.is_file()) <= _SHORT_BYTES else 10


def main() -> int:
    # Failures raise; what libavformat only remarks on is no business of standard error.
    av.logging.set_level(av.logging.FATAL)
    order = json.load(sys.stdin)
    journals = [Path(path) for path in order["journals"]]
    os.nice(_niceness(journals))
    try:
        done = remux(bytes.fromhex(order["key"]), journals, Path(order["staging"]))
    except OSError as error:
        print(json.dumps({"errno": error.errno, "text": str(error)}))
        return 1
    sys.stdout.buffer.write(done.dump())
    return 0


if __name__ == "__main__":
    sys.exit(main())
