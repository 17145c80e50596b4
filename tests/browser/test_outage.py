"""Ten seconds without a network: the lawyer's browser sits in a network namespace whose only link is cut."""

import asyncio
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.stage import Demo, call_and_answer, demo, go_on_duty, log_in, register, sees
from tests.support.camera import CLERK, LAWYER, flags
from tests.support.media_page import CHROMIUM
from tests.support.pages import chromium

OUTAGE_S = 10.0
BACK_WITHIN_S = 3.0

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="cutting a network takes root and iproute2 (ip netns)"
    ),
]


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, f"{' '.join(command)}: {said.decode()}"


@dataclass(frozen=True, slots=True)
class Island:
    """A network namespace with one link to this machine, whose address there is `host`."""

    name: str
    host: str

    async def cut(self) -> None:
        await run("ip", "link", "set", f"{self.name}h", "down")

    async def mend(self) -> None:
        await run("ip", "link", "set", f"{self.name}h", "up")

    def browser(self, directory: Path) -> str:
        """An executable that is Chromium inside."""
        script = directory / "chromium-inside"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {CHROMIUM} "$@"\n', encoding="ascii")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return str(script)


@asynccontextmanager
async def island() -> AsyncIterator[Island]:
    number = os.getpid() % 250
    name, net = f"ll{number}", f"10.213.{number}"
    here = Island(name, f"{net}.1")
    await run("ip", "netns", "add", name)
    try:
        await run("ip", "link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}n", "netns", name)
        await run("ip", "address", "add", f"{net}.1/30", "dev", f"{name}h")
        await run("ip", "link", "set", f"{name}h", "up")
        await run("ip", "-n", name, "address", "add", f"{net}.2/30", "dev", f"{name}n")
        await run("ip", "-n", name, "link", "set", f"{name}n", "up")
        await run("ip", "-n", name, "link", "set", "lo", "up")
        yield here
    finally:
        await run("ip", "netns", "delete", name)


@asynccontextmanager
async def reachable_at(host: str, started: Demo) -> AsyncIterator[str]:
    """Passes TCP connections to `host` on to the demo, which listens on the loopback only; yields the address."""
    port = urlsplit(started.url).port
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        for pair in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.create_task(pump(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_consultation_resumes_by_itself_after_an_outage(tmp_path: Path) -> None:
    async with island() as inside, demo(tmp_path / "data") as started, reachable_at(inside.host, started) as url:
        secure = f"--unsafely-treat-insecure-origin-as-secure={url}"
        async with (
            chromium(*flags(tmp_path, CLERK)) as browser,
            chromium(*flags(tmp_path, LAWYER), secure, executable=inside.browser(tmp_path)) as other,
        ):
            station, _ = await log_in(browser, started, "station06")
            desk, _ = await log_in(other, started, "lawyer06", base_url=url)
            await go_on_duty(desk)
            await register(station)
            await call_and_answer(station, desk)
            await expect(station.get_by_text("录制中", exact=True)).to_be_visible()
            room = station.url
            await inside.cut()
            await asyncio.sleep(OUTAGE_S)
            await expect(station.get_by_text("断线").first).to_be_visible()
            await inside.mend()
            mended = time.monotonic()
            await asyncio.gather(sees(station, LAWYER), sees(desk, CLERK))
            took = time.monotonic() - mended
            assert took <= BACK_WITHIN_S, f"{took:.1f} s"
            assert station.url == room
            await expect(station.get_by_text("录制中", exact=True)).to_be_visible()
            await desk.get_by_label("下一条要点").fill("网络回来了。")
            await desk.get_by_role("button", name="发给来访人看").click()
            await expect(station.get_by_role("log").get_by_text("网络回来了。")).to_be_visible()
