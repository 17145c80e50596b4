"""Logging in and out over HTTP, and who is behind a request: cookie, origin, throttle."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import log_ins, people
from scheduler.access import Viewer
from scheduler.errors import BadCredentials, Refused, Throttled, Unauthenticated
from scheduler.ids import LogInId
from scheduler.people import Language, check_password
from signaling.http import Body, Exchange, Nothing, Route, reading, writing
from signaling.keys import CLOCK, LIVE, PASSWORDS, READS, SESSIONS, SETTINGS
from signaling.logs import about
from signaling.metrics import METRICS
from signaling.origin import SAFE_METHODS, same_origin
from signaling.throttle import Throttle
from web_client.assets import PREFIX as ASSETS
from web_client.homes import home_of

COOKIE: Final = "lawlink_session"
THROTTLE: Final = web.AppKey("log_in_throttle", Throttle)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LogInBody(Body):
    account: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=128)]


class PreferencesBody(Body):
    elder: bool | None = None
    language: Literal["zh-CN", "en"] | None = None


class PasswordBody(Body):
    token: Annotated[str, Field(max_length=128)]
    password: Annotated[str, Field(max_length=128)]


def client_address(request: web.Request) -> str:
    """The address of the browser; behind a proxy that is trusted, the one the proxy saw."""
    if request.app[SETTINGS].behind_proxy:
        forwarded = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
        if forwarded:
            return forwarded[:64]
    return request.remote or "unknown"


def scheme(request: web.Request) -> str:
    """`http` or `https`, as the browser sees it."""
    if request.app[SETTINGS].behind_proxy:
        return request.headers.get("X-Forwarded-Proto", request.scheme).rsplit(",", 1)[-1].strip()
    return request.scheme


@web.middleware
async def check_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what another site's page sends: every unsafe method, and `/ws`, which starts as a GET."""
    unsafe = request.method not in SAFE_METHODS or request.path == "/ws"
    if unsafe and not same_origin(request.headers, scheme(request)):
        raise Refused("bad_origin", "请求来自别的网站，没有执行。请从本系统的页面操作。")
    return await handler(request)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Sets `request["viewer"]`: who is logged in, or None."""
    viewer = None
    token = request.cookies.get(COOKIE)
    if token and not request.path.startswith(ASSETS):
        viewer = await _find(request.app, token)
    request["viewer"] = viewer
    with about(person=viewer.person_id) if viewer else contextlib.nullcontext():
        return await handler(request)


async def _find(app: web.Application, token: str) -> Viewer | None:
    now = app[CLOCK].now()
    try:
        async with app[READS]() as db:
            found = await log_ins.find_log_in(db, token, now)
    except Unauthenticated:
        return None
    if found.touch_due:
        async with app[SESSIONS].begin() as db:
            await log_ins.touch(db, found.viewer.log_in_id, now)
    return found.viewer


def person_of(viewer: Viewer) -> dict[str, Any]:
    """`Person` of PROTOCOL.md."""
    org = {"id": viewer.org_id, "name": viewer.org_name, "kind": viewer.org_kind, "phone": viewer.org_phone}
    return {
        "id": viewer.person_id,
        "account": viewer.account,
        "name": viewer.name,
        "roles": sorted(viewer.roles),
        "org": org,
    }


async def post_login(exchange: Exchange[LogInBody]) -> web.StreamResponse:
    request, app = exchange.request, exchange.request.app
    address, metrics = client_address(request), app[METRICS]
    try:
        app[THROTTLE].attempt(address)
        made = await log_ins.log_in(
            app[SESSIONS], app[CLOCK], app[PASSWORDS], exchange.body.account, exchange.body.password, address
        )
    except (BadCredentials, Throttled) as refused:
        metrics.log_ins.labels(refused.code).inc()
        raise
    metrics.log_ins.labels("ok").inc()
    home = home_of(role.value for role in made.viewer.roles)
    response = web.json_response({"person": person_of(made.viewer), "home": home})
    _set_cookie(request, response, made.token, made.expires_at, exchange.now)
    return response


def _set_cookie(request: web.Request, response: web.Response, token: str, ends_at: datetime, now: datetime) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=round((ends_at - now).total_seconds()),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=scheme(request) == "https",
    )


async def post_logout(exchange: Exchange[Nothing]) -> web.StreamResponse:
    viewer: Viewer | None = exchange.request.get("viewer")
    if viewer is not None:
        async with exchange.sessions.begin() as db:
            await log_ins.log_out(db, viewer.log_in_id, exchange.now)
        exchange.request.app[LIVE].logged_out(viewer.log_in_id)
    response = web.json_response({})
    response.del_cookie(COOKIE, path="/")
    return response


def _me(viewer: Viewer, language: Language, elder: bool) -> dict[str, Any]:
    home = home_of(role.value for role in viewer.roles)
    return {"person": person_of(viewer), "home": home, "language": language, "elder": elder}


async def get_me(exchange: Exchange[Nothing]) -> object:
    viewer = exchange.viewer
    return _me(viewer, viewer.language, viewer.elder)


async def put_preferences(exchange: Exchange[PreferencesBody]) -> object:
    viewer, body = exchange.viewer, exchange.body
    language = Language(body.language) if body.language else None
    async with exchange.sessions.begin() as db:
        person = await people.set_preferences(db, viewer.person_id, elder=body.elder, language=language)
        return _me(viewer, person.language, person.elder)


async def post_password(exchange: Exchange[PasswordBody]) -> object:
    """Sets a password by a one-time link; whoever was logged in as that person is logged out."""
    app, body = exchange.request.app, exchange.body
    app[THROTTLE].attempt(client_address(exchange.request))
    check_password(body.password)
    password_hash = await app[PASSWORDS].hash(body.password)
    async with exchange.sessions.begin() as db:
        ended = await _use_link(db, body.token, password_hash, exchange.now)
    for log_in_id in ended:
        app[LIVE].logged_out(log_in_id)
    return {}


async def _use_link(db: AsyncSession, token: str, password_hash: str, now: datetime) -> list[LogInId]:
    person_id = await people.use_password_link(db, token, password_hash, now)
    return await log_ins.end_all(db, person_id, now)


ROUTES: Final[tuple[Route, ...]] = (
    writing("POST", "/api/login", post_login, "public", LogInBody, "Log in; sets the cookie"),
    writing("POST", "/api/logout", post_logout, "public", Nothing, "Log out"),
    reading("/api/me", get_me, "logged_in", "Who is logged in"),
    writing("PUT", "/api/me/preferences", put_preferences, "logged_in", PreferencesBody, "Language and text size"),
    writing("POST", "/api/password", post_password, "public", PasswordBody, "Set a password by a one-time link"),
)
