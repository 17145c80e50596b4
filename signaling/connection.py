"""One WebSocket: performs the effects of `session.SessionMachine`, drains the outbox, hands requests on in order."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from aiohttp import WSMsgType, web

from scheduler.access import Viewer
from scheduler.errors import Refused
from signaling import messages
from signaling.media_client import WorkerRefused, WorkerUnavailable
from signaling.messages import Hello, Message, Request
from signaling.registry import Outbox, Session
from signaling.session import Close, Effect, Handle, Open, Send, SessionMachine

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
CLOSE_WITHIN_S: Final = 2.0


class Host(Protocol):
    """What a connection needs of the live half."""

    def monotonic(self) -> float: ...

    async def attach(self, viewer: Viewer, hello: Hello, outbox: Outbox) -> tuple[Session, Message]: ...

    async def welcome(self, session: Session) -> None:
        """Sends the whole state."""

    async def detach(self, session: Session, outbox: Outbox) -> None: ...

    async def handle(self, session: Session, request: Request) -> Message: ...


class Connection:
    def __init__(self, host: Host, viewer: Viewer, ws: web.WebSocketResponse) -> None:
        self._host = host
        self._viewer = viewer
        self._ws = ws
        self._outbox = Outbox()
        self._machine = SessionMachine(host.monotonic())
        self._session: Session | None = None

    async def run(self) -> None:
        """Until either side closes. Nothing of it outlives this call but the session."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read())
                writing = tasks.create_task(self._write())
                ticking = tasks.create_task(self._tick())
                await asyncio.wait((reading, self._outbox.closing), return_when=asyncio.FIRST_COMPLETED)
                for task in (reading, writing, ticking):
                    task.cancel()
        finally:
            if self._session is not None:
                await self._host.detach(self._session, self._outbox)
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        if not self._outbox.closing.done():
            return
        code, reason = self._outbox.closing.result()
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                while not self._outbox.queue.empty():
                    await self._ws.send_json(self._outbox.queue.get_nowait())
                await self._ws.close(code=code, message=reason.encode()[:120])
        except (TimeoutError, ConnectionError, RuntimeError):
            log.debug("the other side was gone before the close frame")

    async def _read(self) -> None:
        while True:
            message = await self._ws.receive()
            now = self._host.monotonic()
            if message.type is WSMsgType.TEXT:
                await self._perform(self._machine.receive(message.data, now))
            elif message.type is WSMsgType.BINARY:
                await self._perform(self._machine.receive_binary())
            else:
                return

    async def _write(self) -> None:
        while True:
            message = await self._outbox.queue.get()
            try:
                await self._ws.send_str(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
            except (ConnectionError, RuntimeError):
                self._outbox.close(messages.CLOSE_SLOW, "connection lost while writing")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self._perform(self._machine.tick(self._host.monotonic()))

    async def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self._outbox.put(message)
                case Close(code, reason):
                    log.warning("closing %s: %s %s", self._viewer.account, code, reason)
                    self._outbox.close(code, reason)
                case Open(hello):
                    await self._open(hello)
                case Handle(request):
                    await self._answer(request)

    async def _open(self, hello: Hello) -> None:
        try:
            self._session, body = await self._host.attach(self._viewer, hello, self._outbox)
        except Refused as refused:
            self._outbox.put(messages.refusal(hello.id, messages.error_body(refused)))
            self._outbox.close(messages.CLOSE_VIOLATION, refused.code)
            return
        self._outbox.put(messages.reply(hello.id, body))
        await self._guarded(hello.id, self._host.welcome(self._session))

    async def _answer(self, request: Request) -> None:
        session = self._session
        if session is None or session.outbox is not self._outbox:
            return
        body = await self._guarded(request.id, self._host.handle(session, request))
        if body is not None:
            self._outbox.put(messages.reply(request.id, body))

    async def _guarded(self, request_id: str, work: Awaitable[Message | None]) -> Message | None:
        """Where errors become words: a refusal is answered, anything else is an incident and closes the connection."""
        try:
            return await work
        except Refused as refused:
            self._outbox.put(messages.refusal(request_id, messages.error_body(refused)))
        except WorkerRefused as refused:
            log.warning("media worker refused: %s", refused)
            code = "conflict" if refused.status in (404, 409) else "bad_request"
            self._refuse(request_id, Refused(code, "音视频连接没接上，正在重试。"), refused.text)
        except WorkerUnavailable as gone:
            log.warning("media worker is out of reach: %s", gone)
            self._refuse(request_id, Refused("unavailable", "音视频服务正在恢复，马上就好。", retry_after_s=1.0))
        except asyncio.CancelledError:
            raise
        except Exception:
            incident = secrets.token_hex(3)
            log.exception("incident %s in a WebSocket request", incident)
            self._outbox.close(messages.CLOSE_INCIDENT, incident)
        return None

    def _refuse(self, request_id: str, refused: Refused, reason: str | None = None) -> None:
        body = messages.error_body(refused)
        self._outbox.put(messages.refusal(request_id, body | ({"reason": reason} if reason else {})))
