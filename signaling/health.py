"""Is the server alive, and can it work?  For supervisors and load balancers; and the authority's certificate."""

import asyncio
import logging
import os
import shutil
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from signaling.keys import LIVE, READS, SETTINGS
from signaling.metrics import METRICS
from signaling.settings import Settings

log = logging.getLogger(__name__)

MIB: Final = 1024 * 1024

AUTHORITY: Final[web.AppKey[Path | None]] = web.AppKey("authority")


def add_routes(app: web.Application, authority: Path | None) -> None:
    app[AUTHORITY] = authority
    app.router.add_get("/healthz", show_alive)
    app.router.add_get("/readyz", show_ready)
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/ca.crt", hand_out_authority)


async def show_alive(request: web.Request) -> web.Response:
    """`GET /healthz`: 200 while the process answers."""
    return web.json_response({"alive": True})


async def show_ready(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 when every part works, else 503; which part does not is in the body."""
    parts = await _parts(request.app)
    return web.json_response({"ready": all(parts.values()), "parts": parts}, status=200 if all(parts.values()) else 503)


async def show_metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: Prometheus text, with the gauges as they are now."""
    metrics, live = request.app[METRICS], request.app[LIVE]
    for part, works in (await _parts(request.app)).items():
        metrics.ready.labels(part).set(works)
    metrics.connections.set(len(live.registry))
    metrics.rooms.set(len(live.conduct.rooms()))
    return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _parts(app: web.Application) -> dict[str, bool]:
    storage = await asyncio.to_thread(_storage_works, app[SETTINGS])
    return {"database": await _database_works(app), "storage": storage, **app[LIVE].ready()}


def _storage_works(settings: Settings) -> bool:
    """Whether a recording could begin and be sealed now: room, and the right to write."""
    try:
        free = shutil.disk_usage(settings.data).free
    except OSError:
        return False
    return free >= settings.disk_reserve_mb * MIB and os.access(settings.store, os.W_OK | os.X_OK)


async def _database_works(app: web.Application) -> bool:
    try:
        async with app[READS]() as db:
            await db.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        log.exception("the database does not answer")
        return False
    return True


async def hand_out_authority(request: web.Request) -> web.StreamResponse:
    """`GET /ca.crt`: what a station computer has to trust; 404 when the server uses a configured certificate."""
    path = request.app[AUTHORITY]
    if path is None:
        raise web.HTTPNotFound
    headers = {
        "Content-Type": "application/x-x509-ca-cert",
        "Content-Disposition": 'attachment; filename="lawlink-ca.crt"',
    }
    return web.FileResponse(path, headers=headers)
