"""HTTP calls that begin, change or show a live consultation (PROTOCOL.md section 2, Station)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import Recording
from scheduler import details, intake
from scheduler.access import Action
from scheduler.consents import Answer, in_force
from scheduler.ids import ConsultationId, VisitId
from scheduler.intake import CallRequest
from signaling import wire
from signaling.http import Exchange, Keyed, Nothing, Route, press, reading, writing
from signaling.keys import CIPHER, LIVE
from signaling.messages import Message
from signaling.readers import readable_consultation

NAME: Final = 40
NOT_YET: Final = {"state": "idle", "cause": None, "at": None}


class CallBody(Keyed):
    recording: Literal["given", "refused"] | None = None
    text_version: Annotated[str, Field(max_length=40)] = ""
    text_sha256: Annotated[str, Field(max_length=64)] = ""
    guardian_name: Annotated[str, Field(max_length=NAME)] = ""


async def call(exchange: Exchange[CallBody]) -> object:
    """「呼叫律师」"""
    body, app = exchange.body, exchange.request.app
    request = CallRequest(
        Answer(body.recording) if body.recording else None, body.text_version, body.text_sha256, body.guardian_name
    )

    async def act(db: AsyncSession) -> Message:
        visit_id = VisitId(exchange.part("visit_id"))
        return {"id": await intake.call(db, app[CIPHER], exchange.viewer, visit_id, request, exchange.now)}

    called = await press(exchange, act)
    return await _then_told(exchange, called["id"])


async def cancel(exchange: Exchange[Keyed]) -> object:
    """「取消排队」"""
    return await _leave(exchange, "cancel")


async def callback(exchange: Exchange[Keyed]) -> object:
    """「改成回拨」"""
    return await _leave(exchange, "callback")


async def _leave(exchange: Exchange[Keyed], how: Literal["cancel", "callback"]) -> object:
    consultation_id = ConsultationId(exchange.part("consultation_id"))
    act = intake.cancel if how == "cancel" else intake.to_callback
    async with exchange.sessions.begin() as db:
        withdrawn = await act(db, exchange.viewer, consultation_id, exchange.now)
    await exchange.request.app[LIVE].line.tell_withdrawn(withdrawn)
    return await _then_told(exchange, consultation_id)


async def _then_told(exchange: Exchange[Any], consultation_id: str) -> object:
    line = exchange.request.app[LIVE].line
    await line.tell_consultation(consultation_id)
    line.touch()
    return await line.ref_of(consultation_id)


async def show(exchange: Exchange[Nothing]) -> object:
    """`ConsultationDetail`, with the state of the recording as the room sees it."""
    consultation_id = ConsultationId(exchange.part("consultation_id"))
    async with exchange.reads() as db:
        await readable_consultation(db, exchange.viewer, consultation_id, Action.READ_CONSULTATION)
        found = await details.consultation_detail(db, consultation_id, exchange.now)
        barrier = (await in_force(db, consultation_id)).barrier
        recorded = await db.scalar(select(Recording).where(Recording.consultation_id == consultation_id))
    live = exchange.request.app[LIVE].conduct.find(consultation_id)
    if live is not None:
        return wire.consultation_detail(found, live.recording_body())
    waiting = found.ended_at is None and barrier is None
    return wire.consultation_detail(found, NOT_YET if waiting else wire.ended_recording(found, recorded))


_ID: Final = "/api/consultations/{consultation_id}"
ROUTES: Final[tuple[Route, ...]] = (
    writing("POST", "/api/visits/{visit_id}/call", call, Action.CALL, CallBody, "Call a lawyer"),
    writing("POST", _ID + "/cancel", cancel, Action.CANCEL_ENTRY, Keyed, "Leave the line"),
    writing("POST", _ID + "/callback", callback, Action.CANCEL_ENTRY, Keyed, "Be phoned instead of waiting"),
    reading(_ID, show, Action.READ_CONSULTATION, "One consultation"),
)
