"""All rooms of a worker: by id, within limits, ticking together, closed together."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable

from media.clock import MediaClock
from media.events import EventLog
from media.forwarder import Forwarder
from media.peer import Cause, Engine, Peer
from media.port import MediaPort
from media.room import Room
from media.rtc import Identity
from media.stream import Stream

logger = logging.getLogger(__name__)

TICK = 0.02


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    rooms: int = 200
    participants: int = 8
    """In one room."""
    peers: int = 400
    recordings: int = 100


class LimitReached(Exception):
    def __init__(self, name: str, value: int) -> None:
        super().__init__(f"the limit of {value} {name} is reached")
        self.name, self.value = name, value


class NotFound(Exception):
    """No such room, participant or peer."""


class Relay:
    """`run` serves until cancelled; `close` is idempotent and waits for what is still closing."""

    def __init__(self, port: MediaPort, clock: MediaClock, events: EventLog, limits: Limits) -> None:
        self.port, self.clock, self.events, self.limits = port, clock, events, limits
        self.forwarder = Forwarder(port, clock)
        self.gappy: set[Stream] = set()
        self._engine = Engine(port, self.forwarder, Identity(), clock, self.gappy)
        self.rooms: dict[str, Room] = {}
        self.tickers: list[Callable[[float], None]] = []
        """Called on every tick with the time."""
        self._closing: set[asyncio.Future[None]] = set()

    def emit(self, kind: str, room_id: str, fields: dict[str, object]) -> None:
        self.events.append({"at_us": self.clock.wall_us(), "kind": kind, "room_id": room_id, **fields})

    def spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._spawned_done)

    def _spawned_done(self, task: "asyncio.Future[None]") -> None:
        self._closing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("closing failed", exc_info=task.exception())

    # Rooms and peers

    def open_room(self, room_id: str) -> Room:
        room = self.rooms.get(room_id)
        if room is None:
            if len(self.rooms) >= self.limits.rooms:
                raise LimitReached("rooms", self.limits.rooms)
            room = self.rooms[room_id] = Room(room_id, self._engine, self)
        return room

    def room(self, room_id: str) -> Room:
        room = self.rooms.get(room_id)
        if room is None:
            raise NotFound(f"no room {room_id}")
        return room

    def close_room(self, room_id: str) -> None:
        room = self.rooms.pop(room_id, None)
        if room is not None:
            room.close()

    def join(self, room_id: str, participant_id: str) -> Peer:
        room = self.room(room_id)
        if participant_id not in room.participants and len(room.participants) >= self.limits.participants:
            raise LimitReached("participants", self.limits.participants)
        others = [peer for peer in self.peers() if peer not in room.peers_of(participant_id)]
        if len(others) >= self.limits.peers:
            raise LimitReached("peers", self.limits.peers)
        return room.join(participant_id)

    def peers(self) -> list[Peer]:
        return [peer for room in self.rooms.values() for peer in room.peers()]

    def peer(self, peer_id: str) -> tuple[Room, Peer]:
        for room in self.rooms.values():
            for peer in room.peers():
                if peer.peer_id == peer_id:
                    return room, peer
        raise NotFound(f"no peer {peer_id}")

    # Life

    async def run(self) -> None:
        self.forwarder.start()
        try:
            while True:
                await asyncio.sleep(TICK)
                try:
                    self.tick(self.clock.monotonic())
                except Exception:  # a bug must not end everybody's reports and recordings
                    logger.exception("a tick failed")
        finally:
            self.forwarder.close()

    def tick(self, now: float) -> None:
        """Retransmission requests and keyframe wishes that are due, reports, and silent peers."""
        for stream in list(self.gappy):
            if not stream.feedback.tend(stream, now):
                self.gappy.discard(stream)
        for room in self.rooms.values():
            for peer in room.peers():
                self._tick_peer(room, peer, now)
            room.tick(now)
        for tick in self.tickers:
            tick(now)

    def _tick_peer(self, room: Room, peer: Peer, now: float) -> None:
        try:
            peer.tick(now)
        except Exception:
            logger.exception("peer %s failed and is closed", peer.peer_id)
            room.on_lost(peer, Cause.FAILED)

    async def close(self) -> None:
        for room_id in list(self.rooms):
            self.close_room(room_id)
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        self.port.close()
