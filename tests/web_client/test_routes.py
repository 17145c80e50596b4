"""Every URL shows the right page to the right people."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from scheduler.people import Role
from tests.support.page_stand import WHO, Stand, viewer
from web_client.homes import WORKSPACES, home_of

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with TestClient(TestServer(Stand().app)) as open_client:
        yield open_client


def as_role(role: Role) -> dict[str, str]:
    return {"Cookie": f"{WHO}={role}"}


OWN_PAGES = [
    (Role.STATION_CLERK, "/station"),
    (Role.STATION_CLERK, "/station/visit/v1"),
    (Role.STATION_CLERK, "/station/waiting/c1"),
    (Role.STATION_CLERK, "/station/room/c1"),
    (Role.STATION_CLERK, "/station/done/c1"),
    (Role.STATION_CLERK, "/station/check"),
    (Role.STATION_CLERK, "/station/rating/c1"),
    (Role.STATION_CLERK, "/station/record/c1"),
    (Role.DUTY_LAWYER, "/lawyer"),
    (Role.DUTY_LAWYER, "/lawyer/room/c1"),
    (Role.DUTY_LAWYER, "/lawyer/wrap-up/c1"),
    (Role.AUDITOR, "/audit"),
    (Role.AUDITOR, "/audit/replay/r1"),
    (Role.AUDITOR, "/audit/record/c1"),
    (Role.ADMIN, "/admin"),
    (Role.DISPATCHER, "/dispatch"),
    (Role.MEDIATOR, "/mediator"),
    (Role.ARCHIVIST, "/archive"),
]


@pytest.mark.parametrize(("role", "path"), OWN_PAGES)
async def test_own_pages_are_served(client: Client, role: Role, path: str) -> None:
    answer = await client.get(path, headers=as_role(role))
    assert answer.status == 200
    assert '<main id="main"' in await answer.text()


@pytest.mark.parametrize("path", ["/login", "/check", "/password/token", "/offline"])
async def test_open_pages_need_no_log_in(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 200


@pytest.mark.parametrize(("role", "path"), OWN_PAGES)
async def test_without_log_in_every_workspace_leads_to_it(client: Client, role: Role, path: str) -> None:
    answer = await client.get(path + "?t=3&a=b", allow_redirects=False)
    assert answer.status == 303
    assert URL(answer.headers["Location"], encoded=True).query["next"] == f"{path}?t=3&a=b"


@pytest.mark.parametrize(("role", "path"), OWN_PAGES)
async def test_every_other_role_is_denied_and_told_whose_page_it_is(
    client: Client,
    caplog: pytest.LogCaptureFixture,
    role: Role,
    path: str,
) -> None:
    labels = {workspace.role: workspace.label for workspace in WORKSPACES}
    for other in set(Role) - {role}:
        answer = await client.get(path, headers=as_role(other))
        text = await answer.text()
        assert answer.status == 403
        assert f"「{labels[role]}」" in text
        assert f"「{labels[other]}」" in text
        assert f"denied page {path} to {other}01" in caplog.text


@pytest.mark.parametrize("role", list(Role))
async def test_the_root_leads_home(client: Client, role: Role) -> None:
    answer = await client.get("/", headers=as_role(role), allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, home_of({role}))
    assert (await client.get(home_of({role}), headers=as_role(role))).status == 200


async def test_the_root_leads_strangers_to_the_log_in(client: Client) -> None:
    answer = await client.get("/", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")


def test_somebody_with_several_roles_lands_at_the_first() -> None:
    assert home_of([Role.ADMIN, Role.DUTY_LAWYER]) == "/lawyer"
    assert home_of([]) == "/login"
    assert home_of(["juggler"]) == "/login"


async def test_unwritten_workspaces_say_so(client: Client) -> None:
    text = await (await client.get("/dispatch", headers=as_role(Role.DISPATCHER))).text()
    assert "这个版本还没有" in text


async def test_the_language_is_chosen_at_log_in_and_kept(client: Client) -> None:
    chinese = await (await client.get("/login", headers={"Accept-Language": "en-US,en"})).text()
    assert '<html lang="zh-CN"' in chinese
    chosen = await client.get("/login?language=en&next=/audit", allow_redirects=False)
    assert chosen.headers["Location"] == "/login?next=/audit"
    english = await (await client.get("/login")).text()
    assert '<html lang="en"' in english
    assert ">Log in<" in english


async def test_an_unknown_language_is_ignored(client: Client) -> None:
    answer = await client.get("/login?language=tlh", allow_redirects=False)
    assert answer.status == 200


async def test_large_type_follows_account_and_computer() -> None:
    stand = Stand()
    stand.viewers["auditor"] = viewer(Role.AUDITOR, elder=True)
    async with TestClient(TestServer(stand.app)) as client:
        account = await (await client.get("/audit", headers={"Cookie": f"{WHO}=auditor"})).text()
        computer = await (await client.get("/audit", headers={"Cookie": f"{WHO}=auditor; lawlink_elder=0"})).text()
    assert 'class="elder"' in account
    assert 'class="standard"' in computer


async def test_a_fault_says_it_is_not_your_fault_and_gives_the_incident(client: Client) -> None:
    answer = await client.get("/fault")
    text = await answer.text()
    assert answer.status == 500
    assert "不是您操作错了" in text
    assert "k7q248" in text


async def test_a_missing_page_is_a_page(client: Client) -> None:
    answer = await client.get("/nowhere")
    assert answer.status == 404
    assert "没有这个页面" in await answer.text()
