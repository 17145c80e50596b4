"""What belongs to a recording besides its media, as handed over at its end, and the documents made of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True)
class Event:
    """Something that happened in the consultation (joined, muted, recording paused …)."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True)
class Participant:
    """Who a participant id stands for. `role`: clerk, lawyer or invited."""

    participant_id: str
    name: str
    role: str


@dataclass(frozen=True)
class Dossier:
    """`chat`, `points` and `consents` are JSON objects as the protocol gives them (each with `at` or `given_at`);
    `provenance` names software, worker, organisation and people by id."""

    consultation_id: str
    case_no: str
    started_at: datetime
    ended_at: datetime
    events: tuple[Event, ...] = ()
    chat: tuple[Mapping[str, Any], ...] = ()
    points: tuple[Mapping[str, Any], ...] = ()
    consents: tuple[Mapping[str, Any], ...] = ()
    participants: tuple[Participant, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def dump(self) -> dict[str, Any]:
        """As JSON for a table; `load` is its inverse."""
        raw = asdict(self)
        raw["started_at"], raw["ended_at"] = stamp(self.started_at), stamp(self.ended_at)
        raw["events"] = [{**event, "at": stamp(event["at"])} for event in raw["events"]]
        loaded: dict[str, Any] = json.loads(json.dumps(raw))
        return loaded

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> "Dossier":
        return cls(
            consultation_id=raw["consultation_id"],
            case_no=raw["case_no"],
            started_at=parse_stamp(raw["started_at"]),
            ended_at=parse_stamp(raw["ended_at"]),
            events=tuple(Event(parse_stamp(one["at"]), one["kind"], one["text"]) for one in raw["events"]),
            chat=tuple(raw["chat"]),
            points=tuple(raw["points"]),
            consents=tuple(raw["consents"]),
            participants=tuple(Participant(**one) for one in raw["participants"]),
            provenance=raw["provenance"],
        )


def stamp(at: datetime) -> str:
    """RFC 3339 UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_stamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def documents(dossier: Dossier) -> dict[str, bytes]:
    """Path in the bag → content of everything but media and index."""
    files = {
        "data/events.jsonl": chain_events(dossier.events),
        "data/chat.jsonl": b"".join(dump_json(message) for message in dossier.chat),
        "data/points.jsonl": b"".join(dump_json(point) for point in dossier.points),
        "data/participants.json": dump_json([asdict(one) for one in dossier.participants]),
        "data/provenance.json": dump_json(dossier.provenance),
    }
    for number, consent in enumerate(dossier.consents, start=1):
        files[f"data/consent/{number}.json"] = dump_json(consent)
    return files


def chain_events(events: Iterable[Event]) -> bytes:
    """JSON lines, each with the SHA-256 of the line before it (its bytes without the line feed); zeros in the first."""
    lines: list[bytes] = []
    prev = GENESIS
    for number, event in enumerate(events, start=1):
        fields = {"n": number, "at": stamp(event.at), "kind": event.kind, "text": event.text, "prev": prev}
        line = dump_json(fields)
        prev = sha256(line[:-1]).hexdigest()
        lines.append(line)
    return b"".join(lines)


def event_head(content: bytes) -> str:
    """SHA-256 of the last line of events.jsonl; zeros when there is none. Raises ValueError naming the line that breaks
    the chain."""
    head = GENESIS
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        fields = json.loads(line)
        if not line.endswith(b"\n") or fields.get("prev") != head or fields.get("n") != number:
            raise ValueError(f"line {number}")
        head = sha256(line[:-1]).hexdigest()
    return head


def dump_json(value: Any) -> bytes:
    """One line of JSON, keys sorted, UTF-8, with its line feed."""
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()
