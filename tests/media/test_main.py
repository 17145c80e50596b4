"""The worker as a process: flags, sockets, and its end."""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from media.__main__ import UsageError, main, parser, tls_context
from tests.support.media_worker import worker_process


def test_help_names_every_flag() -> None:
    text = parser().format_help()
    for flag in ("--control", "--host", "--public", "--port", "--journals", "--max-rooms", "--max-peers"):
        assert flag in text


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--control", "nowhere"], "unix:PATH or tcp:HOST:PORT"),
        (["--control", "tcp:0.0.0.0:0"], "mutual TLS"),
        (["--control", "tcp:localhost:x"], "tcp:ADDRESS:PORT"),
        (["--control", "unix:/"], "not a socket"),
        (["--control", "unix:/tmp/none", "--host", "nobody"], "--host"),
        (["--control", "tcp:127.0.0.1:0", "--control-ca", "ca.pem"], "belong together"),
    ],
)
def test_useless_flags_end_with_words_and_status_2(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--host", "127.0.0.1"]) == 2
    assert words in capsys.readouterr().err


def test_control_is_asked_for() -> None:
    with pytest.raises(SystemExit):
        main([])


async def test_process_serves_privately_and_ends_on_sigterm(tmp_path: Path) -> None:
    async with worker_process(tmp_path) as (process, control, ready):
        health = await control.call("GET", "/v1/health")
        assert health["boot_id"] == ready["boot_id"] and health["udp"] == ready["udp"]
        assert (tmp_path / "control").stat().st_mode & 0o777 == 0o600
        await control.call("PUT", "/v1/rooms/r", {})
        await control.call("POST", "/v1/rooms/r/participants/clerk/peers", {})
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_socket_of_a_killed_worker_is_taken_over(tmp_path: Path) -> None:
    async with worker_process(tmp_path) as (process, _, _):
        process.kill()
        await process.wait()
    assert (tmp_path / "control").exists()
    async with worker_process(tmp_path) as (_, control, _):
        assert (await control.call("GET", "/v1/health"))["rooms"] == 0


async def test_tcp_on_loopback_tells_its_port(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "media", "--control", "tcp:127.0.0.1:0", "--host", "127.0.0.1"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 15)
    assert b'"control": "tcp:127.0.0.1:' in line and b':0"' not in line
    process.terminate()
    await process.wait()


def test_mutual_tls_asks_for_the_servers_certificate(tmp_path: Path) -> None:
    assert tls_context(None, None) is None
    with pytest.raises(UsageError):
        tls_context(tmp_path / "a", None)
    both = tmp_path / "both.pem"
    subject = ["-subj", "/CN=worker", "-keyout", str(both), "-out", str(tmp_path / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(both.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    context = tls_context(both, tmp_path / "cert.pem")
    assert context is not None and context.verify_mode is ssl.CERT_REQUIRED


async def test_it_ends_when_no_server_calls(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "media", "--control", f"unix:{tmp_path / 'c'}", "--host", "127.0.0.1", "--abandon-after", "0.1"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert b"no server has called" in said
