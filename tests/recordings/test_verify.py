"""A sealed bag against everything that may happen to it; bagit-python, sha256sum and openssl are asked as well."""

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import bagit
import pytest

from recordings import bag, seal
from recordings.assembly import Subject, assemble
from recordings.chunks import open_bytes, read_sealed
from recordings.digests import digest_bytes
from recordings.dossier import Event, chain_events, documents, dump_json, event_head
from recordings.index import build_index
from recordings.models import BagKind
from recordings.parts import StoredFile
from recordings.remux import remux
from recordings.seal import SealKey, make_seal_key
from recordings.verify import Verdict, verify_bag
from scheduler.ids import ConsultationId
from tests.support.archive import dossier, files_under
from tests.support.rtp import AUDIO, CAMERA, START_US, write_journal

KEY = bytes(range(32))
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    path: Path
    key: SealKey


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A plain bag with a second of sound and picture, as an export writes it."""
    top = tmp_path_factory.mktemp("bag")
    make_seal_key(top / "seal.pem")
    key = SealKey.from_file(top / "seal.pem")
    journals = [write_journal(top / "journals" / source.source, source, KEY) for source in (AUDIO, CAMERA)]
    done = remux(KEY, journals, top / "staging")
    index = build_index("rec1", done, START_US, START_US + 4_000_000)
    parts = [part.stored for part in done.parts if part.stored]
    content = {**documents(dossier(ConsultationId("c1"))), "data/index.json": dump_json(index)}
    head = {"journals": [{"head": part.journal["head"]} for part in done.parts]}
    subject = Subject("rec1", BagKind.MEDIA, "c1", "金水区公共法律服务中心", head)
    whole = assemble(subject, content, parts, KEY, key, NOW)
    write_plain(top / "rec", whole.objects, content, top / "staging", parts)
    return Made(top / "rec", key)


def write_plain(
    target: Path, objects: object, content: dict[str, bytes], staging: Path, parts: list[StoredFile]
) -> None:
    assert isinstance(objects, dict)
    for path, stored in objects.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(stored if path.startswith("seal/") else open_bytes(KEY, path, stored))
        assert path not in content or (target / path).read_bytes() == content[path]
    for part in parts:
        (target / part.path).parent.mkdir(parents=True, exist_ok=True)
        with (staging / part.path).open("rb") as file:
            (target / part.path).write_bytes(b"".join(read_sealed(file, KEY, part.path)))


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.path, tmp_path / "rec"))


def test_an_untouched_bag_is_intact(made: Made) -> None:
    found = verify_bag(made.path, made.key.fingerprint)
    assert (found.verdict, found.findings, found.exit_code, found.gaps) == ("intact", [], 0, [])
    assert [line.label for line in found.lines] == ["内容", "封存签名", "事件链", "完整性"]
    assert found.fingerprint == made.key.fingerprint
    assert bagit.Bag(str(made.path)).is_valid()


def test_public_tools_agree(made: Made) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, cwd=made.path, check=True, capture_output=True)

    run("sha256sum", "--check", "--strict", bag.MANIFEST)
    run("sha256sum", "--check", "--strict", bag.TAG_MANIFEST)
    files = ("-inkey", seal.PUBLIC_KEY, "-in", seal.HEAD, "-sigfile", seal.SIGNATURE)
    run("openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files)
    head = json.loads((made.path / seal.HEAD).read_bytes())
    assert head["tagmanifest_sha256"] == sha256((made.path / bag.TAG_MANIFEST).read_bytes()).hexdigest()
    name, value = "data/events.jsonl", bag.parse_manifest((made.path / bag.SM3_SUMS).read_bytes())["data/events.jsonl"]
    answer = subprocess.run(
        ["openssl", "dgst", "-sm3", name], cwd=made.path, check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip().endswith(value)


def test_any_flipped_byte_of_any_file_is_found(copied: Path) -> None:
    """Every file, its first and last byte and some in between: each byte in turn, then put back."""
    dice = random.Random(1)
    tried = 0
    for path in files_under(copied):
        content = path.read_bytes()
        places = {0, len(content) - 1, *(dice.randrange(len(content)) for _ in range(20))} if content else set()
        for place in places:
            altered = bytearray(content)
            altered[place] ^= 1 << dice.randrange(8)
            path.write_bytes(altered)
            found = verify_bag(copied)
            assert (found.verdict, found.exit_code) == ("altered", 1), (path, place)
            assert found.findings
            tried += 1
        path.write_bytes(content)
    assert tried > 250
    assert verify_bag(copied).ok


def test_cut_grown_removed_and_added_files_are_found(copied: Path) -> None:
    for path in list(files_under(copied)):
        content = path.read_bytes()
        for changed in (content[:-1], content + b"\n", b""):
            if changed != content:
                path.write_bytes(changed)
                assert verify_bag(copied).verdict == "altered", path
        path.unlink()
        assert verify_bag(copied).verdict == "altered", path
        path.write_bytes(content)
    for name in ("extra.txt", "data/extra.txt", "seal/extra.txt", "data/media/clerk.audio/2.webm", ".hidden"):
        (copied / name).write_bytes(b"x")
        found = verify_bag(copied)
        assert found.verdict == "altered" and any(name in finding for finding in found.findings)
        (copied / name).unlink()
    (copied / "data" / "link").symlink_to("index.json")
    assert verify_bag(copied).verdict == "altered"
    (copied / "data" / "link").unlink()
    (copied / "data" / "elsewhere").symlink_to("/", target_is_directory=True)
    assert verify_bag(copied).verdict == "altered"


def saved_again(copied: Path) -> None:
    """What somebody does who edits a bag and has a tool write fresh manifests."""
    payload = {
        path.relative_to(copied).as_posix(): digest_bytes(path.read_bytes()) for path in files_under(copied / "data")
    }
    for name, content in bag.tag_files(payload, "rec1", "金水区公共法律服务中心", NOW.date()).items():
        (copied / name).write_bytes(content)
    assert bagit.Bag(str(copied)).is_valid()


def edit_events(copied: Path) -> None:
    path = copied / "data/events.jsonl"
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    kept = [Event(datetime.fromisoformat(one["at"]), one["kind"], one["text"]) for one in events if one["n"] != 2]
    path.write_bytes(chain_events(kept))


def edit_consent(copied: Path) -> None:
    (copied / "data/consent/1.json").write_bytes(dump_json({"answer": "given", "by": "somebody else"}))


def drop_part(copied: Path) -> None:
    (copied / "data/media/clerk.audio/1.webm").unlink()


def hide_gap(copied: Path) -> None:
    index = json.loads((copied / "data/index.json").read_bytes())
    index["tracks"][0]["parts"][0]["to_s"] = 1.0
    (copied / "data/index.json").write_bytes(dump_json(index))


EDITS: list[Callable[[Path], None]] = [edit_events, edit_consent, drop_part, hide_gap]


@pytest.mark.parametrize("edit", EDITS)
def test_a_bag_that_was_saved_again_is_found(copied: Path, edit: Callable[[Path], None]) -> None:
    edit(copied)
    saved_again(copied)
    found = verify_bag(copied)
    assert found.verdict == "altered"
    assert found.lines[0].ok and not found.lines[1].ok, "the manifests agree, the seal does not"


@pytest.mark.parametrize("edit", EDITS)
def test_a_bag_sealed_again_with_another_key_needs_the_published_fingerprint(
    made: Made, copied: Path, tmp_path: Path, edit: Callable[[Path], None]
) -> None:
    edit(copied)
    saved_again(copied)
    make_seal_key(tmp_path / "forger.pem")
    forger = SealKey.from_file(tmp_path / "forger.pem")
    head = json.loads((copied / seal.HEAD).read_bytes())
    manifest = digest_bytes((copied / bag.TAG_MANIFEST).read_bytes())
    head |= {"tagmanifest_sha256": manifest.sha256, "tagmanifest_sm3": manifest.sm3}
    for name, content in forger.seal(head).items():
        (copied / name).write_bytes(content)
    found = verify_bag(copied, made.key.fingerprint)
    assert found.verdict == "altered" and "封存所用的公钥不是本中心的" in found.findings
    assert verify_bag(copied).fingerprint == forger.fingerprint != made.key.fingerprint


def unreadable_places(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "absent"
    (tmp_path / "file").write_bytes(b"x")
    yield tmp_path / "file"
    (tmp_path / "empty").mkdir()
    yield tmp_path / "empty"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_bytes(b"x")
    yield tmp_path / "other"


def test_what_is_no_bag_is_unreadable(tmp_path: Path) -> None:
    for place in unreadable_places(tmp_path):
        found: Verdict = verify_bag(place)
        assert (found.verdict, found.exit_code, len(found.lines)) == ("unreadable", 2, 4), place
        assert place.name in found.findings[0]


def test_an_undeclared_gap_is_found_even_under_a_good_seal(made: Made, copied: Path) -> None:
    """The seal's own key signs an index that skips a span between two parts without saying so."""
    index = json.loads((copied / "data/index.json").read_bytes())
    part = index["tracks"][0]["parts"][0]
    index["tracks"][0]["parts"].append({**part, "part": 2, "from_s": part["to_s"] + 5, "to_s": part["to_s"] + 6})
    (copied / "data/index.json").write_bytes(dump_json(index))
    saved_again(copied)
    head = json.loads((copied / seal.HEAD).read_bytes())
    manifest = digest_bytes((copied / bag.TAG_MANIFEST).read_bytes())
    payload = [path.stat().st_size for path in files_under(copied / "data")]
    head |= {
        "tagmanifest_sha256": manifest.sha256,
        "tagmanifest_sm3": manifest.sm3,
        "payload": {"files": len(payload), "bytes": sum(payload)},
        "journals": [*head["journals"], {"head": part["journal"]["head"]}],
    }
    for name, content in made.key.seal(head).items():
        (copied / name).write_bytes(content)
    found = verify_bag(copied)
    assert found.verdict == "altered" and any("未声明的缺口" in finding for finding in found.findings), found.findings
    assert [line.ok for line in found.lines] == [True, True, True, False]


def test_event_chains_break_at_the_line_that_was_touched() -> None:
    events = [Event(NOW, "joined", str(number)) for number in range(4)]
    lines = chain_events(events).splitlines(keepends=True)
    assert event_head(b"".join(lines)) == sha256(lines[-1][:-1]).hexdigest()
    for broken in (lines[1:], lines[:1] + lines[2:], [lines[1], lines[0], *lines[2:]], [*lines, b"{}\n"]):
        with pytest.raises(ValueError, match="line"):
            event_head(b"".join(broken))
    assert event_head(b"") == "0" * 64


@pytest.mark.parametrize(
    "path", ["data/../x", "data//x", "/data/x", "data/a b", "data/\n", "data/张", "other/x", "data/."]
)
def test_unsafe_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        bag.tag_files({path: digest_bytes(b"")}, "rec1", "x", NOW.date())
