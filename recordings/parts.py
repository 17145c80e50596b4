"""What a remux hands back: the parts it made, and the journals it could not read. No media library is imported here."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from recordings.rtp import Reception

Cause = Literal["loss", "dtx", "mute", "idle", "keyframe"]
MIME = {"opus": 'audio/webm; codecs="opus"', "vp8": 'video/webm; codecs="vp8"'}


@dataclass
class PartGap:
    """A span without frames inside a part, in ms of the part; `missing_ms` is less than the span when short ones were
    joined.
    """

    from_ms: int
    to_ms: int
    cause: Cause
    missing_ms: int


@dataclass
class PartResult:
    """What was written. `start_us` is the wall time of the part's first frame, `duration_ms` runs to the end of the
    last.
    """

    start_us: int = 0
    duration_ms: int = 0
    frames: int = 0
    keyframes: int = 0
    filler: int = 0
    implausible: int = 0
    size: tuple[int, int] | None = None
    gaps: list[PartGap] = field(default_factory=list)
    reception: Reception = field(default_factory=Reception)


@dataclass(frozen=True)
class StoredFile:
    """A file of a bag as it is and as it is stored: content digests for the manifests, the sealed bytes' for fixity."""

    path: str
    bytes: int
    sha256: str
    sm3: str
    sealed_bytes: int
    sealed_sha256: str


@dataclass(frozen=True)
class Part:
    """A finished part; `stored` is None when its journal held no decodable frame. `clock` and `journal` go into
    index.json.
    """

    publication_id: str
    participant_id: str
    source: str
    codec: str
    part: int
    stored: StoredFile | None
    result: PartResult
    clock: dict[str, Any]
    journal: dict[str, Any]


@dataclass
class Remuxed:
    """All parts by publication and number, and the journals that could not be read: {path, text}."""

    parts: list[Part] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)

    def dump(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, answer: bytes) -> "Remuxed":
        raw = json.loads(answer)
        return cls([_load_part(part) for part in raw["parts"]], raw["unreadable"])


def _load_part(raw: dict[str, Any]) -> Part:
    result = raw["result"]
    gaps = [PartGap(**gap) for gap in result["gaps"]]
    size = tuple(result["size"]) if result["size"] else None
    raw["result"] = PartResult(**{**result, "gaps": gaps, "size": size, "reception": Reception(**result["reception"])})
    raw["stored"] = StoredFile(**raw["stored"]) if raw["stored"] else None
    return Part(**raw)


def part_path(publication_id: str, part: int) -> str:
    return f"data/media/{publication_id}/{part}.webm"
