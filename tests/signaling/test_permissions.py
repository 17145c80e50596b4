"""Every route × every role: the table in scheduler.access is what is served, and nothing is served beside it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.access import PERMISSIONS, Action
from scheduler.people import Role
from signaling.app import ROUTES
from signaling.http import Route
from tests.support.server import ACCOUNTS, Answer, Browser, Server, serving

ACCOUNT_OF = {role: account for account, (role, _) in reversed(ACCOUNTS.items())}
# The same text everywhere: an id that nothing has.
NOBODY = "00000000000000000000000000"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


async def ask(browser: Browser, route: Route) -> Answer:
    path = re.sub(r"{\w+}", NOBODY, route.path)
    return await browser.get(path) if route.method == "GET" else await browser.send(route.method, path, {})


def test_there_is_an_account_for_every_role() -> None:
    assert set(ACCOUNT_OF) == set(Role)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_reaches_its_routes_and_no_other(server: Server, role: Role) -> None:
    async with server.as_person(ACCOUNT_OF[role]) as browser:
        for route in ROUTES:
            if route.path in ("/api/logout", "/api/login", "/api/password"):
                continue
            answer = await ask(browser, route)
            told = (route.method, route.path, answer.json)
            if isinstance(route.access, Action) and role not in PERMISSIONS[route.access]:
                assert (answer.status, answer.code) == (403, "denied"), told
            else:
                assert answer.status in (200, 400, 404, 409, 422), told


async def test_without_a_log_in_only_public_routes_answer(server: Server) -> None:
    async with server.browser() as browser:
        for route in ROUTES:
            answer = await ask(browser, route)
            told = (route.method, route.path, answer.json)
            if route.access == "public":
                assert answer.status in (200, 400), told
            else:
                assert (answer.status, answer.code) == (401, "unauthenticated"), told


async def test_no_route_of_the_api_is_served_beside_the_table(server: Server) -> None:
    listed = {(route.method, route.path) for route in ROUTES} | {("GET", "/api/openapi.json")}
    served = {
        (route.method, route.resource.canonical)
        for route in server.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api")
    }
    assert {(method, path) for method, path in served if method != "HEAD"} == listed


def test_every_action_is_somebodys() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(PERMISSIONS.values())
