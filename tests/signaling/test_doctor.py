import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from signaling import doctor
from signaling.__main__ import main
from signaling.doctor import Line
from signaling.key_files import make_keys
from signaling.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data=tmp_path / "data", tls=False, host="127.0.0.1", port=0)
    make_keys(made)
    return made


async def lines(settings: Settings) -> dict[str, Line]:
    return {line.part: line for line in await doctor.examine(settings)}


async def test_a_healthy_installation_has_nothing_bad(settings: Settings) -> None:
    found = await lines(settings)
    assert [line for line in found.values() if line.state == "bad"] == []
    assert found["database"].state == "ok"
    assert all(line.mend for line in found.values() if line.state != "ok")


async def test_without_keys_it_says_init_and_makes_nothing(tmp_path: Path) -> None:
    found = await lines(Settings(data=tmp_path / "data", port=0))
    assert (found["keys"].state, "lawlink init" in found["keys"].mend) == ("bad", True)
    assert found["database"].state == "bad"
    assert not (tmp_path / "data").exists()


async def test_a_broken_audit_trail_is_found(settings: Settings) -> None:
    assert (await lines(settings))["database"].state == "ok"
    database = sqlite3.connect(settings.data / "lawlink.sqlite3")
    database.execute("UPDATE audit_head SET seq = 5")
    database.commit()
    database.close()
    line = (await lines(settings))["database"]
    assert line.state == "bad"
    assert "audit trail is broken" in line.text


async def test_a_file_that_is_no_database_is_named(settings: Settings) -> None:
    (settings.data / "lawlink.sqlite3").write_bytes(b"no database" * 100)
    assert (await lines(settings))["database"].state == "bad"


def test_a_key_that_others_read_comes_with_its_chmod(settings: Settings) -> None:
    os.chmod(settings.seal_key_path, 0o640)
    line = doctor.check_keys(settings)
    assert (line.state, line.mend) == ("bad", f"chmod 600 {settings.seal_key_path}")


@pytest.mark.parametrize(
    ("check", "values", "state"),
    [
        (doctor.check_disk, {"disk_reserve_mb": 10**9}, "bad"),
        (doctor.check_certificate, {"host": "0.0.0.0", "tls": False}, "bad"),
        (doctor.check_certificate, {"tls": True}, "ok"),
        (doctor.check_media_addresses, {"media_hosts": ("127.0.0.1",)}, "warn"),
        (doctor.check_media_addresses, {"media_hosts": ("10.0.0.1",)}, "ok"),
        (doctor.check_media_port, {"media_port": 0}, "warn"),
    ],
)
def test_each_check_tells_well_from_unwell(
    settings: Settings, check: Callable[[Settings], Line], values: dict[str, object], state: str
) -> None:
    line = check(settings.model_copy(update=values))
    assert (line.state, bool(line.mend)) == (state, state != "ok")


@pytest.mark.parametrize(
    ("kind", "check", "name"),
    [
        (socket.SOCK_STREAM, doctor.check_web_port, "port"),
        (socket.SOCK_DGRAM, doctor.check_media_port, "media_port"),
    ],
)
def test_a_taken_port_is_named(
    settings: Settings, kind: socket.SocketKind, check: Callable[[Settings], Line], name: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        line = check(settings.model_copy(update={name: port}))
    assert line.state == "warn"
    assert str(port) in line.text


def test_the_command_fails_when_something_is_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--data", str(tmp_path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 11
    assert printed[0].startswith("✗ keys: ")
