"""Is the server alive, and can it work?  For supervisors and load balancers; and the authority's certificate."""

import logging
from pathlib import Path
from typing import Final

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from signaling.keys import LIVE, READS
from signaling.metrics import METRICS

log = logging.getLogger(__name__)

AUTHORITY: Final[web.AppKey[Path | None]] = web.AppKey("authority")


def add_routes(app: web.Application, authority: Path | None) -> None:
    app[AUTHORITY] = authority
    app.router.add_get("/healthz", show_alive)
    app.router.add_get("/readyz", show_ready)
    app.router.add_get("/ca.crt", hand_out_authority)


async def show_alive(request: web.Request) -> web.Response:
    """`GET /healthz`: 200 while the process answers."""
    return web.json_response({"alive": True})


async def show_ready(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 when every part works, else 503; which part does not is in the body."""
    parts = {"database": await _database_works(request.app), **request.app[LIVE].ready()}
    for part, works in parts.items():
        request.app[METRICS].ready.labels(part).set(works)
    return web.json_response({"ready": all(parts.values()), "parts": parts}, status=200 if all(parts.values()) else 503)


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
