import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from scheduler.errors import Invalid
from signaling.__main__ import main
from signaling.app import build_app
from signaling.installation import FirstPeople, NotEmpty, initialise
from signaling.key_files import KeysMissing, missing_keys
from signaling.secret_files import readable_by_others
from signaling.settings import Settings

FIRST = FirstPeople("金水区公共法律服务中心", "0371-1", "chef", "张三", "ein langes Passwort")
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def content(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def flags(directory: Path) -> list[str]:
    return [
        "init",
        "--data",
        str(directory),
        "--district",
        "金水区",
        "--phone",
        "1",
        "--account",
        "chef",
        "--name",
        "张三",
    ]


def test_init_makes_an_installation_and_says_what_to_back_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").write_text("ein langes Passwort\n")
    data = tmp_path / "data"
    assert main([*flags(data), "--password-file", str(tmp_path / "password")]) == 0
    told = capsys.readouterr().out
    assert str(data / "keys" / "master.key") in told
    assert "ein langes Passwort" not in told
    settings = Settings(data=data)
    assert missing_keys(settings) == []
    assert not readable_by_others(data)
    assert not any(readable_by_others(path) for path in settings.keys.iterdir())


def test_init_without_a_terminal_names_the_missing_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags(tmp_path / "data")) == 2
    assert "--password-file is missing" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_init_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "password").write_text("ein langes Passwort\n")
    arguments = [*flags(tmp_path / "data"), "--password-file", str(tmp_path / "password")]
    assert main(arguments) == 0
    before = (tmp_path / "data" / "keys" / "master.key").read_bytes()
    assert main(arguments) == 1
    assert "not empty" in capsys.readouterr().err
    assert (tmp_path / "data" / "keys" / "master.key").read_bytes() == before


async def test_a_refused_account_leaves_nothing_behind(tmp_path: Path) -> None:
    first = FirstPeople("金水区", "", "Ä", "张三", "ein langes Passwort")
    with pytest.raises(Invalid) as caught:
        await initialise(Settings(data=tmp_path), first, NOW)
    assert list(caught.value.fields) == ["account"]
    assert content(tmp_path) == []


async def test_a_short_password_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    first = FirstPeople("金水区", "", "chef", "张三", "kurz")
    with pytest.raises(Invalid):
        await initialise(Settings(data=tmp_path / "data"), first, NOW)
    assert not (tmp_path / "data").exists()


async def test_a_database_in_use_is_refused(tmp_path: Path) -> None:
    await initialise(Settings(data=tmp_path / "one"), FIRST, NOW)
    url = f"sqlite+aiosqlite:///{tmp_path / 'one' / 'lawlink.sqlite3'}"
    with pytest.raises(NotEmpty, match="LAWLINK_DATABASE_URL"):
        await initialise(Settings(data=tmp_path / "two", database_url=SecretStr(url)), FIRST, NOW)
    assert content(tmp_path / "two") == []


async def test_the_server_does_not_start_without_its_keys(tmp_path: Path) -> None:
    await initialise(Settings(data=tmp_path), FIRST, NOW)
    (tmp_path / "keys" / "identity.key").unlink()
    runner = web.AppRunner(build_app(Settings(data=tmp_path)))
    with pytest.raises(KeysMissing, match=r"identity\.key is missing"):
        await runner.setup()


async def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    await initialise(Settings(data=tmp_path), FIRST, NOW)
    os.chmod(tmp_path / "keys" / "identity.key", 0o644)
    runner = web.AppRunner(build_app(Settings(data=tmp_path)))
    with pytest.raises(KeysMissing, match="chmod 600"):
        await runner.setup()


def test_serve_without_init_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--data", str(tmp_path)]) == 1
    assert "lawlink init" in capsys.readouterr().err
