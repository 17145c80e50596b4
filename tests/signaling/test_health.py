import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from signaling import health
from signaling.app import build_app
from signaling.keys import LIVE
from signaling.settings import Settings
from tests.support.eventually import eventually
from tests.support.server import Server, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


async def test_it_is_alive_and_becomes_ready(server: Server) -> None:
    async with server.browser() as browser:
        assert (await browser.get("/healthz")).json == {"alive": True}
        await eventually(lambda: server.app[LIVE].ready()["media_worker"])
        answer = await browser.get("/readyz")
        assert answer.status == 200
        assert answer.json == {"ready": True, "parts": {"database": True, "storage": True, "media_worker": True}}


async def test_a_part_that_does_not_work_is_named(server: Server) -> None:
    shutil.rmtree(server.settings.store)
    async with server.browser() as browser:
        answer = await browser.get("/readyz")
    assert answer.status == 503
    assert answer.json["parts"]["storage"] is False


async def test_figures_are_counted_by_route_and_never_by_path(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        await browser.get("/api/visits/some-token-in-a-path")
        text = (await browser.get("/metrics")).body.decode()
    assert 'lawlink_http_requests_total{method="GET",route="/api/visits/{visit_id}",status="404"} 1.0' in text
    assert 'lawlink_log_ins_total{result="ok"} 1.0' in text
    assert 'lawlink_ready{part="database"} 1.0' in text
    assert "lawlink_connections 0.0" in text
    assert "some-token-in-a-path" not in text


async def test_the_authority_is_handed_out(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.crt"
    await asyncio.to_thread(certificate.write_text, "a certificate")

    def with_authority(app: web.Application) -> None:
        app[health.AUTHORITY] = certificate

    async with serving(tmp_path / "data", prepare=with_authority) as server, server.browser() as browser:
        answer = await browser.get("/ca.crt")
    assert (answer.status, answer.body) == (200, b"a certificate")
    assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"


async def test_there_is_no_authority_when_the_certificate_is_another_s(server: Server) -> None:
    async with server.browser() as browser:
        assert (await browser.get("/ca.crt")).status == 404


def test_two_applications_do_not_share_figures(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    build_app(settings)
    build_app(settings)
