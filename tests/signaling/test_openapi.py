from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from signaling.app import ROUTES
from signaling.openapi import document
from tests.support.server import serving

PROTOCOL = Path(__file__).resolve().parents[2] / "signaling" / "PROTOCOL.md"


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(document(ROUTES)).validate()


def test_every_route_is_in_the_document_and_in_the_protocol() -> None:
    made = document(ROUTES)
    protocol = PROTOCOL.read_text(encoding="utf-8")
    for route in ROUTES:
        assert made["paths"][route.path][route.method.lower()]["summary"] == route.summary
        last = route.path.rsplit("/", 1)[1]
        assert last.startswith("{") or last in protocol, f"{route.path} is not in PROTOCOL.md"


async def test_it_is_served_to_anybody(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.browser() as browser:
        answer = await browser.get("/api/openapi.json")
        assert (answer.status, answer.json["openapi"]) == (200, "3.1.0")
