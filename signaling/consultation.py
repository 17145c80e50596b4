"""One live consultation as the server knows it: who is in the room, what is recorded, and what each screen is told.

State and decisions only: `conduct.py` talks to the media worker, the database and the archive. Everything here that
a screen shows as true (recording, presence, media) was confirmed by the worker or the database first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal

from scheduler.consents import Barrier
from signaling.messages import MediaQuality, MediaState, Message

Role = Literal["clerk", "lawyer"]

WORKSPACE: Final[dict[Role, Literal["station", "lawyer"]]] = {"clerk": "station", "lawyer": "lawyer"}
"""In which workspace a participant of each role sits."""


class Recording(StrEnum):
    NONE = "none"
    IDLE = "idle"
    STARTING = "starting"
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"


RESUMABLE: Final = frozenset({"worker_lost", "server_lost"})
"""Causes of a pause that ends by itself once media is back."""


class Media(StrEnum):
    """One participant's peer, as the worker reports it."""

    NONE = "none"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Participant:
    id: str
    """The same across reconnects; publications are `<id>.camera`, `<id>.audio`, …"""
    person_id: str
    role: Role
    name: str
    here: bool = False
    """A connection of this person has joined the room and is open."""
    peer_id: str | None = None
    media: Media = Media.NONE
    was_connected: bool = False
    noted_there: bool = False
    noted_before: bool = False
    """What the timeline last said of this participant, and whether it said anything yet."""
    muted: bool = False
    camera_on: bool = True
    document_on: bool = False
    screen_on: bool = False
    quality: str | None = None
    quality_reason: str | None = None
    quality_at: float = -10.0

    @property
    def present(self) -> Literal["joined", "reconnecting"]:
        return "joined" if self.here and self.media is Media.CONNECTED else "reconnecting"

    def apply(self, state: MediaState) -> None:
        self.muted, self.camera_on = state.muted, state.camera_on
        self.document_on, self.screen_on = state.document_on, state.screen_on

    def judge(self, quality: MediaQuality) -> None:
        self.quality, self.quality_reason = quality.word, quality.reason

    def body(self, ended: bool) -> Message:
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "present": "left" if ended else self.present,
            "muted": self.muted,
            "camera_on": self.camera_on,
            "document_on": self.document_on,
            "screen_on": self.screen_on,
            "quality": self.quality,
            "quality_reason": self.quality_reason,
        }


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class LiveConsultation:
    consultation_id: str
    state: str
    """Mirrors the table: offered, active, interrupted, wrap_up, …"""
    barrier: Barrier | None
    """Why nothing may be recorded; None when everybody's consent is in force."""
    visitor: str
    category_name: str
    street: Message
    participants: dict[str, Participant]
    started_at: datetime | None
    recording: Recording = Recording.NONE
    recording_cause: str | None = None
    recording_at: datetime | None = None
    recording_id: str | None = None
    nobody_since: float | None = None
    """Monotonic seconds since when no window of a participant has been here."""
    text_only: bool = False
    """Turned to the telephone: no media from here on."""
    ended: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while recording or the room's life is being changed, so that a stop cannot overtake a start."""

    @property
    def room_id(self) -> str:
        return self.consultation_id

    def participant_of(self, person_id: str) -> Participant | None:
        return next((p for p in self.participants.values() if p.person_id == person_id), None)

    def by_peer(self, peer_id: str) -> Participant | None:
        return next((p for p in self.participants.values() if p.peer_id == peer_id), None)

    def everybody_connected(self) -> bool:
        return all(p.media is Media.CONNECTED for p in self.participants.values())

    def recording_due(self) -> bool:
        """Start or go on now? Consent in force, everybody connected, and nothing that stopped it for good."""
        if self.ended or self.text_only or self.barrier is not None or not self.everybody_connected():
            return False
        if self.recording is Recording.PAUSED:
            return self.recording_cause in RESUMABLE
        return self.recording is Recording.IDLE

    def set_recording(self, state: Recording, cause: str | None, at: datetime) -> None:
        self.recording, self.recording_cause, self.recording_at = state, cause, at

    def settle_barrier(self, barrier: Barrier | None, at: datetime) -> None:
        """Takes over what is in force now, before anything was recorded; later changes go through a stop."""
        self.barrier = barrier
        if barrier is None:
            if self.recording is Recording.NONE:
                self.set_recording(Recording.IDLE, None, at)
        elif self.recording in (Recording.NONE, Recording.IDLE):
            cause = None if barrier is Barrier.TELEPHONE else barrier.value
            self.set_recording(Recording.NONE, cause, at)

    def interrupted(self) -> bool:
        """Somebody who was connected is not any more. Who has yet to connect for the first time does not count."""
        if self.text_only:
            return False
        return any(p.present != "joined" for p in self.participants.values() if p.was_connected)

    def media_lost(self) -> None:
        """The worker's peers are gone or unknown: nobody counts as connected until it says so."""
        for participant in self.participants.values():
            participant.peer_id, participant.media = None, Media.NONE

    def adopt(self, room: dict[str, Any]) -> None:
        """Takes over the peers of a room of CONTROL.md."""
        for theirs in room["participants"]:
            ours = self.participants.get(theirs["participant_id"])
            peers = [peer for peer in theirs["peers"] if peer["state"] != "closed"]
            if ours is not None and peers:
                connected = peers[-1]["state"] == "connected"
                ours.peer_id = peers[-1]["peer_id"]
                ours.media = Media.CONNECTED if connected else Media.CONNECTING
                ours.was_connected = ours.was_connected or connected

    def recording_body(self) -> Message:
        at = self.recording_at
        return {"state": self.recording.value, "cause": self.recording_cause, "at": None if at is None else rfc3339(at)}

    def body(self, you: str) -> dict[str, Any]:
        """`Room` of PROTOCOL.md."""
        return {
            "consultation_id": self.consultation_id,
            "state": self.state,
            "started_at": None if self.started_at is None else rfc3339(self.started_at),
            "you": you,
            "participants": [p.body(self.ended) for p in self.participants.values()],
            "recording": self.recording_body(),
            "visitor": self.visitor,
            "category_name": self.category_name,
            "street": self.street,
        }
