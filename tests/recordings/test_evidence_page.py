"""docs/evidence.md is followed to the letter: its commands accept a sealed bag and refuse an altered one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recordings.index import INCOMPLETE
from tests.support.archive import World, dossier
from tests.support.rtp import AUDIO, CAMERA

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"


PROVE, DECODE = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def follow(script: str, bag: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's commands in the bag's directory; the first one that fails ends it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=bag,
        env={"PATH": path, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
async def exported(world: World, tmp_path: Path) -> Path:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA)
    await world.archive.finish(recording_id, dossier(consultation_id))
    return await world.archive.export(recording_id, tmp_path / "out")


def test_public_tools_accept_what_was_sealed(exported: Path) -> None:
    answer = follow(PROVE, exported)
    assert answer.returncode == 0, answer.stderr
    assert "Signature Verified Successfully" in answer.stdout


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="FFmpeg's ffprobe is not installed")
def test_every_part_decodes_to_its_end(exported: Path) -> None:
    answer = follow(DECODE, exported)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert {"200", "120"} <= set(answer.stdout.split()), "every frame of sound and picture was read"


@pytest.mark.parametrize(
    "name",
    [
        "data/events.jsonl", "data/media/clerk.audio/1.webm", "data/index.json", "bag-info.txt", "manifest-sha256.txt",
        "tagmanifest-sha256.txt", "sm3sums.txt", "seal/head.json", "seal/head.sig", "seal/public.pem",
    ],
)  # fmt: skip
def test_public_tools_refuse_what_was_altered(exported: Path, name: str) -> None:
    content = bytearray((exported / name).read_bytes())
    content[len(content) // 2] ^= 1
    (exported / name).write_bytes(content)
    assert follow(PROVE, exported).returncode != 0


def test_the_page_names_every_cause() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for cause in INCOMPLETE | {"pause", "disconnect", "mute", "dtx", "idle", "keyframe", "loss"}:
        assert f"`{cause}`" in page, cause
