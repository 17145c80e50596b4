import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy.exc import OperationalError

import recordings.errors
from scheduler.errors import Changed, Refused, Throttled
from signaling.errors import STATUS, refusal
from signaling.http import MAX_BODY_BYTES
from tests.support.server import Server, serving

BROKEN = {
    "bug": RuntimeError("secret detail"),
    "database": OperationalError("SELECT", {}, Exception("disk I/O error")),
    "storage": recordings.errors.StorageFull("no room"),
    "gone": recordings.errors.NotFound("no such file"),
    "refused": Refused("conflict", "已经变了。", detail={"state": "closed"}),
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    def add(app: web.Application) -> None:
        async def fail(request: web.Request) -> web.Response:
            raise BROKEN[request.match_info["how"]]

        app.router.add_get("/api/broken/{how}", fail)
        app.router.add_get("/broken/{how}", fail)

    async with serving(tmp_path, prepare=add) as server:
        yield server


@pytest.mark.parametrize(
    ("how", "status", "code", "has_incident"),
    [
        ("bug", 500, "incident", True),
        ("database", 503, "unavailable", True),
        ("storage", 503, "unavailable", True),
        ("gone", 404, "not_found", False),
        ("refused", 409, "conflict", False),
    ],
)
async def test_a_fault_becomes_a_clear_word(
    server: Server, caplog: pytest.LogCaptureFixture, how: str, status: int, code: str, has_incident: bool
) -> None:
    async with server.browser() as browser:
        with caplog.at_level(logging.ERROR, "signaling.errors"):
            answer = await browser.get(f"/api/broken/{how}")
    assert (answer.status, answer.code) == (status, code)
    assert "secret detail" not in answer.body.decode()
    error = answer.json["error"]
    assert ("incident" in error) is has_incident
    if has_incident:
        assert len(error["incident"]) == 6
        (record,) = caplog.records
        assert record.exc_info is not None
        assert record.exc_info[1] is BROKEN[how]


async def test_a_page_shows_the_incident(server: Server) -> None:
    async with server.browser() as browser:
        answer = await browser.get("/broken/bug")
    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "secret detail" not in answer.body.decode()


async def test_an_unknown_address_is_json_below_api_and_a_page_elsewhere(server: Server) -> None:
    async with server.browser() as browser:
        api, page = await browser.get("/api/nothing"), await browser.get("/nothing")
    assert (api.status, api.code) == (404, "not_found")
    assert page.status == 404
    assert page.headers["Content-Type"].startswith("text/html")


async def test_a_wrong_method_names_the_right_ones(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        answer = await browser.put("/api/visits", {})
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "bad_request", "POST")


async def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        answer = await browser.post("/api/visits", {"key": "x" * 8, "facts": "x" * MAX_BODY_BYTES})
    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"account": "\\ud800"}', b"null"])
async def test_malformed_json_is_a_bad_request(server: Server, content: bytes) -> None:
    async with server.browser() as browser:
        answer = await browser.raw("POST", "/api/login", content, {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_form_is_no_json(server: Server) -> None:
    async with server.browser() as browser:
        answer = await browser.raw("POST", "/api/login", b"account=a", {"Content-Type": "text/plain"})
    assert (answer.status, answer.code) == (400, "bad_request")


def test_every_code_of_the_protocol_has_its_status() -> None:
    protocol = (Path(__file__).resolve().parents[2] / "signaling" / "PROTOCOL.md").read_text(encoding="utf-8")
    for code, status in STATUS.items():
        assert f"| `{code}` | {status} |" in protocol


def test_a_wait_is_also_a_header_and_details_are_kept() -> None:
    assert refusal(Throttled(12.3)).headers["Retry-After"] == "12"
    assert b'"version":4' in bytes(refusal(Changed(4)).body or b"")  # type: ignore[arg-type]  # a Payload never occurs here
