"""Puts a bag together: documents and finished parts, tag files, seal; everything but the seal sealed for the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from recordings import bag, seal
from recordings.chunks import seal_bytes
from recordings.digests import Digests, digest_bytes
from recordings.dossier import event_head, stamp
from recordings.models import BagKind
from recordings.parts import StoredFile
from recordings.seal import SealKey
from recordings.verify import EVENTS
from scheduler.clock import local_day


@dataclass(frozen=True)
class Subject:
    """What the bag is about. `head`: further fields of the seal's head (journals, counts, the linked bag)."""

    bag_id: str
    kind: BagKind
    consultation_id: str
    organisation: str
    head: Mapping[str, Any]


@dataclass(frozen=True)
class Assembled:
    """`objects`: path in the bag → bytes for the store. `files`: every file, the parts included. `head`: as signed."""

    objects: Mapping[str, bytes]
    files: Sequence[StoredFile]
    head: bytes


def assemble(
    subject: Subject,
    documents: Mapping[str, bytes],
    parts: Sequence[StoredFile],
    key: bytes,
    seal_key: SealKey,
    now: datetime,
) -> Assembled:
    """`documents`: path under data/ → content; `parts` lie sealed elsewhere already. CPU work: call it in a thread."""
    payload = {path: digest_bytes(content) for path, content in documents.items()}
    payload |= {part.path: Digests(part.bytes, part.sha256, part.sm3) for part in parts}
    tags = bag.tag_files(payload, subject.bag_id, subject.organisation, local_day(now))
    manifest = digest_bytes(tags[bag.TAG_MANIFEST])
    events = documents[EVENTS]
    seals = seal_key.seal(
        {
            **subject.head,
            "version": 1,
            "bag_id": subject.bag_id,
            "kind": subject.kind,
            "consultation_id": subject.consultation_id,
            "sealed_at": stamp(now),
            "tagmanifest_sha256": manifest.sha256,
            "tagmanifest_sm3": manifest.sm3,
            "payload": {"files": len(payload), "bytes": sum(one.bytes for one in payload.values())},
            "events": events.count(b"\n"),
            "event_head": event_head(events),
        }
    )
    objects = {path: seal_bytes(key, path, content) for path, content in {**documents, **tags}.items()}
    objects |= seals
    plain = {**documents, **tags, **seals}
    files = [_stored(path, content, objects[path]) for path, content in plain.items()]
    return Assembled(objects, [*files, *parts], seals[seal.HEAD])


def is_sealed(path: str) -> bool:
    """The seal alone lies open in the store: it outlives the key, and says nothing about anybody."""
    return not path.startswith(bag.SEAL)


def _stored(path: str, content: bytes, sealed: bytes) -> StoredFile:
    plain = digest_bytes(content)
    return StoredFile(path, plain.bytes, plain.sha256, plain.sm3, len(sealed), sha256(sealed).hexdigest())
