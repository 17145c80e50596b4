"""Every calm page in a real browser: clean console, no sideways scrolling, accessible, in both sizes and languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.page_stand import Stand
from tests.support.pages import DESK, PHONE, Troubles, accessibility, chromium, overflow, person
from tests.web_client import answers

# One browser for all: starting it costs as much as a page.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FAULT = (503, {"error": {"code": "unavailable", "text": "数据库暂时连不上，请过一会儿再试。"}})
DENIED = (403, {"error": {"code": "denied", "text": "您没有这个权限。"}})


@dataclass(frozen=True)
class Sight:
    """A page in one of its states: it is there when `shows` is visible."""

    name: str
    who: str
    path: str
    shows: str
    replies: dict[str, Any] = field(default_factory=dict)
    presses: tuple[str, ...] = ()


SEARCH = "GET /api/audit/search"
PEOPLE = "GET /api/admin/people"
MANIFEST = "GET /api/audit/replays/x1"
OPEN_PLAYER = {MANIFEST: answers.MANIFEST, "GET /api/audit/replays/x1/notes": {"items": answers.NOTES, "next": None}}
PASSED = {**OPEN_PLAYER, "POST /api/audit/replays/x1/check": answers.CHECK}
FAILED = {**OPEN_PLAYER, "POST /api/audit/replays/x1/check": answers.ALTERED}
FOUND = {SEARCH: answers.page(answers.HITS)}
LISTED = {PEOPLE: {"items": [answers.person("station02", "station_clerk")], "next": None}}
ORGS = {"GET /api/admin/organisations": {"items": [{"id": "o1", "name": "花园路街道", "kind": "street"}]}}
READ = "GET /api/consultations/c1/record"
RECORD = {READ: answers.RECORD}

SIGHTS = [
    Sight("login", "", "/login", "h1:text('登录')"),
    Sight("login-expired", "", "/login?expired=1", "#expired"),
    Sight("login-empty", "", "/login", "#failed", presses=("#submit",)),
    Sight("check", "", "/check", "[data-row=network] .chip.ok"),
    Sight("station-check", "station_clerk", "/station/check", "[data-row=network] .chip.ok"),
    Sight("password", "", "/password/t", "h1:text('给账号设密码')"),
    Sight("password-short", "", "/password/t", "#failed", presses=("#submit",)),
    Sight("offline", "", "/offline", "#now"),
    Sight("fault", "station_clerk", "/fault", "#again"),
    Sight("missing", "", "/nowhere", "h1:text('没有这个页面')"),
    Sight("denied", "station_clerk", "/audit", "h1:text('这一页您不能看')"),
    Sight("not-yet", "mediator", "/mediator", "h1"),
    Sight("rating", "station_clerk", "/station/rating/c1", "#submit"),
    Sight("rating-more", "station_clerk", "/station/rating/c1", "#attitude", presses=("#open-more",)),
    Sight("rating-none", "station_clerk", "/station/rating/c1", "#failed", presses=("#submit",)),
    Sight("record", "station_clerk", "/station/record/c1", ".sheet", RECORD),
    Sight("record-missing", "station_clerk", "/station/record/c1", "h3:text('没有这条记录')"),
    Sight("record-error", "station_clerk", "/station/record/c1", "h3:text('记录读不出来')", {READ: FAULT}),
    Sight("record-reason", "auditor", "/audit/record/c1", "#reason-dialog"),
    Sight("audit", "auditor", "/audit", "a:text('回放')", {**FOUND, **ORGS}),
    Sight("audit-empty", "auditor", "/audit", "h3:text('没有找到')", {SEARCH: answers.page([])}),
    Sight("audit-error", "auditor", "/audit", "p:text('数据库暂时连不上')", {SEARCH: FAULT}),
    Sight("audit-denied", "auditor", "/audit", "h3:text('您没有这个权限')", {SEARCH: DENIED}),
    Sight("audit-reason", "auditor", "/audit", "#reason-dialog", FOUND, ("a:text('回放') >> nth=0",)),
    Sight("player", "auditor", "/audit/replay/x1", "#verdict.ok", PASSED),
    Sight("player-failed", "auditor", "/audit/replay/x1", "#broken", FAILED),
    Sight("player-proof", "auditor", "/audit/replay/x1", "#proof", PASSED, ("#proof-open",)),
    Sight("player-events", "auditor", "/audit/replay/x1", "#events li", PASSED, ("#tab-events",)),
    Sight("player-text", "auditor", "/audit/replay/x1", "#words h3", PASSED, ("#tab-text",)),
    Sight("player-gone", "auditor", "/audit/replay/x1", "h3:text('没有这次调阅')"),
    Sight("admin", "admin", "/admin", "td:text('station02')", LISTED),
    Sight("admin-empty", "admin", "/admin", "h3:text('没有找到这个人')", {PEOPLE: {"items": [], "next": None}}),
    Sight("admin-error", "admin", "/admin", "h3:text('人员列表读不出来')", {PEOPLE: FAULT}),
    Sight("admin-add", "admin", "/admin", "#add-dialog", {**LISTED, **ORGS}, ("#add",)),
    Sight("admin-person", "admin", "/admin", "#person-dialog", LISTED, ("td button",)),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
async def test_a_page_is_clean_and_accessible_in_every_size(browser: Browser, sight: Sight) -> None:
    stand = Stand()
    stand.replies |= deepcopy(sight.replies)
    async with stand.running(), await person(browser, stand, sight.who) as context:
        page = await context.new_page()
        troubles = Troubles(page)
        await page.goto(sight.path)
        for selector in sight.presses:
            await page.locator(selector).click()
        await page.locator(sight.shows).first.wait_for()
        for size in (DESK, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            for look in ("standard", "elder"):
                await page.evaluate("look => { document.documentElement.className = look; }", look)
                assert await overflow(page) <= 0, (size, look)
                # Rules look at structure and colours: each look once, in the size it is used in most.
                if (size is DESK) == (look == "standard"):
                    assert await accessibility(page) == [], (size, look)
        assert troubles.found == []


@pytest.mark.parametrize("sight", [s for s in SIGHTS if not s.presses and "text(" not in s.shows], ids=lambda s: s.name)
async def test_a_page_speaks_english(browser: Browser, sight: Sight) -> None:
    stand = Stand()
    stand.replies |= deepcopy(sight.replies)
    async with stand.running(), await person(browser, stand, sight.who) as context:
        await context.add_cookies([{"name": "lawlink_language", "value": "en", "url": stand.url}])
        page = await context.new_page()
        troubles = Troubles(page)
        await page.goto(sight.path)
        await page.locator(sight.shows).first.wait_for()
        for size in (DESK, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            assert await overflow(page) <= 0, size
        chinese = await page.evaluate("document.querySelector('header, h1').innerText.match(/[一-鿿]+/g)")
        names = {"金水区公共法律服务中心", "花园路街道公共法律服务工作站", "郑宏"}
        assert set(chinese or ()) <= names
        assert troubles.found == []
