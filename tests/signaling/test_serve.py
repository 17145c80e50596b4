"""The server as a process: https by its own authority, the demo, and an orderly end."""

import asyncio
import contextlib
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from signaling.__main__ import main
from tests.support.server import Browser

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0


@asynccontextmanager
async def process(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`lawlink` with these words; interrupted, then waited for."""
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "signaling", *words, cwd=ROOT, stdout=pipe, stderr=pipe
    )
    try:
        yield running
        running.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(running.communicate(), START_S)
        assert running.returncode == 0, errors.decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.communicate()


async def line_with(stream: asyncio.StreamReader | None, pattern: str) -> str:
    assert stream is not None
    async with asyncio.timeout(START_S):
        async for line in stream:
            found = re.search(pattern, line.decode())
            if found:
                return found.group(1)
    raise AssertionError(f"the process ended without {pattern}")


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("ein langes Passwort\n")
    flags = ["--district", "金水区", "--phone", "1", "--account", "chef", "--name", "张三"]
    data = tmp_path / "data"
    assert main(["init", "--data", str(data), *flags, "--password-file", str(tmp_path / "password")]) == 0
    return data


async def test_the_first_administrator_logs_in_over_https(installation: Path) -> None:
    arguments = ["--data", str(installation), "--host", "127.0.0.1", "--port", "0"]
    async with process("serve", *arguments) as running:
        base = URL(await line_with(running.stderr, r'serving (https://[^"]+)"'))
        authority = installation / "tls" / "ca.crt"
        trusting = ssl.create_default_context(cafile=str(authority))
        async with ClientSession(base, connector=TCPConnector(ssl=trusting)) as client:
            async with client.get("/ca.crt") as response:
                assert await response.read() == await asyncio.to_thread(authority.read_bytes)
            body = {"account": "chef", "password": "ein langes Passwort"}
            async with client.post("/api/login", json=body, headers={"Origin": str(base.origin())}) as response:
                assert (response.status, (await response.json())["home"]) == (200, "/admin")
                assert "Secure" in response.headers["Set-Cookie"]


async def test_a_port_in_use_is_named(installation: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        pipe = asyncio.subprocess.PIPE
        words = ["serve", "--data", str(installation), "--host", "127.0.0.1", "--port", str(port)]
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "signaling", *words, cwd=ROOT, stdout=pipe, stderr=pipe
        )
        _, errors = await asyncio.wait_for(running.communicate(), START_S)
    assert running.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors.decode()


async def test_the_demo_prints_what_is_needed_and_comes_back_as_it_was(tmp_path: Path) -> None:
    arguments = ["demo", "--data", str(tmp_path / "demo"), "--port", "0"]
    passwords = []
    for _ in range(2):
        async with process(*arguments) as running:
            base = URL(await line_with(running.stdout, r"(http://127\.0\.0\.1:\d+)"))
            assert await line_with(running.stdout, r"(lawyer01 … lawyer06)")
            passwords.append(await line_with(running.stdout, r"password: (\S+)"))
            async with Browser(base) as browser:
                for account, home in (("station17", "/station"), ("lawyer06", "/lawyer"), ("auditor01", "/audit")):
                    answer = await browser.log_in(account, passwords[-1])
                    assert (answer.status, answer.json["home"]) == (200, home)
    assert passwords[0] == passwords[1]


async def test_a_chosen_demo_password_replaces_the_printed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAWLINK_DEMO_PASSWORD", "von-Hand-gewählt")
    async with process("demo", "--data", str(tmp_path / "demo"), "--port", "0") as running:
        base = URL(await line_with(running.stdout, r"(http://127\.0\.0\.1:\d+)"))
        async with Browser(base) as browser:
            assert (await browser.log_in("station01", "von-Hand-gewählt")).status == 200


def test_the_demo_keeps_away_from_a_real_installation(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--data", str(installation), "--port", "0"]) == 1
    assert "not empty" in capsys.readouterr().err
