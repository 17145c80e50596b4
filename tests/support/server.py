"""A whole server for HTTP tests: real SQLite, port 0, time in the test's hand, and browsers that keep their cookie."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import argon2
from aiohttp import ClientResponse, ClientSession, CookieJar, web
from yarl import URL

from scheduler.ids import OrgId, PersonId
from scheduler.organisations import OrgKind, add_organisation
from scheduler.people import Passwords, Role, add_person
from signaling.app import build_app
from signaling.key_files import make_keys
from signaling.keys import PASSWORDS, SESSIONS
from signaling.settings import Settings
from tests.support.clock import ManualClock

PASSWORD = "一个够长的密码 2026"
# The least that argon2 takes: these tests are about log-ins, not about hashing.
FAST = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    json: Any

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Browser:
    """One person's browser: cookies, and the Origin of the server's own pages."""

    def __init__(self, base: URL) -> None:
        self.base = base
        self.client = ClientSession(base, cookie_jar=CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()

    def cookie(self, name: str) -> str:
        return self.client.cookie_jar.filter_cookies(self.base)[name].value

    async def get(self, path: str, **options: Any) -> Answer:
        async with self.client.get(path, allow_redirects=False, **options) as response:
            return await _answer(response)

    async def send(self, method: str, path: str, body: object, **options: Any) -> Answer:
        headers = {"Origin": str(self.base.origin()), **options.pop("headers", {})}
        async with self.client.request(method, path, json=body, headers=headers, **options) as response:
            return await _answer(response)

    async def raw(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> Answer:
        """A body that is not made by the browser's own JSON."""
        own = {"Origin": str(self.base.origin()), **headers}
        async with self.client.request(method, path, data=content, headers=own) as response:
            return await _answer(response)

    async def post(self, path: str, body: object, **options: Any) -> Answer:
        return await self.send("POST", path, body, **options)

    async def put(self, path: str, body: object, **options: Any) -> Answer:
        return await self.send("PUT", path, body, **options)

    async def delete(self, path: str, body: object, **options: Any) -> Answer:
        return await self.send("DELETE", path, body, **options)

    async def log_in(self, account: str, password: str = PASSWORD) -> Answer:
        return await self.post("/api/login", {"account": account, "password": password})


async def _answer(response: ClientResponse) -> Answer:
    body = await response.read()
    json = await response.json() if response.content_type == "application/json" else None
    return Answer(response.status, dict(response.headers), body, json)


def new_key() -> str:
    """What a page makes when a form opens."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class Server:
    """A started server with a district, two streets and one person per role (`clerk`, `lawyer`, `auditor`, …)."""

    settings: Settings
    clock: ManualClock
    prepare: Callable[[web.Application], None] | None = None
    app: web.Application = field(init=False)
    base: URL = field(init=False)
    _runner: web.AppRunner = field(init=False)
    orgs: dict[str, OrgId] = field(default_factory=dict)
    people: dict[str, PersonId] = field(default_factory=dict)

    async def start(self) -> None:
        self.app = build_app(self.settings, clock=self.clock)
        self.app[PASSWORDS] = Passwords(FAST)
        if self.prepare:
            self.prepare(self.app)
        self._runner = web.AppRunner(self.app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = URL(f"http://127.0.0.1:{self._runner.addresses[0][1]}")

    async def stop(self) -> None:
        await self._runner.cleanup()

    def browser(self) -> Browser:
        return Browser(self.base)

    @asynccontextmanager
    async def as_person(self, account: str) -> AsyncIterator[Browser]:
        """A browser that is logged in."""
        async with self.browser() as browser:
            answer = await browser.log_in(account)
            assert answer.status == 200, answer.json
            yield browser


ACCOUNTS = {
    "clerk": (Role.STATION_CLERK, "east"),
    "clerk-west": (Role.STATION_CLERK, "west"),
    "lawyer": (Role.DUTY_LAWYER, "district"),
    "lawyer-two": (Role.DUTY_LAWYER, "district"),
    "dispatcher": (Role.DISPATCHER, "district"),
    "mediator": (Role.MEDIATOR, "district"),
    "auditor": (Role.AUDITOR, "district"),
    "archivist": (Role.ARCHIVIST, "district"),
    "admin": (Role.ADMIN, "district"),
}


@asynccontextmanager
async def serving(
    directory: Path, *, prepare: Callable[[web.Application], None] | None = None, **values: Any
) -> AsyncIterator[Server]:
    """A running server whose data lies in `directory`; `prepare` may add routes, `values` are settings."""
    settings = Settings(**{"data": directory, "tls": False, "port": 0, **values})
    make_keys(settings)
    server = Server(settings, ManualClock(), prepare)
    try:
        await server.start()
        await _populate(server)
        yield server
    finally:
        await server.stop()


async def _populate(server: Server) -> None:
    now = server.clock.now()
    password_hash = FAST.hash(PASSWORD)
    async with server.app[SESSIONS].begin() as db:
        district = await add_organisation(
            db, name="金水区公共法律服务中心", kind=OrgKind.DISTRICT, parent_id=None, now=now, phone="0371-12345678"
        )
        server.orgs["district"] = district.id
        for place, name in (("east", "经八路"), ("west", "花园路")):
            street = await add_organisation(
                db, name=name, kind=OrgKind.STREET, parent_id=district.id, now=now, phone="0371-87654321"
            )
            server.orgs[place] = street.id
        for account, (role, place) in ACCOUNTS.items():
            person = await add_person(
                db,
                account=account,
                name=f"测试{account}",
                roles=[role],
                org_id=server.orgs[place],
                now=now,
                password_hash=password_hash,
            )
            server.people[account] = person.id
