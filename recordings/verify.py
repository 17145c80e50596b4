"""Whether a bag is what was sealed. Needs neither server nor key: the pure check works on digests and a few small
files.

Verdicts: `intact` (declared gaps are listed), `altered` (something differs from what was sealed, or loss is not
declared), `unreadable` (this is no sealed bag, or it cannot be read); exit codes 0, 1, 2.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from recordings import bag, seal
from recordings.digests import Digests, digest
from recordings.dossier import event_head
from recordings.errors import RecordingError

INDEX = "data/index.json"
EVENTS = "data/events.jsonl"
EXIT_CODES = {"intact": 0, "altered": 1, "unreadable": 2}
_NEEDED = frozenset({bag.BAGIT, bag.BAG_INFO, bag.MANIFEST, bag.SM3_SUMS, bag.TAG_MANIFEST, INDEX, EVENTS, *seal.FILES})
_TEXT_LIMIT = 64 * 1024 * 1024
_SEAM_S = 0.1


class Unreadable(RecordingError):
    """No bag can be read there; the text says why."""


@dataclass(frozen=True)
class Contents:
    """A bag as the check sees it: digests of every file, and the bytes of those it reads (`is_read`)."""

    files: Mapping[str, Digests]
    texts: Mapping[str, bytes]
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One of the four lines of a verdict, for people."""

    ok: bool
    label: str
    detail: str


@dataclass
class Verdict:
    """`findings` say what was altered; `gaps` are those the bag declares; `lines`: contents, seal, event chain,
    completeness. `fingerprint` is the SHA-256 of the seal's public key: compare it with the published one.
    """

    verdict: Literal["intact", "altered", "unreadable"] = "intact"
    findings: list[str] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    fingerprint: str = ""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def ok(self) -> bool:
        return self.verdict == "intact"


def verify_bag(path: Path, fingerprint: str | None = None) -> Verdict:
    """Check an exported bag in the directory `path`. `fingerprint`: the centre's published one, when it is known."""
    try:
        return verify_contents(read_directory(path), fingerprint)
    except Unreadable as error:
        return unreadable(str(error))


def verify_contents(contents: Contents, fingerprint: str | None = None) -> Verdict:
    """The check itself, without input or output."""
    found = Verdict()
    sections = [
        ("内容", "全部文件与封存时一致", _check_contents(contents)),
        ("封存签名", "签名有效", _check_seal(contents, fingerprint)),
        ("事件链", "事件记录连续、未改动", _check_events(contents)),
        ("完整性", "各路录制齐全", _check_completeness(contents)),
    ]
    for label, fine, findings in sections:
        found.lines.append(Line(not findings, label, "；".join(findings[:3]) if findings else fine))
        found.findings += findings
    if found.findings:
        found.verdict = "altered"
    found.fingerprint = sha256(contents.texts.get(seal.PUBLIC_KEY, b"")).hexdigest()
    found.gaps = _declared_gaps(contents)
    if found.gaps and found.lines[3].ok:
        found.lines[3] = Line(True, "完整性", f"已声明的缺口 {len(found.gaps)} 处，其余齐全")
    return found


def unreadable(text: str) -> Verdict:
    labels = ("内容", "封存签名", "事件链", "完整性")
    return Verdict("unreadable", [text], lines=[Line(False, label, "无法读取") for label in labels])


def is_read(path: str) -> bool:
    """Whether the check needs the bytes of this file of a bag."""
    return path in _NEEDED


def read_directory(path: Path) -> Contents:
    """Raises Unreadable: no directory, no bag, or a file that cannot be read."""
    if not path.is_dir():
        raise Unreadable(f"{path}：不是文件夹")
    try:
        names = sorted(_walk(path))
        regular = [name for name in names if (path / name).is_file() and not (path / name).is_symlink()]
        if not {bag.TAG_MANIFEST, seal.HEAD} & set(regular):
            raise Unreadable(f"{path}：不是封存的档案包（没有 {bag.TAG_MANIFEST}，也没有 {seal.HEAD}）")
        files = {name: digest(_chunks(path / name)) for name in regular}
        texts = {name: _read(path / name) for name in regular if is_read(name)}
    except OSError as error:
        raise Unreadable(f"{error.filename}：{error.strerror}") from error
    return Contents(files, texts, tuple(name for name in names if name not in files))


def _walk(top: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for directory, directories, names in os.walk(top, onerror=refuse):
        links = [name for name in directories if (Path(directory) / name).is_symlink()]
        for name in [*names, *links]:
            yield (Path(directory) / name).relative_to(top).as_posix()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_TEXT_LIMIT)


