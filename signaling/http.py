"""How an HTTP call becomes a function call: one `Route` per row of PROTOCOL.md section 2.

A route names who may use it, and its body; nothing is served without one.  The permission is checked before
the body is read; the body is a strict model that forbids unknown fields; the reply is JSON with times in UTC.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json, to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.access import Action, Viewer, permit
from scheduler.db import Sessions
from scheduler.errors import Conflict, Refused, Unauthenticated
from scheduler.idempotency import forget, once, remember
from signaling.keys import CLOCK, READS, SESSIONS

MAX_BODY_BYTES: Final = 256 * 1024

Access = Action | Literal["public", "logged_in"]
Key = Annotated[str, Field(min_length=8, max_length=64)]


class Body(BaseModel):
    """Unknown fields and coerced types are refused: a typing mistake must not pass as a default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(Body):
    """`{}`"""


class Keyed(Body):
    """What a person presses: the same key never acts twice.

    `secret`: fields that stay out of the kept hash, because few values are possible and a hash would give them away.
    """

    secret: ClassVar[frozenset[str]] = frozenset()
    key: Key


class Query(BaseModel):
    """Query parameters, which are text: `"5"` is a number here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


B = TypeVar("B", bound=Body)
B_co = TypeVar("B_co", bound=Body, covariant=True)
Q = TypeVar("Q", bound=Query)
K = TypeVar("K", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Exchange(Generic[B_co]):
    """One request with its checked body, and what a handler needs to answer it."""

    request: web.Request
    body: B_co

    @property
    def viewer(self) -> Viewer:
        """Who asks.  Unauthenticated when nobody is logged in."""
        return viewer_of(self.request)

    @property
    def now(self) -> datetime:
        return self.request.app[CLOCK].now()

    @property
    def sessions(self) -> Sessions:
        return self.request.app[SESSIONS]

    @property
    def reads(self) -> Sessions:
        return self.request.app[READS]

    def part(self, name: str) -> str:
        """A part of the path, `{name}`."""
        return self.request.match_info[name]

    def query(self, model: type[Q]) -> Q:
        """Raises Refused(bad_request)."""
        try:
            return model.model_validate(dict(self.request.query))
        except ValidationError as error:
            raise bad_request(error) from None


async def press(exchange: Exchange[K], act: Callable[[AsyncSession], Awaitable[object]]) -> Any:
    """Runs `act` in a transaction, once per person, route and key; a second press gets the first result."""
    person_id, key = exchange.viewer.person_id, exchange.body.key
    action, digest = _identity(exchange)
    async with exchange.sessions.begin() as db:
        first = await once(db, person_id, action, key, digest, exchange.now)
        if first is not None:
            return first
        result = to_jsonable_python(await act(db))
        await remember(db, person_id, action, key, result)
    return result


async def press_apart(exchange: Exchange[K], act: Callable[[], Awaitable[object]]) -> object:
    """Like `press`, for an `act` that owns its transactions.

    A second press while the first is still at work, or after the server died in the middle of it, is a Conflict; when
    `act` fails, the key is free again.
    """
    person_id, key = exchange.viewer.person_id, exchange.body.key
    action, digest = _identity(exchange)
    async with exchange.sessions.begin() as db:
        first = await once(db, person_id, action, key, digest, exchange.now)
    if first is not None:
        if not first:
            raise Conflict("上一次还在处理，请等几秒再看结果。")
        return first
    try:
        result = to_jsonable_python(await act())
    except BaseException:
        async with exchange.sessions.begin() as db:
            await forget(db, person_id, action, key)
        raise
    async with exchange.sessions.begin() as db:
        await remember(db, person_id, action, key, result)
    return result


def _identity(exchange: Exchange[K]) -> tuple[str, str]:
    """What a key belongs to, and the hash of the request it came with."""
    request, body = exchange.request, exchange.body
    resource = request.match_info.route.resource
    told = body.model_dump_json(exclude=set(body.secret))
    digest = hashlib.sha256(f"{request.path}\n{told}".encode()).hexdigest()
    return f"{request.method} {resource.canonical if resource else request.path}"[:64], digest


@dataclass(frozen=True, slots=True)
class Route:
    """One call.  `access`: an Action of the permissions table, `logged_in` for every role, or `public`."""

    method: str
    path: str
    access: Access
    body: type[Body]
    summary: str
    query: type[Query] | None
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]]


def reading(
    path: str,
    handler: Callable[[Exchange[Nothing]], Awaitable[object]],
    access: Access,
    summary: str,
    query: type[Query] | None = None,
) -> Route:
    """A GET route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        _check(request, access)
        return _answer(await handler(Exchange(request, Nothing())))

    return Route(hdrs.METH_GET, path, access, Nothing, summary, query, handle)


def writing(
    method: str,
    path: str,
    handler: Callable[[Exchange[B]], Awaitable[object]],
    access: Access,
    body: type[B],
    summary: str,
) -> Route:
    """A POST, PUT or DELETE route with a JSON body."""

    async def handle(request: web.Request) -> web.StreamResponse:
        _check(request, access)
        return _answer(await handler(Exchange(request, await read_body(request, body))))

    return Route(method, path, access, body, summary, None, handle)


def mount(app: web.Application, routes: Iterable[Route]) -> None:
    for route in routes:
        app.router.add_route(route.method, route.path, route.handle)


async def read_body(request: web.Request, model: type[B]) -> B:
    """Raises Refused(bad_request, too_large)."""
    if model is Nothing and not request.can_read_body:
        return model()
    if request.content_type != "application/json":
        raise Refused("bad_request", "请求要用 application/json。")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise bad_request(error) from None
    except web.HTTPRequestEntityTooLarge:
        raise Refused("too_large", f"内容太大，最多 {MAX_BODY_BYTES // 1024} KiB。请删短一些再试。") from None


def bad_request(error: ValidationError) -> Refused:
    """Names the fields and what is wrong with them, never their values: one may be somebody's name."""
    fields = {
        ".".join(str(part) for part in fault["loc"]) or "body": fault["msg"]
        for fault in error.errors(include_url=False, include_input=False, include_context=False)[:20]
    }
    return Refused("bad_request", f"请求的格式不对（{'、'.join(fields)}）。请刷新页面再试。", fields=fields)


def viewer_of(request: web.Request) -> Viewer:
    """Raises Unauthenticated."""
    viewer: Viewer | None = request.get("viewer")
    if viewer is None:
        raise Unauthenticated
    return viewer


def _check(request: web.Request, access: Access) -> None:
    if access == "public":
        return
    viewer = viewer_of(request)
    if isinstance(access, Action):
        permit(viewer, access)


def _answer(result: object) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    return web.Response(body=to_json(result), content_type="application/json", charset="utf-8")


def items(found: Sequence[object], following: str | None = None) -> dict[str, object]:
    """A list of PROTOCOL.md section 2."""
    return {"items": found, "next": following}
