"""Two real Chromium pages through one worker process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.eventually import eventually_async
from tests.support.media_page import MediaPage, chromium, serve_offers
from tests.support.media_worker import Control, worker_process

pytestmark = pytest.mark.browser


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[MediaPage, MediaPage, Control]]:
    async with worker_process(tmp_path) as (_, control, _), chromium() as (browser, address):
        await control.call("PUT", "/v1/rooms/r", {})
        pages = []
        for name in ("clerk", "lawyer"):
            page = await (await browser.new_context()).new_page()
            await page.goto(address)
            pages.append(MediaPage(page, control, "r", name))
        following = asyncio.create_task(serve_offers(control, pages))
        for page_ in pages:
            await page_.join()
        try:
            yield pages[0], pages[1], control
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def test_pages_see_and_hear_each_other(pair: tuple[MediaPage, MediaPage, Control]) -> None:
    clerk, lawyer, control = pair
    await clerk.more_frames("5", 30)
    await lawyer.more_frames("5", 30)
    for page in (clerk, lawyer):
        counts = await page.counts()
        assert counts["state"] == "connected"
        assert counts["packetsReceived"]["4"] > 10
        await page.hears()
    peers = (await control.call("GET", "/v1/stats"))["peers"]
    assert {peer["srtp_profile"] for peer in peers} == {"SRTP_AEAD_AES_256_GCM"}


async def test_restart_keeps_the_picture(pair: tuple[MediaPage, MediaPage, Control]) -> None:
    clerk, lawyer, control = pair
    await lawyer.more_frames("5", 30)
    peer_id = clerk.peer_id
    await clerk.restart()
    await lawyer.more_frames("5", 60)
    await clerk.more_frames("5", 30)
    assert clerk.peer_id == peer_id and (await clerk.counts())["state"] == "connected"
    assert [e for e in control.events if e["kind"] in ("peer_closed", "peer_interrupted")] == []
    assert len([e for e in control.events if e["kind"] == "peer_connected"]) == 2


async def test_reload_brings_the_picture_back_without_a_new_peer_for_the_other(
    pair: tuple[MediaPage, MediaPage, Control],
) -> None:
    clerk, lawyer, control = pair
    await lawyer.more_frames("5", 30)
    peer_id = lawyer.peer_id
    await clerk.reload()
    await lawyer.more_frames("5", 60)
    await clerk.more_frames("5", 60)
    assert lawyer.peer_id == peer_id
    assert (await lawyer.counts())["packetsReceived"]["4"] > 10
    offers = [e for e in control.events if e["kind"] == "offer" and e["peer_id"] == peer_id]
    assert len(offers) <= 1


async def test_document_camera_comes_and_goes(pair: tuple[MediaPage, MediaPage, Control]) -> None:
    clerk, lawyer, control = pair
    await lawyer.more_frames("5", 15)
    await clerk.page.evaluate("showDocument()")
    await clerk.offer_again()
    await lawyer.more_frames("6", 10)
    found = await lawyer.colour("6")
    assert found is not None and all(abs(a - b) <= 40 for a, b in zip(found, (220, 20, 220), strict=True))
    await clerk.page.evaluate("stopDocument()")
    await clerk.offer_again()
    await control.wait_for("publication_ended", publication_id="clerk.document")

    async def stopped() -> bool:
        line = "pc.getTransceivers().find((t) => t.mid === '6')"
        return bool(await lawyer.page.evaluate(f"{line}.currentDirection") == "inactive")

    await eventually_async(stopped)
    await clerk.page.evaluate("showDocument()")
    await clerk.offer_again()
    await lawyer.more_frames("6", 10)
    await lawyer.more_frames("5", 15)
