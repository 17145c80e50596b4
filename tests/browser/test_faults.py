"""What goes wrong in a consultation, and how it goes on: killed processes, no camera, two windows, double presses."""

import asyncio
import os
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.stage import (
    Demo,
    call_and_answer,
    demo,
    drained,
    go_on_duty,
    log_in,
    people,
    register,
    sees,
    start_demo,
    until,
)
from tests.support.camera import CLERK, LAWYER
from tests.support.media_page import FLAGS
from tests.support.pages import chromium

pytestmark = pytest.mark.browser


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def talking(started: Demo, directory: Path) -> AsyncIterator[tuple[Page, Page]]:
    """Station 05 and lawyer 05 in a recorded consultation."""
    async with people(directory) as (browser, other):
        station, _ = await log_in(browser, started, "station05")
        desk, _ = await log_in(other, started, "lawyer05")
        await go_on_duty(desk)
        await register(station)
        await call_and_answer(station, desk)
        await expect(station.get_by_text("录制中", exact=True)).to_be_visible()
        yield station, desk


async def both_see(station: Page, desk: Page, within_s: float) -> None:
    await asyncio.gather(sees(station, LAWYER, within_s=within_s), sees(desk, CLERK, within_s=within_s))


async def end(desk: Page) -> None:
    await desk.get_by_role("button", name="结束会话").click()
    await desk.get_by_role("dialog").get_by_role("button", name="结束会话").click()
    await desk.get_by_label("答复意见").wait_for()


async def sealed(directory: Path) -> dict[str, Any]:
    """The row of the only recording, once it is sealed."""

    async def read() -> Any:
        return await asyncio.to_thread(_recording, directory)

    row: dict[str, Any] = await until(read, lambda row: row["state"] in ("sealed", "incomplete"), 30)
    return row


