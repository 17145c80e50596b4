"""One peer's life: transport, what it publishes, what it is sent; told to its observer as plain calls."""

import dataclasses
import enum
from typing import Protocol

from media.clock import MediaClock
from media.feedback import Feedback
from media.forwarder import Forwarder
from media.ice import IceLite, Path
from media.negotiation import Negotiation, Offer
from media.port import MediaPort, send
from media.reception import Reception
from media.rtc import Identity, SecureTransport, SrtpHandle, State
from media.sdp import Transport
from media.stream import OnNewSsrc, Stream, Subscription, Unwrap
from media.subscriptions import Subscriptions

INTERRUPTED_AFTER = 4.0
TIMEOUT = 30.0
FIRST_REPORT = 0.05
"""Chromium ramps up at once when the first REMB comes within 100 ms of the handshake."""


class PeerState(enum.StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class Cause(enum.StrEnum):
    REPLACED = "replaced"
    FAILED = "failed"
    TIMEOUT = "timeout"
    REMOVED = "removed"
    ROOM_CLOSED = "room_closed"


@dataclasses.dataclass(frozen=True, slots=True)
class Engine:
    """What all peers of one worker share."""

    port: MediaPort
    forwarder: Forwarder
    identity: Identity
    clock: MediaClock
    gappy: set[Stream]


class PeerObserver(Protocol):
    def on_connected(self, peer: "Peer") -> None: ...
    def on_interrupted(self, peer: "Peer") -> None: ...
    def on_restored(self, peer: "Peer") -> None: ...
    def on_lost(self, peer: "Peer", cause: Cause) -> None:
        """The peer cannot go on; the observer closes it."""

    def on_declared(self, peer: "Peer") -> None:
        """`peer.reception.publishing` may have changed."""

    def on_stream(self, peer: "Peer", stream: Stream) -> None:
        """The first packet of a stream is about to be forwarded."""


class Peer:
    """One peer connection of a participant. Its offers are made here and answered there."""

    def __init__(self, peer_id: str, participant_id: str, engine: Engine, observer: PeerObserver) -> None:
        self.peer_id, self.participant_id = peer_id, participant_id
        self._engine, self._observer = engine, observer
        self.state = PeerState.NEW
        self.created_at = engine.clock.monotonic()
        self.interrupted_at: float | None = None
        self.ice = IceLite(self)
        engine.port.register(self.ice)
        self.secure = SecureTransport(engine.identity.certificate, self._send_dtls, self._on_secure_state)
        self.negotiation = Negotiation()
        self.feedback = Feedback(self, engine.gappy)
        self.subscriptions = Subscriptions(self, self.negotiation, self.feedback)
        self.reception = Reception(self.feedback, engine.gappy, lambda stream: observer.on_stream(self, stream))
        self.rx: SrtpHandle | None = None
        self.by_ssrc = self.reception.by_ssrc
        self.on_new_ssrc: OnNewSsrc = self.reception.on_new_ssrc
        self.unwrap: Unwrap = self.reception.unwrap
        self._rtcp_at = 0.0

    @property
    def clock(self) -> MediaClock:
        return self._engine.clock

    @property
    def path(self) -> Path | None:
        return self.ice.path

    @property
    def connected(self) -> bool:
        return self.state is PeerState.CONNECTED

    # Negotiation

    def offer(self) -> Offer:
        credentials = self.ice.credentials
        fingerprint = self.secure.fingerprint
        return self.negotiation.offer(
            Transport(credentials.ufrag, credentials.password, fingerprint, self._engine.port.candidates)
        )

    def restart(self) -> Offer:
        """ICE restart (RFC 8445, section 9): new credentials, DTLS kept."""
        self.ice.restart()
        self._engine.port.register(self.ice)
        return self.offer()

    def accept(self, version: int, text: str) -> None:
        """Raises VersionConflict or SdpError."""
        answer = self.negotiation.accept(version, text)
        self.reception.declare(answer)
        if not self.secure.started:
            self.state = PeerState.CONNECTING
            self.secure.start(answer.fingerprints)
        self._observer.on_declared(self)
        self.subscriptions.attach_all()

    # What the forwarder and the port call

    def on_path(self, old: Path | None, new: Path) -> None:
        flows = self._engine.port.flows
        if old is not None and flows.get(old.address) is self:
            del flows[old.address]
        flows[new.address] = self
        for out in self.feedback.subscriptions.values():
            out.address, out.sendto = new.address, new.socket.sendto

    def on_dtls(self, datagram: bytes) -> None:
        self.secure.feed(datagram)

    def on_rtcp(self, data: bytes, now: float) -> None:
        self._rtcp_at = now
        self.feedback.receive(data, now)

    # What feedback calls

    def send_rtcp(self, data: bytes) -> None:
        if self.connected and self.ice.path is not None:
            self._engine.forwarder.send_rtcp(self.secure.tx, self.ice.path, data)

    def send_rtp(self, subscription: Subscription, data: bytes) -> None:
        self._engine.forwarder.send_rtp(subscription, data)

    # Life

    def tick(self, now: float) -> None:
        """Reports, and what silence means; called every few milliseconds."""
        if self.connected:
            if now >= self.feedback.report_due:
                self.feedback.report(now)
            self._watch(now)
        elif self.state is not PeerState.CLOSED and now - self.created_at > TIMEOUT:
            self._observer.on_lost(self, Cause.TIMEOUT)

    def _watch(self, now: float) -> None:
        silent = now - self.heard_at
        if self.interrupted_at is None:
            if silent > INTERRUPTED_AFTER:
                self.interrupted_at = now
                self._observer.on_interrupted(self)
        elif silent <= INTERRUPTED_AFTER:
            self.interrupted_at = None
            self._observer.on_restored(self)
        elif now - self.interrupted_at > TIMEOUT:
            self._observer.on_lost(self, Cause.TIMEOUT)

    @property
    def heard_at(self) -> float:
        """When the last packet or consent check (RFC 7675) came."""
        return max([self.ice.checked_at, self._rtcp_at, *(s.last_at for s in self.feedback.streams.values())])

    def _send_dtls(self, datagram: bytes) -> None:
        if self.ice.path is not None:
            send(self.ice.path.socket, datagram, self.ice.path.address)

    def _on_secure_state(self, state: State) -> None:
        if self.state is PeerState.CLOSED:
            return
        if state != "connected":
            self._observer.on_lost(self, Cause.FAILED)
            return
        self.state, self.rx = PeerState.CONNECTED, self.secure.rx
        self.feedback.report_due = self.clock.monotonic() + FIRST_REPORT
        self._observer.on_connected(self)
        self.subscriptions.attach_all()

    def detach(self) -> None:
        """Stop all traffic at once; idempotent. `close` must follow."""
        self.state, self.rx = PeerState.CLOSED, None
        self.subscriptions.detach_all()
        self.reception.drop_all()
        port, path = self._engine.port, self.ice.path
        port.unregister(self.ice)
        if path is not None and port.flows.get(path.address) is self:
            del port.flows[path.address]

    async def close(self) -> None:
        self.detach()
        await self.secure.close()
