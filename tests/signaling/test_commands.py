"""The commands as an operator types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler.audit import AuditEntry
from scheduler.clock import SystemClock
from signaling.__main__ import COMMANDS, main
from signaling.commands import bench
from signaling.key_files import make_keys
from signaling.opening import opened
from signaling.settings import Settings
from tests.support.recordings import sealed_recording
from tests.support.server import serving

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def recording(tmp_path: Path) -> tuple[Path, str]:
    """A data directory and the id of the recording in it; its server has ended."""
    async with serving(tmp_path / "data") as server, server.as_person("clerk") as clerk:
        _, recording_id = await sealed_recording(server, clerk)
    return tmp_path / "data", recording_id


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "signaling", *words], cwd=ROOT, capture_output=True, text=True)


def test_a_recording_is_exported_verified_and_a_flipped_byte_is_found(
    recording: tuple[Path, str], tmp_path: Path
) -> None:
    data, recording_id = recording
    bag = tmp_path / "bag"
    exported = run("export", recording_id, str(bag), "--data", str(data), "--reason", "移送法院")
    assert exported.returncode == 0, exported.stderr
    intact = run("verify", str(bag), "--json")
    assert (intact.returncode, json.loads(intact.stdout)["verdict"]) == (0, "intact")
    assert run("verify", str(bag)).stdout.startswith("intact  完整性校验通过")
    media = next(bag.glob("data/media/**/*.webm"))
    content = bytearray(media.read_bytes())
    content[len(content) // 2] ^= 1
    media.write_bytes(content)
    altered = run("verify", str(bag))
    assert altered.returncode == 1
    assert media.relative_to(bag).as_posix() in altered.stdout
    assert run("verify", str(tmp_path)).returncode == 2
    again = run("export", recording_id, str(bag), "--data", str(data))
    assert (again.returncode, "exists and is not an empty directory" in again.stderr) == (1, True)


async def test_an_export_is_in_the_audit_trail(recording: tuple[Path, str], tmp_path: Path) -> None:
    data, recording_id = recording
    assert (
        run("export", recording_id, str(tmp_path / "bag"), "--data", str(data), "--reason", "移送法院").returncode == 0
    )
    async with opened(Settings(data=data), SystemClock()) as found, found.reads() as db:
        entry = await db.scalar(select(AuditEntry).where(AuditEntry.action == "recording.export"))
    assert entry is not None
    assert (entry.subject_id, entry.reason) == (recording_id, "移送法院")


def test_verify_needs_no_server_code(tmp_path: Path) -> None:
    """It has to start at once on a machine that has nothing but the bag."""
    program = (
        "import sys; from signaling.__main__ import main; main(['verify', sys.argv[1]]); "
        "sys.exit(sum(name.split('.')[0] in {'aiohttp', 'sqlalchemy', 'pydantic', 'aiortc'} for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True)
    assert done.returncode == 0


def test_an_export_without_an_installation_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "x", str(tmp_path / "bag"), "--data", str(tmp_path)]) == 1
    assert "lawlink init" in capsys.readouterr().err


def test_an_unknown_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_keys(Settings(data=tmp_path / "data"))
    assert main(["export", "x", str(tmp_path / "bag"), "--data", str(tmp_path / "data")]) == 1
    assert capsys.readouterr().err.startswith("lawlink export: ")
    assert not (tmp_path / "bag").exists()


def test_a_password_is_reset_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "password").write_text("ein langes Passwort\n")
    flags = ["--district", "金水区", "--phone", "1", "--account", "chef", "--name", "张三"]
    data = ["--data", str(tmp_path / "data")]
    assert main(["init", *data, *flags, "--password-file", str(tmp_path / "password")]) == 0
    assert main(["people", "reset", "chef", *data]) == 0
    assert "/password/" in capsys.readouterr().out
    assert main(["people", "reset", "nobody", *data]) == 1
    assert "no account nobody" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert COMMANDS[name] in capsys.readouterr().out


def test_a_wrong_setting_is_a_wrong_usage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LAWLINK_PROT", "1")
    assert main(["serve"]) == 2
    assert "did you mean LAWLINK_PORT" in capsys.readouterr().err


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "nothing"]) == 2
    assert "benchmark" in capsys.readouterr().err


def test_a_benchmark_of_the_checkout_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "quick.py").write_text("import sys; sys.exit(3 if sys.argv[1:] == ['--json'] else 4)\n")
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path / "benchmarks")
    assert main(["bench", "quick", "--json"]) == 3
    assert main(["bench", "all"]) == 4
