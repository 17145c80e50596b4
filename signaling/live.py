"""The live half of the server, put together: connections, line, rooms, recording and the media worker.

`run` is one task that owns everything below it. Deadlines and states come from the tables, so a restarted server takes
up every consultation where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

from aiohttp import web

from recordings.archive import Archive
from scheduler import consultations, deadlines, intake, log_ins, presence
from scheduler.access import Action, Viewer, permit
from scheduler.clock import Clock
from scheduler.consultations import open_consultation_of_station
from scheduler.db import Sessions
from scheduler.errors import Refused, Unauthenticated
from scheduler.ids import LogInId
from signaling import messages
from signaling.conduct import Conduct
from signaling.connection import Connection
from signaling.line import LineKeeper
from signaling.media_client import WorkerRefused, WorkerUnavailable
from signaling.messages import Hello, Message, Request, event
from signaling.placement import MediaWorker
from signaling.recording_control import RecordingControl
from signaling.registry import Outbox, Registry, Session
from signaling.requests import Requests
from signaling.settings import Settings
from signaling.survival import surviving
from signaling.text_seal import TextSeal
from signaling.timeline import Timeline

log = logging.getLogger(__name__)

WATCH_TURN_S: Final = 1.0
CONTACT_S: Final = 3.0
LOG_INS_EVERY_S: Final = 60.0
MAX_CONNECTIONS: Final = 2000
_WORKSPACE_ACTION: Final = {"station": Action.READ_STATION, "lawyer": Action.SET_PRESENCE}


class Live:
    def __init__(self, settings: Settings, clock: Clock, sessions: Sessions, reads: Sessions, archive: Archive) -> None:
        self._settings = settings
        self._clock = clock
        self._sessions = sessions
        self._reads = reads
        self.registry = Registry()
        self.worker = MediaWorker(settings, self)
        media = self.worker.client
        self.line = LineKeeper(clock, sessions, reads, self.registry)
        self._recording = RecordingControl(settings, clock, sessions, archive, media, self.worker.kill)
        timeline = Timeline(clock, sessions)
        self.conduct = Conduct(
            clock, sessions, self.registry, media, self._recording, timeline, self.line.tell_consultation
        )
        self._requests = Requests(clock, sessions, self.line, self.conduct, self._recording, timeline, media)
        self._text_seal = TextSeal(clock, reads, archive)
        self._open = 0
        self._acting: set[asyncio.Task[Message]] = set()
        self._log_ins_checked_at = clock.monotonic()

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Takes up what was in progress, then works until cancelled."""
        async with self._sessions.begin() as db:
            await deadlines.after_restart(db, self._clock.now())
            in_progress = await consultations.consultations_in_progress(db)
        for consultation_id in in_progress:
            await self.conduct.take_up(consultation_id)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.worker.run(), name="media worker")
            tasks.create_task(self.line.run(self.conduct), name="line")
            tasks.create_task(self._recording.run(), name="sealing")
            tasks.create_task(self._text_seal.run(), name="text sealing")
            tasks.create_task(self._keep_watch(), name="watch")
            tasks.create_task(self._keep_contact(), name="contact")

    def stop_serving(self) -> None:
        """The server is about to end: connections close, so that browsers reconnect to its successor."""
        self.registry.close_all(messages.CLOSE_RESTARTING, "restarting")

    async def close(self) -> None:
        """After `run` was cancelled. Rooms in progress keep their worker: the next server adopts it."""
        await asyncio.gather(*self._acting, return_exceptions=True)
        await self.worker.close(keep=self._settings.media_outlives and bool(self.conduct.rooms()))

    def ready(self) -> dict[str, bool]:
        return {"media_worker": self.worker.ready.is_set()}

    # ── the worker's listener ───────────────────────────────────────────────────────────────────────────────────

    async def worker_up(self, boot_id: str, known: bool) -> None:
        rooms = await self.worker.client.rooms()
        async with surviving("taking over the worker's rooms"):
            await self.conduct.adopt(rooms)

    async def worker_lost(self) -> None:
        async with surviving("telling that the worker is lost"):
            await self.conduct.worker_lost()

    async def worker_event(self, happened: dict[str, Any]) -> None:
        try:
            await self.conduct.worker_event(happened)
        except WorkerUnavailable:
            raise
        except Exception:
            log.exception("the worker's event %s failed: reading the rooms again", happened["kind"])
            await self.worker_up("", True)

    async def _keep_contact(self) -> None:
        while True:
            await asyncio.sleep(CONTACT_S)
            with contextlib.suppress(WorkerUnavailable, WorkerRefused):
                await self.worker.client.contact()

    # ── connections ─────────────────────────────────────────────────────────────────────────────────────────────

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """`GET /ws`; the origin was checked by the middleware."""
        viewer: Viewer | None = request.get("viewer")
        if viewer is None:
            raise Unauthenticated
        if self._open >= MAX_CONNECTIONS:
            raise Refused("unavailable", "连接的人太多，请稍候再试。", retry_after_s=5.0)
        ws = web.WebSocketResponse(
            protocols=(messages.SUBPROTOCOL,), max_msg_size=messages.MAX_MESSAGE_BYTES, timeout=2
        )
        await ws.prepare(request)
        self._open += 1
        try:
            await Connection(self, viewer, ws).run()
        finally:
            self._open -= 1
        return ws

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def attach(self, viewer: Viewer, hello: Hello, outbox: Outbox) -> tuple[Session, Message]:
        permit(viewer, _WORKSPACE_ACTION[hello.workspace])
        session, resumed = self.registry.attach(viewer, hello, outbox)
        now = self._clock.now()
        try:
            await self._came(session)
        except BaseException:
            # Nobody will detach a session whose hello was not answered.
            self.registry.detach(session, outbox, self._clock.monotonic())
            raise
        self.line.touch()
        stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = {"session_id": session.session_id, "resume": session.resume, "heartbeat_s": 5, "now": stamp}
        return session, body | {"resumed": resumed}

    async def _came(self, session: Session) -> None:
        viewer = session.viewer
        async with self._sessions.begin() as db:
            if session.workspace == "lawyer":
                await presence.connected(db, viewer.person_id, self._clock.now())
                return
            open_id = await open_consultation_of_station(db, viewer.org_id)
            if open_id is not None:
                await intake.station_back(db, open_id)

    async def welcome(self, session: Session) -> None:
        state = await self.line.whole_state(session)
        state["room"] = await self.conduct.came_back(session)
        session.send(event("state", **state))

    async def detach(self, session: Session, outbox: Outbox) -> None:
        if self.registry.detach(session, outbox, self._clock.monotonic()):
            await self.conduct.connection_lost(session)

    async def _keep_watch(self) -> None:
        """Once a second: who is away, which room is deserted, which stop is owed, whose log-in has ended."""
        while True:
            await asyncio.sleep(WATCH_TURN_S)
            async with surviving("the watch over sessions and rooms"):
                await self._watch(self._clock.monotonic())

    async def _watch(self, now: float) -> None:
        for live in await self._recording.pay_owed():
            self.conduct.tell_room(live)
        # Whoever does not come back from a reload or a short outage counts as away: not asked, place kept.
        for session in self.registry.newly_absent(now):
            await self._gone(session)
        self.registry.expire(now)
        await self.conduct.end_deserted(now)
        if now - self._log_ins_checked_at >= LOG_INS_EVERY_S:
            self._log_ins_checked_at = now
            await self._end_expired_log_ins()

    async def _end_expired_log_ins(self) -> None:
        """A socket keeps its log-in from being idle, but not beyond its end."""
        connected = set(self.registry.log_ins())
        async with self._sessions.begin() as db:
            alive = await log_ins.keep_alive(db, connected, self._clock.now())
        for log_in_id in connected - alive:
            self.registry.end_log_in(log_in_id)

    async def _gone(self, session: Session) -> None:
        viewer, now = session.viewer, self._clock.now()
        withdrawn = None
        async with self._sessions.begin() as db:
            if session.workspace == "lawyer":
                await presence.disconnected(db, viewer.person_id, now)
            elif not self.registry.anybody_at(viewer.org_id):
                open_id = await open_consultation_of_station(db, viewer.org_id)
                withdrawn = await intake.station_gone(db, open_id, now) if open_id is not None else None
        await self.line.tell_withdrawn(withdrawn)
        self.line.touch()

    async def handle(self, session: Session, request: Request) -> Message:
        """Acts to the end even when the connection that asked is gone by then: half an ending would record on."""
        task = asyncio.create_task(self._requests.handle(session, request))
        self._acting.add(task)
        task.add_done_callback(self._acted)
        return await asyncio.shield(task)

    def _acted(self, task: asyncio.Task[Message]) -> None:
        self._acting.discard(task)
        if not task.cancelled():
            # Read here as well: nobody else does when the connection is gone.
            task.exception()

    # ── what HTTP handlers tell us ──────────────────────────────────────────────────────────────────────────────

    async def closed(self, consultation_id: str) -> None:
        """「办结」: the record is final. Seals it and tells the station that it can be printed."""
        self._text_seal.soon(consultation_id)
        await self.line.tell_consultation(consultation_id)
        self.line.touch()

    async def evaluated(self, consultation_id: str) -> None:
        await self.line.tell_consultation(consultation_id)

    def logged_out(self, log_in_id: LogInId) -> None:
        self.registry.end_log_in(log_in_id)
