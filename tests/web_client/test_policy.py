"""What pages allow the browser, and that no page needs more."""

from html.parser import HTMLParser

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.support.page_stand import WHO, Stand

PAGES = [
    ("", "/login"),
    ("", "/check"),
    ("", "/password/token"),
    ("", "/offline"),
    ("", "/fault"),
    ("", "/nowhere"),
    ("auditor", "/station"),
    ("station_clerk", "/station"),
    ("station_clerk", "/station/check"),
    ("station_clerk", "/station/rating/c1"),
    ("station_clerk", "/station/record/c1"),
    ("duty_lawyer", "/lawyer"),
    ("auditor", "/audit"),
    ("auditor", "/audit/replay/r1"),
    ("auditor", "/audit/record/c1"),
    ("admin", "/admin"),
    ("dispatcher", "/dispatch"),
]
WITH_MEDIA = {"/check", "/station/check", "/station", "/lawyer"}


class Forbidden(HTMLParser):
    """Collects what the policy would block, and the nonces of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.nonces: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.inline += [f"<{tag} {name}>" for name in names if name == "style" or name.startswith("on")]
        if tag == "style" or str(names.get("href", "")).startswith("javascript:"):
            self.inline.append(f"<{tag}>")
        if tag == "script" and names.get("type") != "application/json":
            self.nonces.add(names.get("nonce"))


@pytest.mark.parametrize(("who", "path"), PAGES)
async def test_pages_carry_a_strict_policy_and_live_within_it(who: str, path: str) -> None:
    async with TestClient(TestServer(Stand().app)) as client:
        answer = await client.get(path, headers={"Cookie": f"{WHO}={who}"})
        again = await client.get(path, headers={"Cookie": f"{WHO}={who}"})
        found = Forbidden()
        found.feed(await answer.text())
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    (nonce,) = found.nonces
    assert found.inline == []
    assert policy["script-src"] == f"'self' 'nonce-{nonce}'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert again.headers["Content-Security-Policy"] != answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("who", "path"), PAGES)
async def test_only_pages_that_use_camera_and_microphone_may(who: str, path: str) -> None:
    async with TestClient(TestServer(Stand().app)) as client:
        answer = await client.get(path, headers={"Cookie": f"{WHO}={who}"})
    allowed = "camera=(self), microphone=(self), display-capture=(self)" in answer.headers["Permissions-Policy"]
    assert allowed == (path in WITH_MEDIA and answer.status == 200)
    assert allowed or "camera=(), microphone=(), display-capture=()" in answer.headers["Permissions-Policy"]


async def test_facts_cannot_break_out_of_their_script_element() -> None:
    async with TestClient(TestServer(Stand().app)) as client:
        text = await (await client.get("/password/%3C%2Fscript%3E%3Cimg%20src=x%3E")).text()
    assert "</script><img" not in text
    assert "\\u003c/script\\u003e" in text
