from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler import people
from scheduler.log_ins import IDLE
from signaling.keys import SESSIONS
from signaling.log_in import COOKIE
from tests.support.server import PASSWORD, Server, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


async def test_logging_in_leads_to_the_workspace(server: Server) -> None:
    async with server.browser() as browser:
        answer = await browser.log_in("clerk")
        assert answer.status == 200
        assert answer.json["home"] == "/station"
        person = answer.json["person"]
        assert (person["account"], person["roles"]) == ("clerk", ["station_clerk"])
        assert person["org"] == {
            "id": server.orgs["east"],
            "name": "经八路",
            "kind": "street",
            "phone": "0371-87654321",
        }
        me = await browser.get("/api/me")
        assert me.json == {"person": person, "home": "/station", "language": "zh-CN", "elder": False}
        assert me.headers["Cache-Control"] == "no-store"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Server) -> None:
    async with server.browser() as browser:
        cookie = (await browser.log_in("clerk")).headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie


async def test_behind_an_https_proxy_the_cookie_is_secure(tmp_path: Path) -> None:
    async with serving(tmp_path, behind_proxy=True) as server, server.browser() as browser:
        origin = str(server.base.origin()).replace("http:", "https:")
        headers = {"Origin": origin, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
        body = {"account": "clerk", "password": PASSWORD}
        answer = await browser.post("/api/login", body, headers=headers)
        assert answer.status == 200
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_wrong_password_counts_down_and_then_waits(server: Server) -> None:
    async with server.browser() as browser:
        left = []
        for _ in range(5):
            answer = await browser.log_in("clerk", "wrong")
            assert (answer.status, answer.code) == (401, "bad_credentials")
            left.append(answer.json["error"]["tries_left"])
        assert left == [4, 3, 2, 1, 0]
        answer = await browser.log_in("clerk")
        assert (answer.status, answer.code) == (429, "throttled")
        assert int(answer.headers["Retry-After"]) == answer.json["error"]["retry_after_s"]
        server.clock.advance(answer.json["error"]["retry_after_s"])
        assert (await browser.log_in("clerk")).status == 200


async def test_an_address_that_tries_too_often_waits(server: Server) -> None:
    async with server.browser() as browser:
        for number in range(20):
            assert (await browser.log_in(f"nobody{number}")).status == 401
        assert (await browser.log_in("clerk")).code == "throttled"
        server.clock.advance(3)
        assert (await browser.log_in("clerk")).status == 200


async def test_logging_out_ends_it_on_the_server(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        kept = {COOKIE: browser.cookie(COOKIE)}
        assert (await browser.post("/api/logout", {})).status == 200
        assert (await browser.get("/api/me", cookies=kept)).code == "unauthenticated"
        assert (await browser.post("/api/logout", {})).status == 200


async def test_an_idle_log_in_ends_and_a_used_one_goes_on(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        for _ in range(2):
            server.clock.advance((IDLE - timedelta(minutes=1)).total_seconds())
            assert (await browser.get("/api/me")).status == 200
    async with server.as_person("lawyer") as browser:
        server.clock.advance(IDLE.total_seconds())
        assert (await browser.get("/api/me")).code == "unauthenticated"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site", "Origin": ""}]
)
async def test_another_site_cannot_act(server: Server, headers: dict[str, str]) -> None:
    async with server.as_person("clerk") as browser:
        answer = await browser.post("/api/logout", {}, headers=headers)
        assert (answer.status, answer.code) == (403, "bad_origin")
        assert (await browser.get("/api/me")).status == 200


async def test_preferences_are_kept(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        answer = await browser.put("/api/me/preferences", {"elder": True})
        assert (answer.json["elder"], answer.json["language"]) == (True, "zh-CN")
        await browser.put("/api/me/preferences", {"language": "en"})
        me = (await browser.get("/api/me")).json
        assert (me["elder"], me["language"]) == (True, "en")


async def test_a_one_time_link_sets_the_password_and_ends_log_ins(server: Server) -> None:
    async with server.app[SESSIONS].begin() as db:
        link = await people.make_password_link(db, server.people["clerk"], server.clock.now())
    async with server.as_person("clerk") as old, server.browser() as browser:
        short = await browser.post("/api/password", {"token": link.token, "password": "kurz"})
        assert (short.status, list(short.json["error"]["fields"])) == (422, ["password"])
        body = {"token": link.token, "password": "ganz neues Passwort"}
        assert (await browser.post("/api/password", body)).status == 200
        assert (await browser.post("/api/password", body)).code == "invalid"
        assert (await old.get("/api/me")).code == "unauthenticated"
        assert (await browser.log_in("clerk")).code == "bad_credentials"
        assert (await browser.log_in("clerk", "ganz neues Passwort")).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"account": "clerk"}, "password"),
        ({"account": "clerk", "password": 5}, "password"),
        ({"account": "clerk", "password": "x", "admin": True}, "admin"),
        ({"account": "clerk", "password": "x" * 129}, "password"),
        ([], "body"),
    ],
)
async def test_a_body_of_the_wrong_shape_names_the_field(server: Server, body: object, field: str) -> None:
    async with server.browser() as browser:
        answer = await browser.post("/api/login", body)
        assert (answer.status, answer.code) == (400, "bad_request")
        assert list(answer.json["error"]["fields"]) == [field]


async def test_the_log_tells_who_and_which_route_but_no_secret(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with server.as_person("clerk") as browser:
        with caplog.at_level("DEBUG"):
            await browser.log_in("clerk", "a wrong password")
            await browser.post("/api/password", {"token": "one-time-token", "password": "kurz"})
            await browser.get("/password/one-time-token?q=secret")
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "POST /api/login 401" in logged
    for secret in ("a wrong password", "one-time-token", "kurz", "q=secret", browser.cookie(COOKIE)):
        assert secret not in logged
