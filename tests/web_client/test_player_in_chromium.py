"""The replay plays: tracks together, seeks, speeds, gaps, notes, and an honest account of what was watched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.support.clips import picture, tone
from tests.support.eventually import eventually, eventually_async
from tests.support.page_stand import Stand
from tests.support.pages import chromium, person
from tests.web_client import answers

pytestmark = pytest.mark.browser

ROOT = "/api/audit/replays/x1"
CLIPS = ("blue.webm", "green.webm", "brown.webm", "tone.webm")
# Positions of every element that shows something, on the recording's clock, and the clock's own.
POSITIONS = """() => {
  const at = Number(document.getElementById('position').value);
  const playing = [...document.querySelectorAll('video, audio')].filter((e) => e.src && !e.paused && e.readyState >= 3);
  return {at, elements: playing.map((e) => e.currentTime)};
}"""


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("clips")
    for name, colour in {"blue": (40, 60, 200), "green": (40, 160, 60), "brown": (150, 100, 40)}.items():
        picture(directory / f"{name}.webm", 4, colour)
    tone(directory / "tone.webm", 4)
    return directory


@asynccontextmanager
async def replay(
    clips: Path, path: str = "/audit/replay/x1", replies: dict[str, Any] | None = None
) -> AsyncIterator[tuple[Stand, Page]]:
    async def media(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(clips / request.match_info["tail"], headers={"Cache-Control": "no-store"})

    stand = Stand()
    stand.replies |= {
        f"GET {ROOT}": deepcopy(answers.MANIFEST),
        f"GET {ROOT}/notes": {"items": answers.NOTES, "next": None},
        f"POST {ROOT}/check": answers.CHECK,
        f"POST {ROOT}/spans": {},
        **{f"GET /media/{file}": media for file in CLIPS},
        **(replies or {}),
    }
    async with stand.running(), chromium() as browser:
        context = await person(browser, stand, "auditor")
        page = await context.new_page()
        await page.goto(path)
        await page.get_by_role("button", name="播放", exact=True).wait_for()
        yield stand, page


async def position(page: Page) -> float:
    return float(await page.locator("#position").input_value())


async def test_all_tracks_play_together_through_a_gap_to_the_end(clips: Path) -> None:
    async with replay(clips) as (_, page):
        await page.get_by_role("button", name="播放", exact=True).click()
        spread: list[float] = []

        async def passed_three_seconds() -> bool:
            seen = await page.evaluate(POSITIONS)
            if seen["at"] > 2.5 and len(seen["elements"]) >= 3:
                # The document camera's part starts at 2 s; the others' at 0.
                times = [at if abs(at - seen["at"]) < 1 else at + 2 for at in seen["elements"]]
                spread.append(max(times) - min(times))
            return bool(seen["at"] > 3.5)

        await eventually_async(passed_three_seconds)
        assert spread
        assert sorted(spread)[len(spread) // 2] < 0.3
        await expect(page.locator("#empty-here")).to_contain_text("断线")
        await page.get_by_role("button", name="跳到有录像的地方").click()
        assert await position(page) >= 6
        await page.get_by_label("播放速度").select_option("2")
        await expect(page.get_by_role("button", name="播放", exact=True)).to_be_visible(timeout=10_000)
        assert await position(page) == 11


async def test_pause_stands_still_and_seeking_shows_that_moment(clips: Path) -> None:
    async with replay(clips, "/audit/replay/x1?t=2.5") as (_, page):
        slider = page.get_by_role("slider", name="进度")
        assert await position(page) == 2.5
        video = page.locator("video[aria-label='律师画面']")

        async def shows() -> bool:
            at = await video.evaluate("v => v.readyState >= 2 && Math.abs(v.currentTime - 2.5) < 0.1")
            return bool(at)

        await eventually_async(shows)
        await slider.focus()
        for key, wanted in [("ArrowRight", 3.5), ("ArrowLeft", 2.5), ("PageUp", 11), ("PageDown", 0), ("End", 11)]:
            await slider.press(key)
            assert await position(page) == wanted, key
        await slider.press("Home")
        await expect(slider).to_have_attribute("aria-valuetext", "0 秒，共 11 秒")
        await page.get_by_role("button", name="前进 15 秒").click()
        assert await position(page) == 11
        assert page.url.endswith("?t=11.0")


async def test_what_was_watched_is_reported_and_only_that(clips: Path) -> None:
    async with replay(clips) as (stand, page):
        await page.get_by_role("button", name="播放", exact=True).click()

        async def played() -> bool:
            return await position(page) > 1

        await eventually_async(played)
        await page.get_by_role("button", name="暂停", exact=True).click()
        await page.locator("#position").press("End")
        await page.goto("about:blank")
        await eventually(lambda: bool(stand.sent(f"POST {ROOT}/spans")))
        spans = [span for body in stand.sent(f"POST {ROOT}/spans") for span in body["spans"]]
        assert spans[0]["from_s"] < 0.3
        assert 1 <= spans[-1]["to_s"] < 4
        assert all(span["to_s"] > span["from_s"] for span in spans)


async def test_notes_are_made_at_the_moment_writing_began(clips: Path) -> None:
    note = {"id": "n9", "at_s": 3.0, "text": "答复清楚。", "by": "郑宏", "made_at": "2025-11-23T08:00:00Z"}
    async with replay(clips, "/audit/replay/x1?t=3", replies={f"POST {ROOT}/notes": note}) as (stand, page):
        await expect(page.locator("#tab-notes")).to_have_text("批注 2")
        await page.get_by_role("slider", name="进度").press("n")
        await expect(page.get_by_label("批注", exact=True)).to_be_focused()
        await page.get_by_label("批注", exact=True).fill("答复清楚。")
        await page.get_by_role("button", name="记下", exact=True).click()
        await expect(page.locator("#tab-notes")).to_have_text("批注 3")
        (sent,) = stand.sent(f"POST {ROOT}/notes")
        assert (sent["at_s"], sent["text"]) == (3, "答复清楚。")
        assert len(sent["key"]) >= 8
        timeline = page.get_by_role("region", name="时间线")
        await timeline.get_by_role("button", name="0:07 批注：已告知法律援助权利。").click()
        assert await position(page) == 7


async def test_only_own_notes_can_be_deleted_and_that_can_be_undone(clips: Path) -> None:
    again = {**answers.NOTES[0], "id": "n3"}
    replies = {f"DELETE {ROOT}/notes/n1": {}, f"POST {ROOT}/notes": again}
    async with replay(clips, replies=replies) as (stand, page):
        await expect(page.get_by_role("button", name="删掉这条批注")).to_have_count(1)
        await page.get_by_role("button", name="删掉这条批注").click()
        await expect(page.locator("#notes li")).to_have_count(1)
        await page.get_by_role("button", name="撤销").click()
        await expect(page.locator("#notes li")).to_have_count(2)
        assert stand.sent(f"POST {ROOT}/notes")[0]["text"] == answers.NOTES[0]["text"]


async def test_events_and_gaps_are_buttons_on_the_timeline(clips: Path) -> None:
    async with replay(clips) as (_, page):
        timeline = page.get_by_role("region", name="时间线")
        await timeline.get_by_role("button", name="0:04 断线 2 秒").click()
        assert await position(page) == 4
        await timeline.get_by_role("button", name="0:02 展示材料").click()
        assert await position(page) == 2
        assert await page.locator(".lane .gap").count() == 3


async def test_a_failed_check_says_so_and_still_plays(clips: Path) -> None:
    async with replay(clips, replies={f"POST {ROOT}/check": answers.ALTERED}) as (_, page):
        await expect(page.locator("#verdict")).to_have_text("完整性校验未通过")
        await expect(page.locator("#broken")).to_contain_text("不能作证据用")
        await page.get_by_role("button", name="播放", exact=True).click()

        async def plays() -> bool:
            return await position(page) > 0.5

        await eventually_async(plays)


async def test_a_track_that_cannot_be_read_does_not_hold_up_the_others(clips: Path) -> None:
    broken = (404, {"error": {"code": "not_found", "text": "没有。"}})
    async with replay(clips, replies={"GET /media/brown.webm": broken}) as (_, page):
        await page.get_by_role("button", name="播放", exact=True).click()

        async def plays_on() -> bool:
            return await position(page) > 3

        await eventually_async(plays_on)
        await expect(page.get_by_text("这一路放不出来")).to_be_visible()


async def test_the_watermark_names_the_viewer_on_every_picture(clips: Path) -> None:
    async with replay(clips) as (_, page):
        marks = page.locator(".tile .wm")
        assert await marks.count() == 3
        for text in await marks.all_text_contents():
            assert text.startswith("郑宏 auditor01 20")
