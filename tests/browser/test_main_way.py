"""The main way in real browsers: visitor, clerk, lawyer and auditor, from 「新来访」 to 「完整性校验通过」."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import bagit
import pytest
from playwright.async_api import Page, expect

from tests.browser.stage import (
    Demo,
    call_and_answer,
    demo,
    go_on_duty,
    hears,
    lawlink,
    log_in,
    people,
    register,
    sees,
    until,
)
from tests.support.camera import CLERK, LAWYER

pytestmark = pytest.mark.browser
ADVICE = "借条有效，可以去法院起诉。"


@pytest.fixture
async def district(tmp_path: Path) -> AsyncIterator[Demo]:
    async with demo(tmp_path / "data") as started:
        yield started


async def end(desk: Page) -> None:
    await desk.get_by_role("button", name="结束会话").click()
    await desk.get_by_role("dialog").get_by_role("button", name="结束会话").click()


async def wrap_up(desk: Page) -> None:
    await desk.get_by_label("答复意见").fill(ADVICE)
    await desk.get_by_label("已告知法律援助权利").check()
    await desk.get_by_label("处理结果").select_option(label="当场答复")
    await desk.get_by_role("button", name="办结").click()


async def replay(auditor: Page) -> None:
    """Reason, then the player."""
    link = auditor.get_by_role("link", name="回放").first
    async with asyncio.timeout(30):
        while not await link.count():
            await auditor.get_by_role("button", name="搜索").click()
            await asyncio.sleep(0.2)
    await link.click()
    await auditor.get_by_label("调阅事由").fill("十一月抽查，核对答复是否完整。")
    await auditor.get_by_role("button", name="开始回放").click()
    await expect(auditor.get_by_text("完整性校验通过")).to_be_visible()


def media_bytes(directory: Path) -> list[Path]:
    return [path for name in ("journals", "recordings") for path in (directory / name).rglob("*.webm")] + [
        path for path in (directory / "journals").rglob("*") if path.is_file()
    ]


async def test_the_whole_way(district: Demo, tmp_path: Path) -> None:
    async with people(tmp_path) as (browser, other):
        station, troubles = await log_in(browser, district, "station01")
        desk, more = await log_in(other, district, "lawyer01")
        await go_on_duty(desk)
        await register(station)
        await call_and_answer(station, desk)
        await asyncio.gather(hears(station, LAWYER), hears(desk, CLERK))
        await expect(station.get_by_text("录制中", exact=True)).to_be_visible()
        await expect(desk.get_by_text("录制中", exact=True)).to_be_visible()
        await chat(station, desk)
        await show_material(station, desk)
        await asyncio.sleep(3)  # Something to watch: the recording's length is part of what is tested.
        await end(desk)
        await wrap_up(desk)
        await print_record(station)
        await rate(station)
        assert troubles.found + more.found == []
    async with people(tmp_path) as (browser, _):
        auditor, troubles = await log_in(browser, district, "auditor01")
        await replay(auditor)
        await watch(auditor)
        assert troubles.found == []
        found = await (await auditor.request.get("/api/audit/search")).json()
        recording_ids = [hit["recording"]["id"] for hit in found["items"] if hit["recording"]]
    await export_and_verify(district, recording_ids[0], tmp_path)


async def chat(station: Page, desk: Page) -> None:
    await desk.get_by_label("下一条要点").fill("带上借条原件。")
    await desk.get_by_role("button", name="发给来访人看").click()
    await expect(station.get_by_role("log").get_by_text("带上借条原件。")).to_be_visible()


async def show_material(station: Page, desk: Page) -> None:
    await station.get_by_role("button", name="共享屏幕").click()
    shared = desk.locator("video").nth(2)
    await until(lambda: shared.evaluate("video => video.videoWidth"), lambda width: width > 0)
    await station.get_by_role("button", name="共享屏幕").click()


async def print_record(station: Page) -> None:
    """One A4 page with the advice on it."""
    await station.get_by_role("link", name="打印咨询记录").click()
    await expect(station.get_by_text(ADVICE)).to_be_visible()
    pdf = await station.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1


async def rate(station: Page) -> None:
    await station.get_by_role("link", name="请来访人评价").click()
    await station.get_by_label("非常满意", exact=True).first.check()
    await station.get_by_role("button", name="提交评价").click()
    await expect(station.get_by_role("heading", name="谢谢")).to_be_visible()


async def watch(auditor: Page) -> None:
    """Both cameras replay what was filmed, together, and can be sought."""
    await auditor.get_by_role("button", name="播放", exact=True).click()
    slider = auditor.get_by_role("slider", name="进度")
    await until(lambda: slider.input_value(), lambda value: float(value) > 1)
    videos = auditor.locator("video")
    looks = []
    for index in range(await videos.count()):
        for look in (CLERK, LAWYER):
            try:
                await sees_at(auditor, index, look)
            except AssertionError:
                continue
            looks.append(look)
    assert {look.hertz for look in looks} == {CLERK.hertz, LAWYER.hertz}


async def sees_at(auditor: Page, index: int, look: object) -> None:
    label = await auditor.locator("video").nth(index).get_attribute("aria-label")
    await sees(auditor, look, label or "", within_s=3)  # type: ignore[arg-type]


async def export_and_verify(district: Demo, recording_id: str, directory: Path) -> None:
    bag = directory / "bag"
    code, said = await lawlink("export", recording_id, str(bag), directory=district.directory)
    assert code == 0, said
    found = next(path.parent for path in [*bag.glob("bagit.txt"), *bag.glob("*/bagit.txt")])
    await asyncio.to_thread(lambda: bagit.Bag(str(found)).validate())
    assert (await lawlink("verify", str(found)))[0] == 0
    altered = directory / "altered"
    shutil.copytree(found, altered)
    victim = next((altered / "data" / "media").rglob("*.webm"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    code, said = await lawlink("verify", str(altered))
    assert code == 1
    assert victim.name in said


async def test_refused_consent_leaves_a_record_and_not_one_media_byte(district: Demo, tmp_path: Path) -> None:
    async with people(tmp_path) as (browser, other):
        station, _ = await log_in(browser, district, "station02")
        desk, _ = await log_in(other, district, "lawyer02")
        await go_on_duty(desk)
        await register(station, "不同意录音录像")
        await call_and_answer(station, desk)
        await expect(station.get_by_text("未录制", exact=True)).to_be_visible()
        await expect(desk.get_by_text("未录制", exact=True)).to_be_visible()
        await asyncio.sleep(2)  # Time in which something could have been written.
        assert media_bytes(district.directory) == []
        await end(desk)
        await wrap_up(desk)
        await expect(station.get_by_text("打印咨询记录").first).to_be_visible()
    assert media_bytes(district.directory) == []


async def test_a_reload_resumes_within_three_seconds(district: Demo, tmp_path: Path) -> None:
    async with people(tmp_path) as (browser, other):
        station, _ = await log_in(browser, district, "station03")
        desk, _ = await log_in(other, district, "lawyer03")
        await go_on_duty(desk)
        await register(station)
        await call_and_answer(station, desk)
        await expect(desk.get_by_text("录制中", exact=True)).to_be_visible()
        for page, look, watcher in ((station, CLERK, desk), (desk, LAWYER, station)):
            url = page.url
            await page.reload()
            async with asyncio.timeout(3):
                await asyncio.gather(sees(page, LAWYER if look is CLERK else CLERK), sees(watcher, look))
            assert page.url == url
            await expect(page.get_by_text("录制中", exact=True)).to_be_visible()
        await end(desk)
