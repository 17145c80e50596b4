"""The standing consent of clerks and lawyers, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scheduler import endings, offers
from scheduler.audit import AuditEntry
from scheduler.consent_texts import Audience, ConsentText, keep_text
from scheduler.consents import Barrier, Consent, in_force
from scheduler.consultations import begin
from scheduler.duty import set_presence
from scheduler.ids import ConsultationId
from scheduler.presence import PresenceState
from signaling.api_account import PATH
from signaling.keys import SESSIONS
from tests.support.consultations import call, new_visit, viewer
from tests.support.server import ACCOUNTS, Browser, Server, serving

STAFF = ("clerk", "lawyer")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


async def answer(browser: Browser, said: str, **changes: Any) -> Any:
    text = (await browser.get(PATH)).json["text"]
    body = {"answer": said, "text_version": text["version"], "text_sha256": text["sha256"]}
    return await browser.put(PATH, {**body, **changes})


async def rows(server: Server, account: str) -> list[str]:
    query = select(Consent.answer).where(Consent.person_id == server.people[account]).order_by(Consent.id)
    async with server.app[SESSIONS]() as db:
        return [str(found) for found in await db.scalars(query)]


async def noted(server: Server) -> list[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.action == "consent.standing").order_by(AuditEntry.seq)
    async with server.app[SESSIONS]() as db:
        return list(await db.scalars(query))


async def accept(server: Server, clerk: Browser) -> ConsultationId:
    """A consultation in progress between `clerk` and `lawyer`, whatever they said about recording."""
    visit = await new_visit(clerk)
    consultation_id, lawyer = await call(server, visit["id"]), await viewer(server, "lawyer")
    async with server.app[SESSIONS].begin() as db:
        await set_presence(db, lawyer, PresenceState.AVAILABLE, server.clock.now())
        (offer,) = await offers.match_and_offer(db, server.clock.now())
        await offers.accept_offer(db, lawyer, offer.offer_id, server.clock.now())
        await begin(db, consultation_id, server.clock.now())
    return consultation_id


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_clerks_and_lawyers_are_asked_and_nobody_else(server: Server, account: str) -> None:
    async with server.as_person(account) as browser:
        found = (await browser.get(PATH)).json
        needed = ACCOUNTS[account][0] in ("station_clerk", "duty_lawyer")
        assert (found["answer"], found["needed"]) == (None, needed)
        assert set(found["text"]) == {"version", "sha256", "title", "short", "text"}
        put = await answer(browser, "given")
        assert put.status == 200 if needed else (put.status, put.code) == (403, "denied")


async def test_without_both_standing_consents_nothing_is_recorded(server: Server) -> None:
    async with server.as_person("clerk") as clerk, server.as_person("lawyer") as lawyer:
        for browser, allowed in ((clerk, False), (lawyer, True)):
            given = await answer(browser, "given")
            assert (given.status, given.json["answer"]) == (200, "given")
            consultation_id = await accept(server, clerk)
            async with server.app[SESSIONS].begin() as db:
                assert (await in_force(db, consultation_id)).barrier == (None if allowed else Barrier.REFUSED)
                await endings.end(db, consultation_id, server.clock.now(), person_id=server.people["lawyer"])


async def test_each_change_is_a_row_and_in_the_audit_trail_and_a_repetition_is_neither(server: Server) -> None:
    async with server.as_person("lawyer") as browser:
        said = ["refused", "refused", "given", "given", "refused", "refused", "given"]
        told = [(await answer(browser, word)).json["answer"] for word in said]
        assert (await browser.get(PATH)).json["answer"] == "given"
    assert told == ["refused", "refused", "given", "given", "withdrawn", "withdrawn", "given"]
    assert await rows(server, "lawyer") == ["refused", "given", "withdrawn", "given"]
    entries = await noted(server)
    assert [entry.detail["answer"] for entry in entries] == ["refused", "given", "withdrawn", "given"]
    assert {entry.subject_id for entry in entries} == {server.people["lawyer"]}


async def test_words_that_were_replaced_are_not_agreed_to(server: Server) -> None:
    async with server.as_person("clerk") as browser:
        old = (await browser.get(PATH)).json["text"]
        assert (await answer(browser, "given")).status == 200
        newer = ConsentText("recording-staff-2", Audience.STAFF, "题", "短", "新的告知书")
        async with server.app[SESSIONS].begin() as db:
            await keep_text(db, newer, server.clock.advance(60))
        stale = await answer(browser, "given", text_version=old["version"], text_sha256=old["sha256"])
        assert (stale.status, stale.code, list(stale.json["error"]["fields"])) == (422, "invalid", ["text"])
        assert (await answer(browser, "given", text_sha256=old["sha256"])).code == "invalid"
        assert (await answer(browser, "given")).json["text"]["text"] == "新的告知书"
    assert await rows(server, "clerk") == ["given", "given"]


@pytest.mark.parametrize("account", STAFF)
async def test_it_does_not_change_in_a_consultation_in_progress(server: Server, account: str) -> None:
    async with server.as_person("clerk") as clerk, server.as_person(account) as browser:
        await answer(browser, "given")
        consultation_id = await accept(server, clerk)
        refused = await answer(browser, "refused")
        assert (refused.status, refused.code) == (409, "conflict")
        assert "停止录制" in refused.json["error"]["text"]
        assert (await answer(browser, "given")).status == 200
        assert await rows(server, account) == ["given"]
        async with server.app[SESSIONS].begin() as db:
            await endings.end(db, consultation_id, server.clock.now(), person_id=server.people["lawyer"])
        assert (await answer(browser, "refused")).json["answer"] == "withdrawn"


@pytest.mark.parametrize("changes", [{"answer": "withdrawn"}, {"key": "12345678"}, {"text_version": "x" * 41}])
async def test_a_body_of_another_shape_is_refused(server: Server, changes: dict[str, str]) -> None:
    async with server.as_person("clerk") as browser:
        answered = await answer(browser, "given", **changes)
        assert (answered.status, list(answered.json["error"]["fields"])) == (400, list(changes))
    assert await rows(server, "clerk") == []