def _recording(directory: Path) -> dict[str, Any] | None:
    with sqlite3.connect(f"file:{directory / 'lawlink.sqlite3'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        row = database.execute("SELECT * FROM recording").fetchone()
    database.close()
    return None if row is None else dict(row)


async def worker_pid(directory: Path) -> int:
    """The worker's process, by its control socket."""
    found = await asyncio.create_subprocess_exec(
        "pgrep", "-f", f"media --control unix:{directory}", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await found.communicate()
    return int(said.split()[0])


async def test_a_killed_server_comes_back_and_the_consultation_goes_on(tmp_path: Path) -> None:
    port = free_port()
    first = await start_demo(tmp_path / "data", port)
    async with drained(first):
        async with talking(first, tmp_path) as (station, desk):
            room = station.url
            await first.stop(signal.SIGKILL)
            await sees(station, LAWYER)  # The worker relays on without a server.
            second = await start_demo(tmp_path / "data", port)
            async with drained(second):
                await expect(station.get_by_text("录制中", exact=True)).to_be_visible(timeout=20_000)
                await both_see(station, desk, 10)
                assert station.url == room
                await desk.get_by_label("下一条要点").fill("服务器回来了。")
                await desk.get_by_role("button", name="发给来访人看").click()
                await expect(station.get_by_role("log").get_by_text("服务器回来了。")).to_be_visible()
                await end(desk)
                row = await sealed(tmp_path / "data")
                assert row["duration_s"] > 2


async def test_a_killed_worker_comes_back_and_loses_at_most_a_second(tmp_path: Path) -> None:
    async with demo(tmp_path / "data") as started, talking(started, tmp_path) as (station, desk):
        await asyncio.sleep(3)  # Something to lose.
        os.kill(await worker_pid(tmp_path / "data"), signal.SIGKILL)
        await expect(station.get_by_text("录制已暂停", exact=True)).to_be_visible()
        await expect(station.get_by_text("录制中", exact=True)).to_be_visible(timeout=10_000)
        await both_see(station, desk, 10)
        await end(desk)
        row = await sealed(tmp_path / "data")
        assert row["state"] == "incomplete" or row["expected_s"] - row["duration_s"] < 1.1
        assert row["duration_s"] >= 3 - 1.1


async def test_a_full_disk_stops_the_recording_for_everybody_to_see(tmp_path: Path) -> None:
    """The reserve is set above what the disk has: the same refusal as a disk that is full."""
    os.environ["LAWLINK_DISK_RESERVE_MB"] = str(1 << 30)
    try:
        started = await start_demo(tmp_path / "data")
    finally:
        del os.environ["LAWLINK_DISK_RESERVE_MB"]
    async with drained(started), people(tmp_path) as (browser, other):
        station, _ = await log_in(browser, started, "station05")
        desk, _ = await log_in(other, started, "lawyer05")
        await go_on_duty(desk)
        await register(station)
        await call_and_answer(station, desk)
        await expect(station.get_by_text("录制已停止", exact=True)).to_be_visible()
        await expect(desk.get_by_text("录制已停止", exact=True)).to_be_visible()
        assert not [path for path in (tmp_path / "data" / "journals").rglob("*") if path.is_file()]


async def test_a_second_window_takes_over_and_the_first_says_so(tmp_path: Path) -> None:
    async with demo(tmp_path / "data") as started, talking(started, tmp_path) as (station, desk):
        other = await station.context.new_page()
        await other.goto("/station")
        await sees(other, LAWYER)
        await expect(station.get_by_role("button", name="在这里继续")).to_be_visible()
        await station.get_by_role("button", name="在这里继续").click()
        await both_see(station, desk, 10)
        await expect(other.get_by_role("button", name="在这里继续")).to_be_visible()


async def test_pressing_twice_acts_once(tmp_path: Path) -> None:
    async with demo(tmp_path / "data") as started, people(tmp_path) as (browser, other):
        station, _ = await log_in(browser, started, "station05")
        desk, _ = await log_in(other, started, "lawyer05")
        await go_on_duty(desk)
        await register(station)
        await station.get_by_role("button", name="呼叫律师").dblclick()
        await desk.get_by_role("button", name="接听").wait_for()
        await asyncio.sleep(0.5)  # The dialog swallows presses for 400 ms.
        await desk.get_by_role("button", name="接听").dblclick()
        await both_see(station, desk, 15)
        await desk.get_by_label("下一条要点").fill("只发一次。")
        await desk.get_by_role("button", name="发给来访人看").dblclick()
        await expect(station.get_by_role("log").get_by_text("只发一次。")).to_have_count(1)
        await desk.get_by_role("button", name="结束会话").dblclick()
        await desk.get_by_role("dialog").get_by_role("button", name="结束会话").dblclick()
        await desk.get_by_label("答复意见").fill("已答复。")
        await desk.get_by_label("已告知法律援助权利").check()
        await desk.get_by_label("处理结果").select_option(label="当场答复")
        await desk.get_by_role("button", name="办结").dblclick()
        await expect(station.get_by_role("link", name="打印咨询记录")).to_be_visible()
        assert (
            await asyncio.to_thread(
                _count,
                tmp_path / "data",
                "consultation WHERE state = 'closed' AND mode = 'video'"
                " AND created_at > datetime('now', '-10 minutes')",
            )
            == 1
        )


def _count(directory: Path, what: str) -> int:
    with sqlite3.connect(f"file:{directory / 'lawlink.sqlite3'}?mode=ro", uri=True) as database:
        (count,) = database.execute(f"SELECT count(*) FROM {what}").fetchone()
    database.close()
    return int(count)


DENIED = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"]
ABSENT = ["--use-fake-ui-for-media-stream"]


@pytest.mark.parametrize(("extra", "word"), [(DENIED, "允许"), (ABSENT, "没找到")], ids=["denied", "absent"])
async def test_without_a_camera_the_page_helps_and_the_talk_goes_on(
    tmp_path: Path, extra: list[str], word: str
) -> None:
    without = tuple(flag for flag in FLAGS if "fake" in flag)
    async with demo(tmp_path / "data") as started:
        async with chromium(*extra, without=without) as browser, people(tmp_path) as (_, other):
            station, _ = await log_in(browser, started, "station05")
            desk, _ = await log_in(other, started, "lawyer05")
            await go_on_duty(desk)
            await register(station)
            await station.get_by_role("button", name="呼叫律师").click()
            await desk.get_by_role("button", name="接听").wait_for()
            await asyncio.sleep(0.5)  # The dialog swallows presses for 400 ms.
            await desk.get_by_role("button", name="接听").click()
            await sees(station, LAWYER)
            await expect(station.locator("body")).to_contain_text(word)
            await desk.get_by_label("下一条要点").fill("听得见吗？")
            await desk.get_by_role("button", name="发给来访人看").click()
            await expect(station.get_by_role("log").get_by_text("听得见吗？")).to_be_visible()
