"""What each WebSocket request of PROTOCOL.md does: one short handler per message type, behind one permissions check."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import duty, offers, records, telephone
from scheduler.access import Action, permit
from scheduler.clock import Clock
from scheduler.db import Sessions
from scheduler.errors import Throttled
from scheduler.idempotency import once, remember
from scheduler.ids import ConsultationId, OfferId
from scheduler.presence import PresenceState
from signaling import messages, wire
from signaling.conduct import Conduct
from signaling.line import LineKeeper
from signaling.media_client import MediaClient
from signaling.messages import Message, Request, event
from signaling.recording_control import RecordingControl
from signaling.registry import Session
from signaling.timeline import Timeline

QUALITY_EVERY_S: Final = 1.5

ACTIONS: Final[dict[type[Request], Action]] = {
    messages.PresenceSet: Action.SET_PRESENCE,
    messages.OfferAccept: Action.ANSWER_OFFER,
    messages.OfferDecline: Action.ANSWER_OFFER,
    messages.RoomJoin: Action.JOIN_ROOM,
    messages.MediaOpen: Action.JOIN_ROOM,
    messages.MediaAnswer: Action.JOIN_ROOM,
    messages.MediaRestart: Action.JOIN_ROOM,
    messages.MediaOfferAgain: Action.JOIN_ROOM,
    messages.MediaState: Action.JOIN_ROOM,
    messages.MediaQuality: Action.JOIN_ROOM,
    messages.ChatSend: Action.JOIN_ROOM,
    messages.PointSend: Action.SEND_POINT,
    messages.RecordingStop: Action.STOP_RECORDING,
    messages.RoomEnd: Action.JOIN_ROOM,
    messages.CallPhone: Action.JOIN_ROOM,
}


@dataclass(frozen=True, slots=True)
class Requests:
    clock: Clock
    sessions: Sessions
    line: LineKeeper
    conduct: Conduct
    recording: RecordingControl
    timeline: Timeline
    media: MediaClient

    async def handle(self, session: Session, request: Request) -> Message:
        """The fields of the reply. Raises Refused, WorkerUnavailable, WorkerRefused."""
        permit(session.viewer, ACTIONS[type(request)])
        return await self._handlers()[type(request)](session, request)

    def _handlers(self) -> dict[type[Request], Callable[[Session, Any], Awaitable[Message]]]:
        return {
            messages.PresenceSet: self.set_presence,
            messages.OfferAccept: self.accept,
            messages.OfferDecline: self.decline,
            messages.RoomJoin: self.join,
            messages.MediaOpen: self.open_media,
            messages.MediaAnswer: self.answer,
            messages.MediaRestart: self.restart,
            messages.MediaOfferAgain: self.offer_again,
            messages.MediaState: self.media_state,
            messages.MediaQuality: self.media_quality,
            messages.ChatSend: self.chat,
            messages.PointSend: self.point,
            messages.RecordingStop: self.stop_recording,
            messages.RoomEnd: self.end,
            messages.CallPhone: self.phone,
        }

    # ── the lawyer's desk ───────────────────────────────────────────────────────────────────────────────────────

    async def set_presence(self, session: Session, request: messages.PresenceSet) -> Message:
        person_id = session.viewer.person_id
        async with self.sessions.begin() as db:
            offer_id = await offers.open_offer_of(db, person_id)
            await duty.set_presence(db, session.viewer, PresenceState(request.state), self.clock.now())
            kept = await offers.open_offer_of(db, person_id)
        if offer_id is not None and kept is None:
            session.send(event("offer.ended", offer_id=offer_id, cause="withdrawn"))
        self.line.touch()
        return {"presence": await self.line.presence_of(person_id)}

    async def accept(self, session: Session, request: messages.OfferAccept) -> Message:
        async with self.sessions.begin() as db:
            consultation_id = await offers.accept_offer(db, session.viewer, OfferId(request.offer_id), self.clock.now())
        await self.conduct.take_up(consultation_id)
        await self.line.tell_consultation(consultation_id)
        await self.line.tell_presence(session.viewer.person_id)
        self.line.touch()
        return {"consultation": await self.line.ref_of(consultation_id)}

    async def decline(self, session: Session, request: messages.OfferDecline) -> Message:
        async with self.sessions.begin() as db:
            offer_id = OfferId(request.offer_id)
            await offers.decline_offer(db, session.viewer, offer_id, request.reason or "", self.clock.now())
        session.send(event("offer.ended", offer_id=request.offer_id, cause="declined"))
        await self.line.tell_presence(session.viewer.person_id)
        self.line.touch()
        return {}

    # ── media ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def join(self, session: Session, request: messages.RoomJoin) -> Message:
        live, participant = await self.conduct.join(session, request.consultation_id)
        if not live.text_only:
            await self.conduct.open_media(session, request.consultation_id)
        return {"room": live.body(participant.id), "you": participant.id}

    async def open_media(self, session: Session, request: messages.MediaOpen) -> Message:
        await self.conduct.open_media(session, request.consultation_id)
        return {}

    async def answer(self, session: Session, request: messages.MediaAnswer) -> Message:
        self.conduct.own_peer(session, request.peer_id)
        await self.media.answer(request.peer_id, request.version, request.sdp)
        return {}

    async def restart(self, session: Session, request: messages.MediaRestart) -> Message:
        await self.conduct.renegotiate(session, request.peer_id, self.media.restart)
        return {}

    async def offer_again(self, session: Session, request: messages.MediaOfferAgain) -> Message:
        await self.conduct.renegotiate(session, request.peer_id, self.media.offer_again)
        return {}

    async def media_state(self, session: Session, request: messages.MediaState) -> Message:
        live, participant = self.conduct.in_room(session)
        before = (participant.document_on, participant.screen_on)
        participant.apply(request)
        await self.timeline.shown(live, participant, before)
        self.conduct.tell_room(live)
        return {}

    async def media_quality(self, session: Session, request: messages.MediaQuality) -> Message:
        live, participant = self.conduct.in_room(session)
        now = self.clock.monotonic()
        if now - participant.quality_at < QUALITY_EVERY_S:
            raise Throttled(QUALITY_EVERY_S)
        participant.quality_at = now
        before = (participant.quality, participant.quality_reason)
        participant.judge(request)
        if before != (participant.quality, participant.quality_reason):
            self.conduct.tell_room(live)
        return {}

    # ── words ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def chat(self, session: Session, request: messages.ChatSend) -> Message:
        live, _ = self.conduct.in_room(session)

        async def add(db: AsyncSession) -> Message:
            row = await records.add_message(
                db, ConsultationId(live.consultation_id), session.viewer.person_id, request.text, self.clock.now()
            )
            return wire.chat_message(row)

        message, fresh = await self._once(session, request, request.key, add)
        if fresh:
            self.conduct.broadcast(live, event("chat", message=message))
        return {"message": message}

    async def point(self, session: Session, request: messages.PointSend) -> Message:
        live, _ = self.conduct.in_room(session)

        async def add(db: AsyncSession) -> Message:
            row = await records.add_point(
                db, ConsultationId(live.consultation_id), session.viewer.person_id, request.text, self.clock.now()
            )
            body: Message = to_jsonable_python(row)
            return body

        point, fresh = await self._once(session, request, request.key, add)
        if fresh:
            self.conduct.broadcast(live, event("point", point=point))
        return {"point": point}

    async def _once(
        self, session: Session, request: Request, key: str, act: Callable[[AsyncSession], Awaitable[Message]]
    ) -> tuple[Message, bool]:
        """Acts in one transaction, once per person, message type and key; a second press gets the first result."""
        kind, person_id, now = str(request.model_dump()["type"]), session.viewer.person_id, self.clock.now()
        digest = hashlib.sha256(request.model_dump_json(exclude={"id"}).encode()).hexdigest()
        async with self.sessions.begin() as db:
            first = await once(db, person_id, kind, key, digest, now)
            if first is not None:
                return first, False
            result = await act(db)
            await remember(db, person_id, kind, key, result)
        return result, True

    # ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop_recording(self, session: Session, request: messages.RecordingStop) -> Message:
        live, _ = self.conduct.in_room(session)
        async with live.lock:
            await self.recording.withdraw(live, session.viewer)
        self.conduct.tell_room(live)
        return {"recording": live.recording_body()}

    async def end(self, session: Session, request: messages.RoomEnd) -> Message:
        live, _ = self.conduct.in_room(session)
        await self.conduct.end(live.consultation_id, cause="ended", person_id=session.viewer.person_id)
        self.line.touch()
        return {"consultation": await self.line.ref_of(live.consultation_id)}

    async def phone(self, session: Session, request: messages.CallPhone) -> Message:
        live, _ = self.conduct.in_room(session)
        async with self.sessions.begin() as db:
            consultation_id = ConsultationId(live.consultation_id)
            await telephone.turn_to_phone(db, consultation_id, session.viewer.person_id, self.clock.now())
        await self.conduct.turn_to_phone(live)
        await self.line.tell_consultation(live.consultation_id)
        return {"consultation": await self.line.ref_of(live.consultation_id), "phone": live.street["phone"]}
