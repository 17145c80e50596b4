"""Real Chromium for page tests: a browser per test, a person per context, axe-core at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.media_page import CHROMIUM, FLAGS
from tests.support.page_stand import WHO, Stand

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
DESK = {"width": 1366, "height": 768}
PHONE = {"width": 360, "height": 800}


@asynccontextmanager
async def chromium(*extra: str, without: tuple[str, ...] = (), executable: str = CHROMIUM) -> AsyncIterator[Browser]:
    """A browser with the flags of every browser test, `without` some and with `extra` ones."""
    arguments = [flag for flag in FLAGS if flag not in without] + list(extra)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


async def person(browser: Browser, stand: Stand, who: str = "", **options: Any) -> BrowserContext:
    """A browser context logged in as role `who` at `stand`; "" = nobody."""
    settings = {"viewport": DESK, "service_workers": "block", "base_url": stand.url, **options}
    context = await browser.new_context(**settings)
    if who:
        await context.add_cookies([{"name": WHO, "value": who, "url": stand.url}])
    return context


class Troubles:
    """What a page complained about on its console, and errors nobody caught."""

    # The browser says of every answer over 399 that it could not load it; pages expect some.
    ORDINARY = ("Failed to load resource", "Service Worker registration blocked")

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("pageerror", lambda error: self.found.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(ordinary in text for ordinary in self.ORDINARY):
            self.found.append(text)


async def accessibility(page: Page) -> list[str]:
    """Serious and critical findings of axe-core, one line each."""
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


async def overflow(page: Page) -> int:
    """CSS pixels by which the page is wider than its window."""
    wider: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
