from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler import offers
from scheduler.duty import set_presence
from scheduler.presence import PresenceState
from signaling.keys import SESSIONS
from tests.support.consultations import call, new_visit, talk, viewer
from tests.support.server import Browser, Server, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


async def answer_to(server: Server, account: str, consultation_id: str) -> str:
    """The facts, or the code of the refusal."""
    async with server.as_person(account) as browser:
        answer = await browser.get(f"/api/consultations/{consultation_id}")
    return str(answer.json["facts"]) if answer.status == 200 else answer.code


async def waiting(server: Server, clerk: Browser) -> str:
    return await call(server, (await new_visit(clerk))["id"])


async def test_a_consultation_is_read_by_its_station_and_its_lawyer_alone(server: Server) -> None:
    async with server.as_person("clerk") as clerk:
        talked = await talk(server, clerk)
    told = {
        account: await answer_to(server, account, talked.consultation_id)
        for account in ("clerk", "lawyer", "lawyer-two", "clerk-west", "auditor")
    }
    facts = "三个月没有发工资。"
    assert told == {
        "clerk": facts,
        "lawyer": facts,
        "lawyer-two": "not_found",
        "clerk-west": "not_found",
        "auditor": "denied",
    }


async def test_whoever_is_offered_a_visitor_reads_while_the_offer_is_open(server: Server) -> None:
    async with server.as_person("clerk") as clerk:
        consultation_id = await waiting(server, clerk)
    assert await answer_to(server, "lawyer", consultation_id) == "not_found"
    lawyer = await viewer(server, "lawyer")
    async with server.app[SESSIONS].begin() as db:
        await set_presence(db, lawyer, PresenceState.AVAILABLE, server.clock.now())
        (offer,) = await offers.match_and_offer(db, server.clock.now())
    assert await answer_to(server, "lawyer", consultation_id) == "三个月没有发工资。"
    assert await answer_to(server, "lawyer-two", consultation_id) == "not_found"
    async with server.app[SESSIONS].begin() as db:
        await offers.decline_offer(db, lawyer, offer.offer_id, "我认识当事人", server.clock.now())
    assert await answer_to(server, "lawyer", consultation_id) == "not_found"
