"""Puts the server together: what it holds, in which order that starts and stops, and which routes it answers."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from recordings.replay import Replays
from scheduler import idempotency, log_ins
from scheduler.clock import Clock, SystemClock
from scheduler.db import Sessions
from scheduler.people import Passwords
from signaling import (
    api_account,
    api_admin,
    api_audit,
    api_consultations,
    api_lawyer,
    api_station,
    health,
    log_in,
    openapi,
)
from signaling.demo import Demo
from signaling.errors import DENIALS, DENIALS_NOTED_PER_MINUTE, answer_errors
from signaling.http import MAX_BODY_BYTES, Route, mount
from signaling.keys import ARCHIVE, CIPHER, CLOCK, LIVE, PASSWORDS, READS, REPLAYS, SESSIONS, SETTINGS
from signaling.live import Live
from signaling.log_in import THROTTLE, check_origin, identify
from signaling.metrics import METRICS, Metrics, measure
from signaling.opening import Opened, opened
from signaling.settings import Settings
from signaling.throttle import Throttle
from web_client import routes as pages
from web_client.views import SITE, Site

log = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 3600.0
ROUTES: Final[tuple[Route, ...]] = (
    *log_in.ROUTES,
    *api_account.ROUTES,
    *api_station.ROUTES,
    *api_consultations.ROUTES,
    *api_lawyer.ROUTES,
    *api_audit.ROUTES,
    *api_admin.ROUTES,
)
DEMO: Final[web.AppKey[Demo | None]] = web.AppKey("demo")
# Done only when the live half has failed: whoever runs the server then ends it, and its supervisor starts it again.
LIVE_TASK: Final[web.AppKey[asyncio.Task[None]]] = web.AppKey("live_task")


def build_app(
    settings: Settings, *, clock: Clock | None = None, authority: Path | None = None, demo: Demo | None = None
) -> web.Application:
    """The whole server; nothing starts before the application does.

    `authority` is the certificate that `/ca.crt` hands out, `demo` what the log-in page tells about a demo.  Starting
    raises KeysMissing or KeyUnavailable when the data directory has not been initialised.
    """
    app = web.Application(
        middlewares=[measure, answer_errors, check_origin, identify],
        client_max_size=MAX_BODY_BYTES,
    )
    clock = clock or SystemClock()
    app[SETTINGS] = settings
    app[CLOCK] = clock
    app[DEMO] = demo
    app[METRICS] = Metrics()
    app[PASSWORDS] = Passwords()
    app[DENIALS] = Throttle(clock, DENIALS_NOTED_PER_MINUTE)
    app[THROTTLE] = Throttle(clock, settings.login_attempts_per_minute)
    app.cleanup_ctx.extend([holdings, live, housekeeping])
    app.on_response_prepare.append(protect)
    app.on_shutdown.append(leave)
    mount(app, ROUTES)
    openapi.add_route(app, ROUTES)
    app.router.add_get("/ws", connect)
    health.add_routes(app, authority)
    pages.add_routes(app)
    return app


async def holdings(app: web.Application) -> AsyncIterator[None]:
    """The database and the archive; closed last of all."""
    async with opened(app[SETTINGS], app[CLOCK]) as found:
        app[CIPHER] = found.cipher
        app[SESSIONS] = found.sessions
        app[READS] = found.reads
        app[ARCHIVE] = found.archive
        app[REPLAYS] = Replays(found.sessions, found.reads, app[CLOCK], found.archive)
        app[SITE] = _site(found, app[DEMO])
        yield


def _site(found: Opened, demo: Demo | None) -> Site:
    return Site(
        name=found.name,
        phone=found.phone,
        demo_accounts=tuple(account.account for account in demo.accounts) if demo else (),
        demo_password=demo.password if demo else "",
    )


async def live(app: web.Application) -> AsyncIterator[None]:
    """The live half: one task that owns connections, the line, rooms and the media worker."""
    half = Live(app[SETTINGS], app[CLOCK], app[SESSIONS], app[READS], app[ARCHIVE])
    app[LIVE] = half
    task = app[LIVE_TASK] = asyncio.create_task(half.run(), name="live")
    yield
    await _end(task)
    await half.close()


async def leave(app: web.Application) -> None:
    """Before the web server waits for its open connections to end."""
    app[LIVE].stop_serving()


async def connect(request: web.Request) -> web.StreamResponse:
    """`GET /ws`"""
    return await request.app[LIVE].connect(request)


async def housekeeping(app: web.Application) -> AsyncIterator[None]:
    """Forgets, every hour, what no longer says anything: ended log-ins, throttles, kept results of presses."""
    task = asyncio.create_task(_keep_house(app[SESSIONS], app[CLOCK]), name="housekeeping")
    yield
    await _end(task)


async def _keep_house(sessions: Sessions, clock: Clock) -> None:
    while True:
        try:
            await _forget_old(sessions, clock.now())
        except Exception:
            log.exception("housekeeping failed; it is tried again in an hour")
        await asyncio.sleep(HOUSEKEEPING_S)


async def _forget_old(sessions: Sessions, now: datetime) -> None:
    async with sessions.begin() as db:
        await log_ins.forget_old(db, now)
        await idempotency.forget_old(db, now)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; pages set stricter ones of their own."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
