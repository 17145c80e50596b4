"""The systemd unit: what the docs promise of it, and systemd's own opinion where that is installed."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "lawlink.service"
SYSTEMD = shutil.which("systemd-analyze")


def test_the_media_worker_outlives_a_server_that_is_always_started_again() -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    assert (service["Restart"], service["KillMode"]) == ("always", "process")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    # It would take the living worker's shared memory away.
    assert "RemoveIPC" not in service


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    assert SYSTEMD
    copy = tmp_path / UNIT.name
    # The one thing that no other machine has is the installed command.
    copy.write_text(UNIT.read_text().replace("/opt/lawlink/.venv/bin/lawlink serve", "/bin/true"))
    checked = subprocess.run([SYSTEMD, "verify", str(copy)], capture_output=True, text=True, timeout=30, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
