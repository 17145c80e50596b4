"""Conducts live consultations: who is in the room, over which peer, interrupted or not, and how it ends.

What is recorded is `recording_control.py`'s business. Called by requests (`live.py`), by the worker's events and by
connections that come and go; whatever changes a consultation's life holds its lock.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from scheduler import consultations, endings
from scheduler.clock import Clock
from scheduler.consultations import ConsultationState
from scheduler.db import Sessions
from scheduler.errors import Conflict, NotFound
from scheduler.ids import ConsultationId, PersonId
from signaling.consultation import WORKSPACE, LiveConsultation, Media, Participant
from signaling.loading import load
from signaling.media_client import MediaClient, MediaOffer, WorkerRefused, WorkerUnavailable
from signaling.messages import Message, event
from signaling.recording_control import RecordingControl
from signaling.registry import Registry, Session
from signaling.timeline import Timeline

log = logging.getLogger(__name__)

DESERTED_S: Final = 600.0

Changed = Callable[[str], Awaitable[None]]
"""Tells everybody who shows this consultation that its row has changed."""


class Conduct:
    def __init__(
        self,
        clock: Clock,
        sessions: Sessions,
        registry: Registry,
        media: MediaClient,
        recording: RecordingControl,
        timeline: Timeline,
        changed: Changed,
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._registry = registry
        self._media = media
        self._recording = recording
        self._timeline = timeline
        self._changed = changed
        self._live: dict[str, LiveConsultation] = {}

    def find(self, consultation_id: str) -> LiveConsultation | None:
        return self._live.get(consultation_id)

    def rooms(self) -> list[LiveConsultation]:
        return list(self._live.values())

    async def take_up(self, consultation_id: str) -> LiveConsultation:
        """The live consultation, read from the database when it is not yet in memory. Raises NotFound, Conflict."""
        live = self._live.get(consultation_id)
        if live is None:
            async with self._sessions() as db:
                live = await load(db, ConsultationId(consultation_id), self._clock.now())
            live.recording_id = await self._recording.open_recording(ConsultationId(consultation_id))
            live = self._live.setdefault(consultation_id, live)
        return live

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def join(self, session: Session, consultation_id: str) -> tuple[LiveConsultation, Participant]:
        """The session enters the room; its media follows with `open_media`."""
        live, participant = await self._place(session, consultation_id)
        session.consultation_id = consultation_id
        participant.here = True
        await self._settle(live)
        return live, participant

    async def open_media(self, session: Session, consultation_id: str) -> None:
        """A new peer for this participant; an older one is closed by the worker."""
        live, participant = await self._place(session, consultation_id)
        async with live.lock:
            if live.ended:
                raise Conflict("会话已经结束。", "ended")
            if live.text_only:
                raise Conflict("已经改用电话，这里不再有画面和声音。", "phone")
            await self._media.make_room(live.room_id)
            offer = await self._media.open_peer(live.room_id, participant.id)
            participant.peer_id, participant.media = offer.peer_id, Media.CONNECTING
        send_offer(session, offer)

    async def renegotiate(self, session: Session, peer_id: str, ask: Callable[[str], Awaitable[MediaOffer]]) -> None:
        self.own_peer(session, peer_id)
        send_offer(session, await ask(peer_id))

    def own_peer(self, session: Session, peer_id: str) -> Participant:
        """Raises NotFound for a peer that is not (or no longer) this session's."""
        live = self._live.get(session.consultation_id or "")
        participant = live.by_peer(peer_id) if live else None
        if participant is None or participant.person_id != session.viewer.person_id:
            raise NotFound("这条音视频连接已经换新，请稍候。")
        return participant

    def in_room(self, session: Session) -> tuple[LiveConsultation, Participant]:
        """Raises Conflict when the session is in no room."""
        live = self._live.get(session.consultation_id or "")
        participant = live.participant_of(session.viewer.person_id) if live else None
        if live is None or participant is None:
            raise Conflict("会话已经结束。", "left")
        return live, participant

    async def came_back(self, session: Session) -> Message | None:
        """The connection of somebody who is still in a room: the room, for the `state` event."""
        live = self._live.get(session.consultation_id or "")
        participant = live.participant_of(session.viewer.person_id) if live else None
        if live is None or participant is None:
            return None
        participant.here = True
        await self._settle(live)
        return live.body(participant.id)

    async def connection_lost(self, session: Session) -> None:
        live = self._live.get(session.consultation_id or "")
        participant = live.participant_of(session.viewer.person_id) if live else None
        if live is not None and participant is not None:
            participant.here = False
            await self._settle(live)

    async def _place(self, session: Session, consultation_id: str) -> tuple[LiveConsultation, Participant]:
        live = await self.take_up(consultation_id)
        participant = live.participant_of(session.viewer.person_id)
        if participant is None or WORKSPACE[participant.role] != session.workspace:
            raise NotFound("没有这次会话。")
        return live, participant

    # ── the worker's word ───────────────────────────────────────────────────────────────────────────────────────

    async def worker_event(self, happened: dict[str, Any]) -> None:
        live = self._live.get(happened["room_id"])
        if live is None:
            return
        kind = happened["kind"]
        if kind == "recording":
            async with live.lock:
                await self._recording.confirmed(live, happened)
            await self._settle(live)
        elif kind == "offer":
            self._pass_offer(live, happened)
        elif kind.startswith("peer_"):
            await self._peer_event(live, kind, happened)

    def _pass_offer(self, live: LiveConsultation, happened: dict[str, Any]) -> None:
        participant = live.by_peer(happened["peer_id"])
        if participant is not None:
            session = self._session_of(live, participant)
            if session is not None:
                send_offer(session, MediaOffer.of(happened["peer_id"], happened["offer"]))

    async def _peer_event(self, live: LiveConsultation, kind: str, happened: dict[str, Any]) -> None:
        participant = live.by_peer(happened["peer_id"])
        if participant is None or happened.get("cause") == "replaced":
            return
        match kind:
            case "peer_connected" | "peer_restored":
                participant.media, participant.was_connected = Media.CONNECTED, True
            case "peer_interrupted":
                participant.media = Media.INTERRUPTED
            case "peer_closed":
                self._peer_closed(live, participant, happened)
        await self._settle(live)

    def _peer_closed(self, live: LiveConsultation, participant: Participant, happened: dict[str, Any]) -> None:
        peer_id, participant.peer_id, participant.media = participant.peer_id, None, Media.NONE
        session = self._session_of(live, participant)
        if session is not None:
            session.send(event("media.closed", peer_id=peer_id, cause=happened["cause"]))

    async def worker_lost(self) -> None:
        for live in self.rooms():
            for participant in live.participants.values():
                session = self._session_of(live, participant)
                if session is not None and participant.peer_id is not None:
                    session.send(event("media.closed", peer_id=participant.peer_id, cause="worker_lost"))
            async with live.lock:
                await self._recording.lost(live, "worker_lost")
                live.media_lost()
            await self._settle(live)

    async def adopt(self, rooms: list[dict[str, Any]]) -> None:
        """After a start or a gap in the events: takes over what the worker says of rooms that are in progress."""
        states = {room["room_id"]: room for room in rooms}
        for live in self.rooms():
            room = states.pop(live.room_id, None)
            async with live.lock:
                live.media_lost()
                if room is not None:
                    live.adopt(room)
                await self._recording.adopted(live, None if room is None else room.get("recording"))
            await self._settle(live)
        for room_id in states:
            log.warning("closing a room that no consultation owns: %s", room_id)
            await self._media.delete_room(room_id)

    # ── the consultation's life ─────────────────────────────────────────────────────────────────────────────────

    async def _settle(self, live: LiveConsultation) -> None:
        """Brings row and recording in line with who is connected, then tells the room."""
        async with live.lock:
            if not live.ended:
                for participant in live.participants.values():
                    await self._timeline.presence(live, participant)
                await self._settle_row(live)
                await self._recording.settle(live)
        self.tell_room(live)

    async def _settle_row(self, live: LiveConsultation) -> None:
        now, consultation_id = self._clock.now(), ConsultationId(live.consultation_id)
        before = live.state
        try:
            if live.everybody_connected() and live.started_at is None:
                async with self._sessions.begin() as db:
                    live.started_at = await consultations.begin(db, consultation_id, now)
            if live.interrupted() and live.state == ConsultationState.ACTIVE:
                async with self._sessions.begin() as db:
                    live.state = (await consultations.interrupt(db, consultation_id, now)).state
            elif not live.interrupted() and live.state == ConsultationState.INTERRUPTED:
                async with self._sessions.begin() as db:
                    live.state = (await consultations.resume(db, consultation_id)).state
        except Conflict as conflict:
            log.info("consultation %s moved on meanwhile: %s", live.consultation_id, conflict.state)
            return
        if live.state != before:
            await self._changed(live.consultation_id)

    async def end(self, consultation_id: str, *, cause: str, person_id: PersonId | None) -> None:
        """「结束会话」 by either side, twice is fine; form and sealing follow."""
        async with self._sessions.begin() as db:
            await endings.end(db, ConsultationId(consultation_id), self._clock.now(), cause=cause, person_id=person_id)
        await self.ended(consultation_id)

    async def ended(self, consultation_id: str) -> None:
        """The row says that it is over: lets go of the room and hands the recording on."""
        live = self._live.pop(consultation_id, None)
        if live is None:
            return
        async with live.lock:
            live.ended, live.state = True, ConsultationState.WRAP_UP
            self.tell_room(live)
            await self._changed(consultation_id)
            await self._recording.finish(live)
            await self._close_room(live)
        for participant in live.participants.values():
            session = self._session_of(live, participant)
            if session is not None:
                session.consultation_id = None

    async def end_deserted(self, now: float) -> None:
        """Rooms without anybody for ten minutes end: with a form to write if they ever met, otherwise as failed."""
        for live in self.rooms():
            if any(p.here for p in live.participants.values()):
                live.nobody_since = None
            elif live.nobody_since is None:
                live.nobody_since = now
            elif now - live.nobody_since > DESERTED_S:
                await self._end_deserted(live)

    async def _end_deserted(self, live: LiveConsultation) -> None:
        met = live.started_at is not None or live.text_only
        consultation_id, now = ConsultationId(live.consultation_id), self._clock.now()
        async with self._sessions.begin() as db:
            if met:
                await endings.end(db, consultation_id, now, cause="deserted")
            else:
                await endings.fail(db, consultation_id, now, cause="deserted")
        await self.ended(live.consultation_id)

    async def turn_to_phone(self, live: LiveConsultation) -> None:
        """The row says `phone`: no media from here on, and nothing recorded."""
        async with live.lock:
            live.text_only = True
            await self._recording.finish(live, cause="ended")
            await self._close_room(live)
            live.media_lost()
        self.tell_room(live)

    async def _close_room(self, live: LiveConsultation) -> None:
        try:
            await self._media.delete_room(live.room_id)
        except (WorkerUnavailable, WorkerRefused) as exc:
            log.warning("room %s was not closed: %s", live.room_id, exc)

    # ── words to the room ───────────────────────────────────────────────────────────────────────────────────────

    def tell_room(self, live: LiveConsultation) -> None:
        for participant in live.participants.values():
            session = self._session_of(live, participant)
            if session is not None:
                session.send(event("room", room=live.body(participant.id)))

    def broadcast(self, live: LiveConsultation, message: Message) -> None:
        for participant in live.participants.values():
            session = self._session_of(live, participant)
            if session is not None:
                session.send(message)

    def _session_of(self, live: LiveConsultation, participant: Participant) -> Session | None:
        session = self._registry.find(participant.person_id, WORKSPACE[participant.role])
        return session if session is not None and session.consultation_id == live.consultation_id else None


def send_offer(session: Session, offer: MediaOffer) -> None:
    fields: dict[str, Any] = {"version": offer.version, "sdp": offer.sdp, "tracks": offer.tracks}
    session.send(event("media.offer", peer_id=offer.peer_id, **fields))
