"""A consultation's media space: participants, what they publish, and who is sent what."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from media.negotiation import Publication
from media.peer import Cause, Engine, Peer
from media.sdp import Source
from media.stream import Stream

MUTED_AFTER = 2.0
GRACE = 10.0
"""Seconds that publications outlive a lost peer: a reloaded page takes them up again without new offers to others."""


class RoomOwner(Protocol):
    """The relay, as a room sees it."""

    def emit(self, kind: str, room_id: str, fields: dict[str, object]) -> None: ...
    def spawn(self, work: Awaitable[None]) -> None: ...


class Participant:
    def __init__(self, participant_id: str) -> None:
        self.participant_id = participant_id
        self.peer: Peer | None = None
        self.lost_at: float | None = None
        self.publications: dict[Source, Publication] = {}


class Room:
    """Every publication goes to every other participant. Callbacks of a peer arrive here as plain calls on the loop."""

    def __init__(self, room_id: str, engine: Engine, owner: RoomOwner) -> None:
        self.room_id = room_id
        self._engine, self._owner = engine, owner
        self.participants: dict[str, Participant] = {}
        self.on_publication: Callable[[Publication], None] | None = None
        """Called when a publication has got or lost its stream; the recorder's way in."""

    def peers(self) -> list[Peer]:
        return [p.peer for p in self.participants.values() if p.peer is not None]

    def peers_of(self, participant_id: str) -> list[Peer]:
        return [peer for peer in self.peers() if peer.participant_id == participant_id]

    def publications(self) -> Iterator[Publication]:
        for participant in self.participants.values():
            yield from participant.publications.values()

    def join(self, participant_id: str) -> Peer:
        """A new peer for the participant; an older one is closed, its publications wait for the new one's streams."""
        participant = self.participants.setdefault(participant_id, Participant(participant_id))
        if participant.peer is not None:
            self._close(participant.peer, Cause.REPLACED)
        peer = Peer(secrets.token_hex(8), participant_id, self._engine, self)
        participant.peer, participant.lost_at = peer, None
        for publication in self.publications():
            if publication.participant_id != participant_id:
                peer.subscriptions.add(publication)
        return peer

    def remove(self, participant_id: str) -> None:
        participant = self.participants.pop(participant_id, None)
        if participant is not None:
            self._end_all(participant)
            if participant.peer is not None:
                self._close(participant.peer, Cause.REMOVED)

    def close(self) -> None:
        for participant in self.participants.values():
            self._end_all(participant, tell=False)
            if participant.peer is not None:
                self._close(participant.peer, Cause.ROOM_CLOSED)
        self.participants.clear()

    def answered(self, peer: Peer) -> None:
        """The peer has answered; what changed meanwhile needs another offer."""
        self._offer_if_stale(peer)

    def tick(self, now: float) -> None:
        for participant in self.participants.values():
            if participant.lost_at is not None and now - participant.lost_at > GRACE:
                participant.lost_at = None
                self._end_all(participant)

    def _close(self, peer: Peer, cause: Cause) -> None:
        peer.detach()
        participant = self.participants.get(peer.participant_id)
        if participant is not None:
            for publication in participant.publications.values():
                self._set_stream(publication, None)
            if participant.peer is peer:
                participant.peer = None
        self._emit("peer_closed", peer, cause=cause.value)
        self._owner.spawn(peer.close())

    def _others(self, participant_id: str) -> list[Peer]:
        return [peer for peer in self.peers() if peer.participant_id != participant_id]

    def _offer_if_stale(self, peer: Peer) -> None:
        if peer.negotiation.stale and not peer.negotiation.outstanding:
            self._emit("offer", peer, offer=peer.offer().as_json())

    def _emit(self, kind: str, peer: Peer, **fields: object) -> None:
        whose: dict[str, object] = {"participant_id": peer.participant_id, "peer_id": peer.peer_id}
        self._owner.emit(kind, self.room_id, whose | fields)

    # Publications

    def _set_stream(self, publication: Publication, stream: Stream | None) -> None:
        if publication.stream is not stream:
            publication.stream = stream
            if self.on_publication is not None:
                self.on_publication(publication)

    def _start(self, participant: Participant, source: Source) -> None:
        publication_id = f"{participant.participant_id}.{source}"
        publication = Publication(publication_id, participant.participant_id, source)
        participant.publications[source] = publication
        for peer in self._others(participant.participant_id):
            peer.subscriptions.add(publication)

    def _end(self, participant: Participant, source: Source) -> None:
        publication = participant.publications.pop(source)
        self._set_stream(publication, None)
        for peer in self._others(participant.participant_id):
            peer.subscriptions.remove(publication)
        if publication.started:
            self._tell("publication_ended", publication)

    def _end_all(self, participant: Participant, tell: bool = True) -> None:
        for source in list(participant.publications):
            self._end(participant, source)
        if tell:
            for peer in self._others(participant.participant_id):
                self._offer_if_stale(peer)

    def _tell(self, kind: str, publication: Publication) -> None:
        fields: dict[str, object] = {
            "participant_id": publication.participant_id,
            "publication_id": publication.publication_id,
            "source": publication.source.value,
        }
        self._owner.emit(kind, self.room_id, fields)

    # What peers tell

    def on_connected(self, peer: Peer) -> None:
        self._emit("peer_connected", peer)

    def on_interrupted(self, peer: Peer) -> None:
        self._emit("peer_interrupted", peer)

    def on_restored(self, peer: Peer) -> None:
        self._emit("peer_restored", peer)

    def on_lost(self, peer: Peer, cause: Cause) -> None:
        participant = self.participants.get(peer.participant_id)
        if participant is not None and participant.peer is peer:
            self._close(peer, cause)
            participant.lost_at = self._engine.clock.monotonic()

    def on_declared(self, peer: Peer) -> None:
        participant = self.participants[peer.participant_id]
        for source in set(participant.publications) - peer.reception.publishing:
            self._end(participant, source)
        for source in sorted(peer.reception.publishing - set(participant.publications)):
            self._start(participant, source)
        for other in self._others(peer.participant_id):
            self._offer_if_stale(other)

    def on_stream(self, peer: Peer, stream: Stream) -> None:
        publication = self.participants[peer.participant_id].publications[stream.source]
        self._set_stream(publication, stream)
        for other in self._others(peer.participant_id):
            other.subscriptions.resume(publication)
        if not publication.started:
            publication.started = True
            self._tell("publication_started", publication)

    def as_json(self) -> dict[str, object]:
        now = self._engine.clock.monotonic()
        return {
            "room_id": self.room_id,
            "participants": [_participant_json(p, now) for p in self.participants.values()],
        }


def _participant_json(participant: Participant, now: float) -> dict[str, object]:
    peer = participant.peer
    return {
        "participant_id": participant.participant_id,
        "peers": [{"peer_id": peer.peer_id, "state": peer.state.value}] if peer is not None else [],
        "publications": [
            {
                "publication_id": publication.publication_id,
                "source": publication.source.value,
                "muted": publication.stream is None or now - publication.stream.last_at > MUTED_AFTER,
            }
            for publication in participant.publications.values()
            if publication.started
        ],
    }
