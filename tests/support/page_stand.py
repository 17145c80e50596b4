"""The pages without the rest of the server: the viewer comes from a cookie, `/api` from a table the test fills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from scheduler.access import Viewer
from scheduler.ids import LogInId, OrgId, PersonId
from scheduler.organisations import OrgKind
from scheduler.people import Language, Role
from web_client.routes import add_routes
from web_client.views import SITE, Site, error_page

WHO = "who"
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def viewer(role: Role, name: str = "郑宏", **changes: Any) -> Viewer:
    """A viewer with `role`; `changes` replace single fields."""
    fields: dict[str, Any] = {
        "person_id": PersonId(f"person-{role}"),
        "account": f"{role}01",
        "name": name,
        "roles": frozenset({role}),
        "org_id": OrgId("org"),
        "org_name": "花园路街道公共法律服务工作站",
        "org_kind": OrgKind.STREET,
        "org_phone": "0371-5550 0102",
        "org_path": "/org/",
        "elder": False,
        "language": Language.ZH_CN,
        "log_in_id": LogInId("log-in"),
    }
    return Viewer(**{**fields, **changes})


class Stand:
    """`replies`: "METHOD /path" → JSON value, (status, value) or handler; `asked` keeps what was sent."""

    def __init__(self) -> None:
        self.viewers = {str(role): viewer(role) for role in Role}
        self.replies: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.url = ""
        self.app = web.Application(middlewares=[self._identify])
        self.app[SITE] = Site("金水区公共法律服务中心", "0371-5550 0100")
        add_routes(self.app)
        self.app.router.add_get("/healthz", self._health)
        self.app.router.add_get("/fault", self._fault)
        self.app.router.add_route("*", "/api/{tail:.*}", self._reply)
        self.app.router.add_get("/media/{tail:.*}", self._reply)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Stand]:
        """Serves on a free port of 127.0.0.1."""
        runner = web.AppRunner(self.app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def sent(self, call: str) -> list[Any]:
        """Bodies of every request to `call` ("METHOD /path") so far."""
        return [body for name, body in self.asked if name == call]

    @web.middleware
    async def _identify(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request["viewer"] = self.viewers.get(request.cookies.get(WHO, ""))
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return error_page(request, 404)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def _fault(self, request: web.Request) -> web.Response:
        return error_page(request, 500, "k7q248")

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        call = f"{request.method} {request.path}"
        self.asked.append((call, await request.json() if request.can_read_body else dict(request.query)))
        reply = self.replies.get(call, (404, {"error": {"code": "not_found", "text": "没有。"}}))
        if asyncio.iscoroutinefunction(reply):
            response: web.StreamResponse = await reply(request)
            return response
        status, value = reply if isinstance(reply, tuple) else (200, reply)
        return web.json_response(value, status=status)
