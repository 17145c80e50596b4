"""index.json of a bag: tracks, parts and gaps on one clock that starts with the first frame."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

from recordings.dossier import stamp
from recordings.parts import MIME, Part, Remuxed

# Something that should have been recorded is not there; every other cause means that there was nothing to record.
INCOMPLETE = frozenset(
    {"crash", "overflow", "disk_full", "worker_lost", "server_lost", "failed", "unreadable", "damaged", "missing"}
)
_PAUSES = frozenset({"pause", "paused", "refused", "criminal", "withdrawn", "participant_away"})
_SEAM_S = 0.1
_TAIL_S = 1.0
_MISSING_US = 2_000_000


def build_index(recording_id: str, remuxed: Remuxed, began_us: int, ended_us: int) -> dict[str, Any]:
    """`began_us`, `ended_us` (Unix µs): when the recording was told to start and to stop.

    `duration_s` is the length of the time line, `expected_s` what of it should hold media (all but pauses), `complete`
    false when any of `INCOMPLETE` struck.
    """
    starts = [part.result.start_us for part in remuxed.parts if part.stored]
    origin_us = min(starts, default=began_us)
    tracks, gaps = [], []
    for publication_id, group in groupby(remuxed.parts, key=lambda part: part.publication_id):
        parts = list(group)
        first = parts[0]
        gaps += _track_gaps(publication_id, parts, origin_us)
        tracks.append(
            {
                "publication_id": publication_id,
                "participant_id": first.participant_id,
                "source": first.source,
                "codec": first.codec,
                "parts": [_part(part, origin_us) for part in parts],
            }
        )
    end_s = max((part["to_s"] for track in tracks for part in track["parts"]), default=0.0)
    gaps += _tail_gaps(remuxed.parts, origin_us, end_s)
    gaps += [
        {
            "publication_id": None,
            "part": None,
            "from_s": 0.0,
            "to_s": end_s,
            "cause": "unreadable",
            "detail": lost["text"],
        }
        for lost in remuxed.unreadable
    ]
    if not tracks and ended_us - began_us > _MISSING_US:
        end_s = _seconds(ended_us, began_us)
        gaps.append(_gap(None, None, (0.0, end_s), "missing", detail="no journal"))
    causes = {gap["cause"] for gap in gaps}
    paused = [(gap["from_s"], gap["to_s"]) for gap in gaps if gap["cause"] == "pause"]
    return {
        "version": 1,
        "recording_id": recording_id,
        "started_at": stamp(datetime.fromtimestamp(origin_us / 1e6, UTC)),
        "started_us": origin_us,
        "began_us": began_us,
        "ended_us": ended_us,
        "duration_s": end_s,
        "expected_s": round(end_s - _common_s(paused, tracks, end_s), 3),
        "complete": not causes & INCOMPLETE,
        "tracks": tracks,
        "gaps": gaps,
        "unreadable": remuxed.unreadable,
    }


def _part(part: Part, origin_us: int) -> dict[str, Any]:
    result = part.result
    from_s = _seconds(result.start_us, origin_us) if part.stored else _seconds(part.journal["first_us"], origin_us)
    return {
        "part": part.part,
        "path": part.stored.path if part.stored else None,
        "mime": MIME[part.codec],
        "bytes": part.stored.bytes if part.stored else 0,
        "from_s": from_s,
        "to_s": round(from_s + result.duration_ms / 1000, 3),
        "frames": result.frames,
        "keyframes": result.keyframes,
        "filler": result.filler,
        "implausible": result.implausible,
        "size": result.size,
        "packets": asdict(result.reception),
        "clock": part.clock,
        "journal": part.journal,
    }


def _track_gaps(publication_id: str, parts: Sequence[Part], origin_us: int) -> list[dict[str, Any]]:
    gaps = []
    for part in parts:
        from_s = _seconds(part.result.start_us, origin_us)
        for gap in part.result.gaps:
            span = (round(from_s + gap.from_ms / 1000, 3), round(from_s + gap.to_ms / 1000, 3))
            gaps.append(_gap(publication_id, part.part, span, gap.cause, missing_s=gap.missing_ms / 1000))
        if part.journal["overflow"]:
            span = (_seconds(part.journal["first_us"], origin_us), _seconds(part.journal["last_us"], origin_us))
            gaps.append(_gap(publication_id, part.part, span, "overflow", detail=f"{part.journal['overflow']} records"))
    for before, after in pairwise(parts):
        span = (_end_s(before, origin_us), _seconds(after.result.start_us or after.journal["first_us"], origin_us))
        if span[1] - span[0] > _SEAM_S:
            gaps.append(_gap(publication_id, before.part, span, _cause(before), detail=_reason(before)))
    return gaps


def _tail_gaps(parts: Iterable[Part], origin_us: int, end_s: float) -> list[dict[str, Any]]:
    """Tracks that end before the recording does; after a crash also what may have been lost with it."""
    gaps = []
    for publication_id, group in groupby(parts, key=lambda part: part.publication_id):
        last = list(group)[-1]
        from_s, cause = _end_s(last, origin_us), _cause(last)
        to_s = end_s
        if last.journal["recovery"]:
            to_s = max(end_s, round(from_s + last.journal["recovery"]["lost_ms_max"] / 1000, 3))
        if to_s - from_s > _TAIL_S or cause in INCOMPLETE:
            gaps.append(_gap(publication_id, last.part, (from_s, to_s), cause, detail=_reason(last)))
    return gaps


def _gap(
    publication_id: str | None,
    part: int | None,
    span: tuple[float, float],
    cause: str,
    missing_s: float | None = None,
    detail: str = "",
) -> dict[str, Any]:
    missing = round(span[1] - span[0], 3) if missing_s is None else missing_s
    return {
        "publication_id": publication_id,
        "part": part,
        "from_s": span[0],
        "to_s": span[1],
        "cause": cause,
        "missing_s": missing,
        "detail": detail,
    }


def _cause(part: Part) -> str:
    reason = _reason(part)
    if reason in _PAUSES:
        return "pause"
    return reason if reason in INCOMPLETE else "disconnect"


def _reason(part: Part) -> str:
    return str(part.journal["close_reason"] or "crash")


def _end_s(part: Part, origin_us: int) -> float:
    if not part.stored:
        return _seconds(part.journal["last_us"], origin_us)
    return round(_seconds(part.result.start_us, origin_us) + part.result.duration_ms / 1000, 3)


def _common_s(spans: Iterable[tuple[float, float]], tracks: Sequence[Any], end_s: float) -> float:
    """Seconds in which every track is paused."""
    edges = sorted({0.0, end_s, *(edge for span in spans for edge in span)})
    spans = list(spans)
    common = 0.0
    for start, end in pairwise(edges):
        if sum(from_s <= start and end <= to_s for from_s, to_s in spans) >= len(tracks) > 0:
            common += end - start
    return common


def _seconds(at_us: int, origin_us: int) -> float:
    return round((at_us - origin_us) / 1e6, 3)
