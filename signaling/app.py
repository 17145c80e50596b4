"""Puts the server together: what it holds, in which order that starts and stops, and which routes it answers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import web

from scheduler.clock import Clock, SystemClock
from scheduler.db import create_engine, migrate, read_session_factory, session_factory
from scheduler.people import Passwords
from signaling import api_admin, api_lawyer, api_station, health, log_in
from signaling.errors import answer_errors
from signaling.http import MAX_BODY_BYTES, Route, mount
from signaling.key_files import read_cipher
from signaling.keys import CIPHER, CLOCK, PASSWORDS, READS, SESSIONS, SETTINGS
from signaling.log_in import THROTTLE, check_origin, identify
from signaling.metrics import METRICS, Metrics, measure, show_metrics
from signaling.settings import Settings
from signaling.throttle import Throttle
from web_client import routes as pages

log = logging.getLogger(__name__)

ROUTES: Final[tuple[Route, ...]] = (*log_in.ROUTES, *api_admin.ROUTES, *api_station.ROUTES, *api_lawyer.ROUTES)


def build_app(settings: Settings, *, clock: Clock | None = None, authority: Path | None = None) -> web.Application:
    """The whole server; nothing starts before the application does.

    `authority` is the certificate that `/ca.crt` hands out.  Starting raises KeysMissing when the data directory has
    not been initialised.
    """
    app = web.Application(
        middlewares=[measure, answer_errors, check_origin, identify],
        client_max_size=MAX_BODY_BYTES,
    )
    clock = clock or SystemClock()
    app[SETTINGS] = settings
    app[CLOCK] = clock
    app[METRICS] = Metrics()
    app[PASSWORDS] = Passwords()
    app[THROTTLE] = Throttle(clock, settings.login_attempts_per_minute)
    app.cleanup_ctx.append(database)
    app.on_response_prepare.append(protect)
    mount(app, ROUTES)
    app.router.add_get("/metrics", show_metrics)
    health.add_routes(app, authority)
    pages.add_routes(app)
    return app


async def database(app: web.Application) -> AsyncIterator[None]:
    """Migrates, then opens the database; closes it last of all."""
    settings = app[SETTINGS]
    app[CIPHER] = await asyncio.to_thread(read_cipher, settings)
    await migrate(settings.database)
    engine = create_engine(settings.database)
    app[SESSIONS] = session_factory(engine)
    app[READS] = read_session_factory(engine)
    yield
    await engine.dispose()


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; pages set stricter ones of their own."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
