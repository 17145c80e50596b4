"""`lawlink bench consultation`: what people wait for, in real Chromium: the answered call, sealing, the start.

An answer runs from the click on 「接听」 to the later of the two first pictures: the first frame that each video of
the other side presents (`requestVideoFrameCallback`), in each page's own clock, which is the machine's.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from benchmarks.support.results import publish
from tests.browser.stage import call_and_answer, drained, go_on_duty, log_in, people, register, start_demo

TARGETS = {
    "answer_median_s": 1.0,
    "answer_p95_s": 1.5,
    "sealed_after_s": 5.0,
    "idle_mb": 250,
    "second_start_s": 5.0,
}
WATCH = """
(() => {
  window.firstPicture = 0;
  window.pressed = 0;
  const now = () => performance.timeOrigin + performance.now();
  addEventListener("click", event => {
    if (event.target.closest("button")?.innerText.includes("接听")) window.pressed = now();
  }, true);
  const seen = new WeakSet();
  const look = () => {
    for (const video of document.querySelectorAll('video[aria-label="对方画面"]')) {
      if (seen.has(video)) continue;
      seen.add(video);
      video.requestVideoFrameCallback(() => { window.firstPicture ||= now(); });
    }
  };
  new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true});
})();
"""


async def answered(station: Page, desk: Page) -> float:
    """Seconds from the press to the later of the two first pictures."""
    await call_and_answer(station, desk)
    pressed = await desk.evaluate("window.pressed")
    pictures = [await page.evaluate("window.firstPicture") for page in (station, desk)]
    return float(max(pictures) - pressed) / 1000


async def finish(desk: Page) -> None:
    await desk.get_by_role("button", name="结束会话").click()
    await desk.get_by_role("dialog").get_by_role("button", name="结束会话").click()
    await desk.get_by_label("答复意见").fill("已答复。")
    await desk.get_by_label("已告知法律援助权利").check()
    await desk.get_by_label("处理结果").select_option(label="当场答复")
    await desk.get_by_role("button", name="办结").click()


async def answer_times(url_owner: Any, directory: Path, runs: int) -> list[float]:
    """Fresh pages each time: nothing is warm but the server."""
    times = []
    async with people(directory) as (browser, other):
        for _ in range(runs):
            station, _ = await log_in(browser, url_owner, "station01")
            desk, _ = await log_in(other, url_owner, "lawyer01")
            for page in (station, desk):
                await page.add_init_script(WATCH)
            await asyncio.gather(station.goto("/station"), desk.goto("/lawyer"))
            await go_on_duty(desk)
            await register(station)
            times.append(await answered(station, desk))
            await finish(desk)
            await station.context.close()
            await desk.context.close()
    return sorted(times)


async def sealing_time(started: Any, directory: Path, length_s: float) -> float:
    """Seconds from the confirmed end of a consultation of `length_s` to its sealed bag."""
    async with people(directory) as (browser, other):
        station, _ = await log_in(browser, started, "station02")
        desk, _ = await log_in(other, started, "lawyer02")
        await go_on_duty(desk)
        await register(station)
        await call_and_answer(station, desk)
        await asyncio.sleep(length_s)
        await desk.get_by_role("button", name="结束会话").click()
        await desk.get_by_role("dialog").get_by_role("button", name="结束会话").click()
        ended = time.monotonic()
        while not await asyncio.to_thread(newest_is_sealed, started.directory):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        return time.monotonic() - ended


def newest_is_sealed(directory: Path) -> bool:
    uri = f"file:{directory / 'lawlink.sqlite3'}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        row = database.execute("SELECT state, duration_s FROM recording ORDER BY id DESC LIMIT 1").fetchone()
    return row is not None and row[0] in ("sealed", "incomplete") and row[1] > 30


def resident_mb(pids: list[int]) -> float:
    """Proportional set size: what is shared counts once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def children(directory: Path) -> list[int]:
    """Pids of the media worker, by its control socket's path."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"unix:{directory}".encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


async def run(runs: int, length_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        data = directory / "data"
        async with drained(await start_demo(data)) as first:
            await asyncio.sleep(3)
            idle = resident_mb([first.process.pid, *children(data)])
            times = await answer_times(first, directory, runs)
            sealed = await sealing_time(first, directory, length_s)
        begun = time.monotonic()
        async with drained(await start_demo(data)):
            second = time.monotonic() - begun
    return {
        "runs": runs,
        "answer_median_s": round(statistics.median(times), 3),
        "answer_p95_s": round(times[min(runs - 1, int(0.95 * runs))], 3),
        "answer_min_s": round(times[0], 3),
        "answer_max_s": round(times[-1], 3),
        "consultation_s": length_s,
        "sealed_after_s": round(sealed, 2),
        "idle_mb": round(idle, 1),
        "second_start_s": round(second, 2),
        "load_average": os.getloadavg()[0],
        "targets": TARGETS,
    }


def main(arguments: list[str] | None = None) -> int:
    flags = argparse.ArgumentParser(prog="lawlink bench consultation", description=__doc__)
    flags.add_argument("--runs", type=int, default=20, metavar="N")
    flags.add_argument("--length", type=float, default=60.0, metavar="SECONDS")
    flags.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = flags.parse_args(arguments)
    publish("consultation", asyncio.run(run(chosen.runs, chosen.length)), chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