def _check_contents(contents: Contents) -> list[str]:
    findings = [f"多出的文件：{name}" for name in contents.foreign]
    listed: set[str] = set(seal.FILES) | {bag.TAG_MANIFEST}
    for manifest, kind, payload in (
        (bag.TAG_MANIFEST, "sha256", False),
        (bag.MANIFEST, "sha256", True),
        (bag.SM3_SUMS, "sm3", True),
    ):
        try:
            sums = bag.parse_manifest(contents.texts[manifest])
        except KeyError:
            findings.append(f"缺少文件：{manifest}")
            continue
        except ValueError:
            findings.append(f"清单无法解读：{manifest}")
            continue
        for path, value in sums.items():
            findings += _check_file(contents, path, kind, value)
            if path.startswith(bag.PAYLOAD) != payload:
                findings.append(f"{manifest} 列出了不该列的文件：{path}")
        if manifest != bag.SM3_SUMS:
            listed |= sums.keys()
        elif payload_of(contents) != set(sums):
            findings.append(f"{manifest} 与内容不符")
    findings += [f"多出的文件：{path}" for path in sorted(set(contents.files) - listed)]
    return list(dict.fromkeys(findings))


def payload_of(contents: Contents) -> set[str]:
    return {path for path in contents.files if path.startswith(bag.PAYLOAD)}


def _check_file(contents: Contents, path: str, kind: str, value: str) -> list[str]:
    file = contents.files.get(path)
    if file is None:
        return [f"缺少文件：{path}"]
    return [] if getattr(file, kind) == value else [f"文件被改动：{path}"]


def _check_seal(contents: Contents, fingerprint: str | None) -> list[str]:
    missing = [f"缺少文件：{path}" for path in sorted(seal.FILES - contents.texts.keys())]
    if missing:
        return missing
    head_bytes, public = contents.texts[seal.HEAD], contents.texts[seal.PUBLIC_KEY]
    if not seal.signature_holds(head_bytes, contents.texts[seal.SIGNATURE], public):
        return ["封存签名与内容不符"]
    head = _object(head_bytes)
    findings = []
    if head.get("public_key_sha256") != sha256(public).hexdigest():
        findings.append("公钥文件被改动")
    if fingerprint is not None and sha256(public).hexdigest() != fingerprint:
        findings.append("封存所用的公钥不是本中心的")
    tag_manifest = contents.files.get(bag.TAG_MANIFEST)
    if tag_manifest is None or (head.get("tagmanifest_sha256"), head.get("tagmanifest_sm3")) != (
        tag_manifest.sha256,
        tag_manifest.sm3,
    ):
        findings.append(f"清单不是封存时的：{bag.TAG_MANIFEST}")
    payload = payload_of(contents)
    counts = {"files": len(payload), "bytes": sum(contents.files[path].bytes for path in payload)}
    if head.get("payload") != counts:
        findings.append("文件数量或大小与封存时不同")
    return findings


def _check_events(contents: Contents) -> list[str]:
    content = contents.texts.get(EVENTS)
    if content is None:
        return [f"缺少文件：{EVENTS}"]
    try:
        head = event_head(content)
    except (ValueError, AttributeError) as error:
        return [f"事件链断开：{error}"]
    sealed = _object(contents.texts.get(seal.HEAD, b""))
    if (sealed.get("event_head"), sealed.get("events")) != (head, content.count(b"\n")):
        return ["事件链的末端不是封存时的"]
    return []


def _check_completeness(contents: Contents) -> list[str]:
    if INDEX not in contents.texts:
        media = [path for path in contents.files if path.startswith("data/media/")]
        kind = _object(contents.texts.get(seal.HEAD, b"")).get("kind")
        return [f"缺少文件：{INDEX}"] if media or kind != "text" else []
    index = _object(contents.texts[INDEX])
    head = _object(contents.texts.get(seal.HEAD, b""))
    findings = []
    try:
        parts = [part for track in index["tracks"] for part in track["parts"]]
        heads = sorted(part["journal"]["head"] for part in parts)
        paths = {part["path"] for part in parts if part["path"]}
        if sorted(one["head"] for one in head["journals"]) != heads:
            findings.append("录制日志与封存时不符")
        if paths != {path for path in contents.files if path.startswith("data/media/")}:
            findings.append("录制分段与目录不符")
        for track in index["tracks"]:
            findings += _undeclared(track, index["gaps"])
    except (KeyError, TypeError):
        findings.append(f"目录无法解读：{INDEX}")
    return findings


def _undeclared(track: Mapping[str, Any], gaps: list[dict[str, Any]]) -> list[str]:
    own = [(gap["from_s"], gap["to_s"]) for gap in gaps if gap["publication_id"] == track["publication_id"]]
    return [
        f"未声明的缺口：{track['publication_id']} {before['to_s']}–{after['from_s']} 秒"
        for before, after in pairwise(track["parts"])
        if after["from_s"] - before["to_s"] > _SEAM_S
        and not any(start <= before["to_s"] and after["from_s"] <= end for start, end in own)
    ]


def _declared_gaps(contents: Contents) -> list[dict[str, Any]]:
    gaps = _object(contents.texts.get(INDEX, b"")).get("gaps")
    return [gap for gap in gaps if isinstance(gap, dict)] if isinstance(gaps, list) else []


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
