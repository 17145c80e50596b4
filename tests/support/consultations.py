"""Brings a consultation into a state through the same functions that the server calls."""

from dataclasses import dataclass
from typing import Any

from scheduler import endings, intake, offers
from scheduler.access import Viewer
from scheduler.consent_texts import Audience, current_text
from scheduler.consents import Answer, set_standing
from scheduler.consultations import begin
from scheduler.duty import set_presence
from scheduler.ids import ConsultationId, LogInId, VisitId
from scheduler.intake import CallRequest
from scheduler.log_ins import viewer_of
from scheduler.presence import PresenceState
from signaling.keys import CIPHER, SESSIONS
from tests.support.server import Browser, Server, new_key

VISIT = {"name": "张桂兰", "phone": "13812340126", "category": "wages", "facts": "三个月没有发工资。"}


async def viewer(server: Server, account: str) -> Viewer:
    async with server.app[SESSIONS].begin() as db:
        return await viewer_of(db, server.people[account], LogInId("test"))


async def new_visit(clerk: Browser, **fields: Any) -> dict[str, Any]:
    answer = await clerk.post("/api/visits", {"key": new_key(), **VISIT, **fields})
    assert answer.status == 200, answer.json
    return dict(answer.json)


async def call(server: Server, visit_id: str, recording: Answer = Answer.GIVEN) -> ConsultationId:
    """「呼叫律师」 by the clerk."""
    clerk = await viewer(server, "clerk")
    async with server.app[SESSIONS].begin() as db:
        text = await current_text(db, Audience.ADULT)
        request = CallRequest(recording, text.version, text.sha256)
        return await intake.call(db, server.app[CIPHER], clerk, VisitId(visit_id), request, server.clock.now())


@dataclass(frozen=True, slots=True)
class Talked:
    visit_id: str
    consultation_id: ConsultationId


async def talk(server: Server, clerk: Browser, recording: Answer = Answer.GIVEN, *, minutes: int = 6) -> Talked:
    """A consultation from 「新来访」 to 「结束会话」; the lawyer's form is open."""
    visit = await new_visit(clerk)
    lawyer = await viewer(server, "lawyer")
    consultation_id = await call(server, visit["id"], recording)
    async with server.app[SESSIONS].begin() as db:
        for account in ("clerk", "lawyer"):
            await set_standing(db, server.people[account], Answer.GIVEN, server.clock.now())
        await set_presence(db, lawyer, PresenceState.AVAILABLE, server.clock.now())
        (offer,) = await offers.match_and_offer(db, server.clock.now())
        await offers.accept_offer(db, lawyer, offer.offer_id, server.clock.now())
        await begin(db, consultation_id, server.clock.now())
    now = server.clock.advance(minutes * 60)
    async with server.app[SESSIONS].begin() as db:
        await endings.end(db, consultation_id, now, person_id=lawyer.person_id)
    return Talked(visit["id"], consultation_id)


async def close(lawyer: Browser, consultation_id: str, **changes: Any) -> dict[str, Any]:
    """「办结」."""
    form = (await lawyer.get(f"/api/consultations/{consultation_id}/wrap-up")).json
    body = {
        "advice": "先向劳动监察大队投诉。",
        "law_cited": "劳动法第五十条",
        "aid_rights_told": True,
        "outcome": "answered",
    }
    answer = await lawyer.post(
        f"/api/consultations/{consultation_id}/close",
        {"key": new_key(), "version": form["version"], **body, **changes},
    )
    assert answer.status == 200, answer.json
    return dict(answer.json)
