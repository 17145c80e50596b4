"""Tag files of a BagIt bag (RFC 8493) over payload files that lie elsewhere."""

import re
from collections.abc import Mapping
from datetime import date

from recordings.digests import Digests, digest_bytes

PAYLOAD = "data/"
SEAL = "seal/"
TAG_MANIFEST = "tagmanifest-sha256.txt"
MANIFEST = "manifest-sha256.txt"
SM3_SUMS = "sm3sums.txt"
BAG_INFO = "bag-info.txt"
BAGIT = "bagit.txt"

_PATH = re.compile(r"[A-Za-z0-9_.:\-]+(/[A-Za-z0-9_.:\-]+)*")
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


def tag_files(payload: Mapping[str, Digests], external_id: str, organisation: str, day: date) -> dict[str, bytes]:
    """All tag files for a payload of path → digests; paths start with `data/`. Raises ValueError for an unsafe path."""
    for path in payload:
        if not path.startswith(PAYLOAD) or not is_safe(path):
            raise ValueError(f"not a path for a payload file: {path}")
    octets = sum(one.bytes for one in payload.values())
    info = {
        "Bag-Software-Agent": "LawLink",
        "Bagging-Date": day.isoformat(),
        "External-Identifier": external_id,
        "Payload-Oxum": f"{octets}.{len(payload)}",
        "Source-Organization": " ".join(organisation.split()),
    }
    files = {
        BAGIT: b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        BAG_INFO: "".join(f"{name}: {value}\n" for name, value in info.items()).encode(),
        MANIFEST: dump_manifest({path: one.sha256 for path, one in payload.items()}),
        SM3_SUMS: dump_manifest({path: one.sm3 for path, one in payload.items()}),
    }
    files[TAG_MANIFEST] = dump_manifest({path: digest_bytes(content).sha256 for path, content in files.items()})
    return files


def is_safe(path: str) -> bool:
    """Whether a path stays inside its bag on every file system."""
    return bool(_PATH.fullmatch(path)) and not any(set(part) == {"."} for part in path.split("/"))


def dump_manifest(sums: Mapping[str, str]) -> bytes:
    return "".join(f"{value}  {path}\n" for path, value in sorted(sums.items())).encode()


def parse_manifest(content: bytes) -> dict[str, str]:
    """Path → digest. Raises ValueError for anything but what `dump_manifest` writes."""
    sums = {}
    for line in content.decode("ascii").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or not is_safe(match[2]):
            raise ValueError(f"not a line of a manifest: {line[:100]!r}")
        sums[match[2]] = match[1]
    if dump_manifest(sums) != content:
        raise ValueError("the manifest is not in its order")
    return sums
