"""The stage of the browser tests: the demo server as a process of its own, and people in real Chromium."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.support.camera import CLERK, LAWYER, Colour, Look, flags
from tests.support.pages import DESK, Troubles, chromium

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = Path(tempfile.mkdtemp(prefix="lawlink-demo-")) / "data"
PASSWORD = "demo-password-2026"
START_S = 60.0
TOLERANCE = 40
"""Per colour channel, after VP8."""

PROBE = """(video) => {
  if (!video.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(video, 0, 0);
  const at = (x, y) => [...context.getImageData(x * canvas.width | 0, y * canvas.height | 0, 1, 1).data].slice(0, 3);
  let counter = 0;
  for (let bit = 0; bit < 8; bit++) counter = counter * 2 + (at((bit + 0.5) / 8, 20 / 360)[0] > 128 ? 1 : 0);
  return {colours: [at(0.25, 0.35), at(0.75, 0.35), at(0.25, 0.75), at(0.75, 0.75)], counter};
}"""
TONE = """async (stream) => {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 16384;
  context.createMediaStreamSource(stream).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  let best = 0;
  for (const end = performance.now() + 3000; performance.now() < end; ) {
    await new Promise(done => setTimeout(done, 100));
    analyser.getFloatFrequencyData(bins);
    best = bins.reduce((peak, level, index) => level > bins[peak] ? index : peak, 0);
    if (bins[best] > -45) break;
  }
  await context.close();
  return {hertz: best * context.sampleRate / analyser.fftSize, db: bins[best]};
}"""


@dataclass(slots=True)
class Demo:
    """`lawlink demo` with data in `directory`."""

    directory: Path
    url: str
    process: asyncio.subprocess.Process

    async def stop(self, how: int = signal.SIGINT) -> None:
        if self.process.returncode is None:
            self.process.send_signal(how)
        await self.process.wait()


async def start_demo(directory: Path, port: int = 0) -> Demo:
    """Starts on what lies in `directory`; an empty one gets a copy of the filled demo district, made once a run."""
    await asyncio.to_thread(_copy_template, directory)
    return await _start(directory, port)


def _copy_template(directory: Path) -> None:
    if not directory.exists() and TEMPLATE.exists():
        shutil.copytree(TEMPLATE, directory)


async def fill_template() -> None:
    """The demo's first start fills the district, which takes seconds: all tests start from a copy."""
    await (await _start(TEMPLATE, 0)).stop()


async def _start(directory: Path, port: int) -> Demo:
    environment = {**os.environ, "LAWLINK_DEMO_PASSWORD": PASSWORD, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "signaling", "demo", "--port", str(port), "--data", str(directory)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=ROOT,
    )
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(START_S):
        while not (found := re.search(rb"http://[0-9.:]+", said)):
            line = await process.stdout.readline()
            assert line, said.decode()
            said += line
    return Demo(directory, found.group().decode(), process)


@asynccontextmanager
async def drained(started: Demo) -> AsyncIterator[Demo]:
    """Reads away what it prints, and ends it."""
    drain = asyncio.create_task(_drain(started))
    try:
        yield started
    finally:
        await started.stop()
        await drain


@asynccontextmanager
async def demo(directory: Path) -> AsyncIterator[Demo]:
    async with drained(await start_demo(directory)) as started:
        yield started


async def _drain(started: Demo) -> None:
    assert started.process.stdout is not None
    while line := await started.process.stdout.readline():
        print(line.decode().rstrip())


async def lawlink(*arguments: str, directory: Path | None = None) -> tuple[int, str]:
    """The command line; returns the exit code and what it printed."""
    environment = dict(os.environ) | ({"LAWLINK_DATA": str(directory)} if directory else {})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "signaling", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=ROOT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@asynccontextmanager
async def people(directory: Path) -> AsyncIterator[tuple[Browser, Browser]]:
    """Two browsers with their own camera and microphone: the station's and the lawyer's."""
    async with chromium(*flags(directory, CLERK)) as station, chromium(*flags(directory, LAWYER)) as desk:
        yield station, desk


async def log_in(browser: Browser, demo: Demo, account: str, **options: Any) -> tuple[Page, Troubles]:
    context = await browser.new_context(**{"viewport": DESK, "base_url": demo.url, **options})
    page = await context.new_page()
    troubles = Troubles(page)
    await page.goto("/login")
    await page.get_by_label("账号").fill(account)
    await page.get_by_label("密码", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_url(lambda url: not url.endswith("/login"))
    return page, troubles


async def register(station: Page, recording: str = "同意录音录像", category: str = "合同借贷") -> None:
    """「新来访」 up to the answer about recording; the lawyer is not called yet."""
    await station.get_by_role("button", name="新来访").first.click()
    await station.get_by_label("姓名").fill("张桂兰")
    await station.get_by_label("联系电话").fill("13812340126")
    await station.get_by_label("事项类别").select_option(label=category)
    await station.get_by_label("基本情况").fill("邻居借走三万元，到期不还。")
    await station.get_by_label(recording, exact=True).check()


async def go_on_duty(desk: Page) -> None:
    await desk.get_by_role("button", name="上线").click()
    await expect(desk.get_by_role("button", name="上线")).to_have_attribute("aria-pressed", "true")


async def call_and_answer(station: Page, desk: Page) -> float:
    """「呼叫律师」 and 「接听」; returns the seconds from that press until both see the other side move."""
    await station.get_by_role("button", name="呼叫律师").click()
    answer = desk.get_by_role("button", name="接听")
    await answer.wait_for()
    await asyncio.sleep(0.5)  # The dialog swallows presses for 400 ms, so that typing cannot answer.
    start = time.monotonic()
    await answer.click()
    await asyncio.gather(sees(station, LAWYER), sees(desk, CLERK))
    return time.monotonic() - start


def near(found: list[int], wanted: Colour) -> bool:
    return all(abs(a - b) <= TOLERANCE for a, b in zip(found, wanted, strict=True))


async def until(read: Callable[[], Awaitable[Any]], good: Callable[[Any], bool], within_s: float = 15.0) -> Any:
    """Polls `read` until `good`; AssertionError with the last value."""
    deadline = time.monotonic() + within_s
    while True:
        value = await read()
        if value is not None and good(value):
            return value
        assert time.monotonic() < deadline, f"last seen: {value}"
        await asyncio.sleep(0.02)


async def sees(page: Page, look: Look, label: str = "对方画面", within_s: float = 15.0) -> int:
    """Waits until the video with this label shows `look`, moving; returns the frame counter last seen."""
    video = page.locator(f'video[aria-label="{label}"]')
    await video.wait_for(state="attached")

    async def read() -> Any:
        return await video.evaluate(PROBE)

    def shows(seen: Any) -> bool:
        return all(near(found, wanted) for found, wanted in zip(seen["colours"], look.colours, strict=True))

    first = await until(read, shows, within_s)
    moved = await until(read, lambda seen: shows(seen) and seen["counter"] != first["counter"], within_s)
    return int(moved["counter"])


async def hears(page: Page, look: Look) -> None:
    """The remote sound is `look`'s tone: right to 15 Hz and louder than −45 dB."""
    heard = await page.evaluate(
        f"""async () => {{
          const stream = [...document.querySelectorAll("audio, video")]
            .filter(element => element.getAttribute("aria-label") !== "本机画面").map(element => element.srcObject)
            .find(source => source && source.getAudioTracks().length);
          return stream ? await ({TONE})(new MediaStream(stream.getAudioTracks())) : null;
        }}"""
    )
    assert heard is not None, "no remote sound"
    assert abs(heard["hertz"] - look.hertz) <= 15, heard
    assert heard["db"] > -45, heard
