"""A district without the demo: made by `lawlink init`, filled in /admin, asked for consent, and really recorded."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.stage import (
    PASSWORD,
    ROOT,
    START_S,
    Demo,
    call_and_answer,
    drained,
    go_on_duty,
    lawlink,
    log_in,
    people,
    register,
)
from tests.support.pages import DESK, PHONE, accessibility, overflow

pytestmark = pytest.mark.browser
QUESTION = "工作中的录音录像"
LINK = "我的录音录像同意"


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Demo]:
    """`lawlink init` and `lawlink serve`, over plain http on 127.0.0.1, where browsers give camera and microphone."""
    password, data = directory / "password", directory / "data"
    await asyncio.to_thread(password.write_text, PASSWORD + "\n")
    first = ("--district", "金水区公共法律服务中心", "--phone", "0371-55500100", "--account", "admin", "--name", "张三")
    code, said = await lawlink("init", "--data", str(data), *first, "--password-file", str(password))
    assert code == 0, said
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "signaling", "serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LAWLINK_TLS": "false", "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        while not (found := re.search(rb"serving (http://[0-9.:]+)", line := await process.stdout.readline())):
            assert line, "the server ended before it served"
    async with drained(Demo(data, found.group(1).decode(), process)) as started:
        yield started


async def add(admin: Page, account: str, name: str, role: str) -> str:
    """A person made in /admin; returns the one-time link."""
    await admin.get_by_role("button", name="加人").click()
    dialog = admin.get_by_role("dialog", name="加人")
    await expect(dialog).not_to_have_attribute("data-opening", "")
    await dialog.get_by_label("姓名").fill(name)
    await dialog.get_by_label("账号").fill(account)
    await dialog.get_by_label("机构").select_option(label="金水区公共法律服务中心")
    await dialog.get_by_label(role).check()
    await dialog.get_by_role("button", name="加上并生成链接").click()
    made = admin.get_by_role("dialog", name="把这个链接交给本人")
    link = await made.get_by_label("设密码链接").input_value()
    await expect(made).not_to_have_attribute("data-opening", "")
    await made.get_by_role("button", name="记下了").click()
    return link


async def set_password(browser: Browser, link: str) -> None:
    page = await browser.new_page()
    await page.goto(link)
    await page.get_by_label("新密码").fill(PASSWORD)
    await page.get_by_label("再填一遍").fill(PASSWORD)
    await page.get_by_role("button", name="设好密码").click()
    await expect(page.get_by_role("heading", name="密码设好了")).to_be_visible()
    await page.close()


async def staff(browser: Browser, district: Demo) -> None:
    """The administrator makes a clerk and a lawyer, who set their passwords."""
    admin, troubles = await log_in(browser, district, "admin")
    for account, name, role in (("station01", "周敏", "工作站"), ("lawyer01", "王立新", "值班律师")):
        await set_password(browser, await add(admin, account, name, role))
    assert troubles.found == []
    await admin.close()


async def answer(page: Page, word: str) -> None:
    dialog = page.get_by_role("dialog", name=QUESTION)
    await expect(dialog).not_to_have_attribute("data-opening", "")
    await dialog.get_by_role("button", name=word, exact=True).click()
    await expect(dialog).to_have_count(0)


async def test_who_agreed_at_the_first_log_in_is_recorded(tmp_path: Path) -> None:
    async with serving(tmp_path) as district, people(tmp_path) as (browser, other):
        await staff(browser, district)
        station, troubles = await log_in(browser, district, "station01")
        desk, more = await log_in(other, district, "lawyer01")
        await answer(station, "同意")
        await answer(desk, "同意")
        await go_on_duty(desk)
        await register(station)
        await call_and_answer(station, desk)
        for page in (station, desk):
            await expect(page.get_by_text("录制中", exact=True)).to_be_visible()
        assert troubles.found + more.found == []


async def test_the_question_can_wait_be_refused_and_never_covers_an_offer(tmp_path: Path) -> None:
    async with serving(tmp_path) as district, people(tmp_path) as (browser, other):
        await staff(browser, district)
        station, troubles = await log_in(browser, district, "station01")
        desk, more = await log_in(other, district, "lawyer01")
        await look_at(station)
        await station.keyboard.press("Escape")
        await station.reload()
        await expect(station.get_by_role("status").filter(has_text="现在没有律师值班")).to_be_visible()
        await expect(station.get_by_role("dialog")).to_have_count(0)
        await station.get_by_role("button", name="退出登录").click()
        await expect(station.get_by_label("账号")).to_be_visible()
        again, _ = await log_in(browser, district, "station01")
        await answer(again, "不同意")
        await again.reload()
        await again.get_by_role("button", name=LINK).click()
        await expect(again.get_by_text("您现在的回答：不同意")).to_be_visible()
        await again.get_by_role("button", name="不改").click()
        await answer(desk, "以后再说")
        await go_on_duty(desk)
        await desk.get_by_role("button", name=LINK).click()
        await expect(desk.get_by_role("dialog", name=QUESTION)).to_be_visible()
        await register(again)
        await again.get_by_role("button", name="呼叫律师").click()
        offer = desk.get_by_role("dialog").filter(has_text="秒内接听")
        await expect(offer).to_be_visible()
        await expect(desk.get_by_role("dialog")).to_have_count(1)
        await expect(offer).not_to_have_attribute("data-opening", "")
        await offer.get_by_role("button", name="接听").click()
        for page in (again, desk):
            await expect(page.get_by_text("未录制", exact=True)).to_be_visible()
        assert troubles.found + more.found == []


async def look_at(page: Page) -> None:
    """The question at a desk and on a telephone: nothing cut off, nothing chosen beforehand, no hindrance."""
    dialog = page.get_by_role("dialog", name=QUESTION)
    for size in (PHONE, DESK):
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for word in ("同意", "不同意", "以后再说"):
            await expect(dialog.get_by_role("button", name=word, exact=True)).to_be_in_viewport()
        assert await overflow(page) == 0
        assert await accessibility(page) == []
    given, refused = (dialog.get_by_role("button", name=word, exact=True) for word in ("同意", "不同意"))
    assert await given.get_attribute("class") == await refused.get_attribute("class")
    await expect(dialog.get_by_role("heading")).to_be_focused()
