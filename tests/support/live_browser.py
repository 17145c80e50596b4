"""The live half as a page uses it: one WebSocket with its hello, requests and events; and media through it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.support.rtp_peer import RtpPeer
from tests.support.server import Browser

DEADLINE = 15.0
Event = dict[str, Any]


class WireRefusal(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["text"])
        self.code = error["code"]
        self.error = error


class LiveBrowser:
    """`events` holds everything that came and was not waited for yet."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws
        self.events: list[Event] = []
        self.hello: Event = {}
        self._replies: dict[str, asyncio.Future[Event]] = {}
        self._ids = itertools.count(1)
        self._news = asyncio.Event()
        self._ponged = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def close(self) -> None:
        await self.ws.close()
        await self._task

    async def _read(self) -> None:
        async for message in self.ws:
            if message.type is not WSMsgType.TEXT:
                continue
            body = message.json()
            if "re" in body:
                self._replies.pop(body["re"]).set_result(body)
            elif body["type"] == "pong":
                self._ponged.set()
            elif body["type"] != "ping":
                self.events.append(body)
                self._news.set()
        self._news.set()

    async def request(self, kind: str, **fields: Any) -> Event:
        request_id = str(next(self._ids))
        reply = self._replies[request_id] = asyncio.get_running_loop().create_future()
        await self.ws.send_json({"v": 1, "id": request_id, "type": kind, **fields})
        async with asyncio.timeout(DEADLINE):
            body: Event = await reply
        if not body["ok"]:
            raise WireRefusal(body["error"])
        return body

    async def ping(self) -> None:
        """One heartbeat, answered."""
        self._ponged.clear()
        await self.ws.send_json({"v": 1, "type": "ping", "t": 0})
        async with asyncio.timeout(DEADLINE):
            await self._ponged.wait()

    async def wait_for(self, kind: str, where: Callable[[Event], bool] = lambda _: True) -> Event:
        """Takes the first event, past or coming, of `kind` for which `where` holds; drops earlier ones of the kind."""
        async with asyncio.timeout(DEADLINE):
            while True:
                self._news.clear()
                for event in [one for one in self.events if one["type"] == kind]:
                    self.events.remove(event)
                    if where(event):
                        return event
                assert not self.ws.closed, f"closed with {self.ws.close_code} while waiting for {kind}"
                await self._news.wait()

    async def room(self, where: Callable[[Any], bool]) -> Any:
        return (await self.wait_for("room", lambda event: where(event["room"])))["room"]

    async def recording(self, state: str) -> Any:
        return (await self.room(lambda room: room["recording"]["state"] == state))["recording"]


@asynccontextmanager
async def live(
    browser: Browser, workspace: str, window: str = "w1", resume: str | None = None
) -> AsyncIterator[LiveBrowser]:
    """A connected page, after its hello and first `state`, which is `events[0]`."""
    headers = {"Origin": str(browser.base.origin())}
    ws = await browser.client.ws_connect("/ws", protocols=("lawlink.v1",), headers=headers)
    page = LiveBrowser(ws)
    try:
        page.hello = await page.request("hello", workspace=workspace, window=window, resume=resume)
        yield page
    finally:
        await page.close()


class _ThroughSignalling:
    """Speaks to the worker as a browser does: every offer comes as an event, every answer goes as a request."""

    def __init__(self, page: LiveBrowser, consultation_id: str) -> None:
        self._page = page
        self._consultation_id = consultation_id

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        parts = path.split("/")
        if parts[-1] == "answer":
            answered: dict[str, Any] = await self._page.request("media.answer", peer_id=parts[-2], **body)
            return answered
        if parts[-1] == "restart":
            await self._page.request("media.restart", peer_id=parts[-2])
        elif parts[-1] == "offer":
            await self._page.request("media.offer_again", peer_id=parts[-2])
        return await self._offer()

    async def _offer(self) -> dict[str, Any]:
        event = await self._page.wait_for("media.offer")
        return {"peer_id": event["peer_id"], "offer": event}


class LivePeer(RtpPeer):
    """Joins over the page's WebSocket and answers every further offer."""

    def __init__(self, page: LiveBrowser, consultation_id: str, publish: tuple[str, ...] = ("audio", "camera")) -> None:
        super().__init__(_ThroughSignalling(page, consultation_id), "", "", publish)  # type: ignore[arg-type]
        self._page = page
        self._consultation_id = consultation_id
        self._following: asyncio.Task[None] | None = None

    async def enter(self) -> Any:
        """room.join, media connected."""
        reply = await self._page.request("room.join", consultation_id=self._consultation_id)
        await self.join()
        self._following = asyncio.create_task(self._follow())
        return reply["room"]

    async def _follow(self) -> None:
        while True:
            event = await self._page.wait_for("media.offer")
            if event["peer_id"] == self.peer_id:
                await self.answer(event)

    async def leave(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self.vanish()
