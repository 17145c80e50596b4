"""Static files: hashed URLs for ever, plain ones revalidated, nothing outside the directory."""

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.support.page_stand import Stand
from web_client.assets import FOREVER, PREFIX, REVALIDATE, STATIC_DIR, Assets, UnknownAsset

IMPORT = re.compile(r"""\b(?:import|export)\b[^"';]*?from\s*["']([^"']+)["']|\bimport\s*\(?["']([^"']+)["']""")


def test_a_changed_file_gets_another_url(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("p{}")
    before = Assets(tmp_path).url("a.css")
    (tmp_path / "a.css").write_text("p{ }")
    assert Assets(tmp_path).url("a.css") != before
    assert re.fullmatch(r"/static/a\.[0-9a-f]{12}\.css", before)


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UnknownAsset, match=r"no-such\.css"):
        Assets().url("no-such.css")


@pytest.mark.parametrize("module", sorted((STATIC_DIR / "js").rglob("*.js")), ids=lambda p: p.name)
def test_every_import_is_a_relative_path_in_the_import_map(module: Path) -> None:
    imports = Assets().import_map()["imports"]
    for found in IMPORT.findall(module.read_text("utf-8")):
        name = found[0] or found[1]
        target = (module.parent / name).resolve().relative_to(STATIC_DIR).as_posix()
        assert name.startswith("."), f"{name} in {module.name}: only relative paths resolve without a bundler"
        assert PREFIX + target in imports


async def test_caching_compression_and_revalidation() -> None:
    assets = Assets()
    hashed = assets.url("css/components.css")
    async with TestClient(TestServer(Stand().app)) as client:
        kept = await client.get(hashed, headers={"Accept-Encoding": "gzip"})
        plain = await client.get("/static/css/components.css")
        stale = await client.get("/static/css/components.000000000000.css")
        same = await client.get(hashed, headers={"If-None-Match": kept.headers["ETag"]})
        bodies = [await answer.read() for answer in (kept, plain, stale)]
    assert kept.headers["Cache-Control"] == FOREVER
    assert kept.headers["Content-Encoding"] == "gzip"
    assert kept.headers["Content-Type"] == "text/css; charset=utf-8"
    assert plain.headers["Cache-Control"] == stale.headers["Cache-Control"] == REVALIDATE
    assert same.status == 304
    assert bodies == [(STATIC_DIR / "css/components.css").read_bytes()] * 3


OUTSIDE = ["../views.py", "..%2Fviews.py", "%2e%2e/views.py", "css", "css/", "no.css", "a" * 3000]


@pytest.mark.parametrize("tail", OUTSIDE)
async def test_nothing_else_is_served(tail: str) -> None:
    async with TestClient(TestServer(Stand().app)) as client:
        assert (await client.get(f"/static/{tail}")).status == 404


async def test_the_offline_worker_is_served_at_the_root() -> None:
    async with TestClient(TestServer(Stand().app)) as client:
        answer = await client.get("/sw.js")
        assert answer.content_type == "text/javascript"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert await answer.read() == (STATIC_DIR / "js/offline-worker.js").read_bytes()
