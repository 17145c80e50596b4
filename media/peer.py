"""One peer's life: transport, what it publishes, what it is sent; told to its observer as plain calls."""

import dataclasses
import enum
from typing import Protocol

from media import packet
from media.clock import MediaClock
from media.feedback import Feedback
from media.forwarder import Forwarder
from media.ice import IceLite, Path
from media.negotiation import Negotiation, Offer, Publication, Slot
from media.packet import PacketError
from media.port import MediaPort, send
from media.rtc import Identity, SecureTransport, SrtpHandle, State
from media.sdp import PAYLOAD_TYPE, PUBLISHED, RTX_PAYLOAD_TYPE, SOURCE_OF_PAYLOAD_TYPE, Answer, Source, Transport
from media.stream import Stream, Subscription

MAX_SSRCS = 16
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
        """`peer.publishing` may have changed."""

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
        self.rx: SrtpHandle | None = None
        self.by_ssrc: dict[int, Stream] = {}
        self.publishing: set[Source] = set()
        self._declared: dict[int, Source] = {}
        self._rtx: dict[int, int] = {}
        self._rtcp_at = 0.0

    @property
    def clock(self) -> MediaClock:
        return self._engine.clock

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
        self._declare(answer)
        if not self.secure.started:
            self.state = PeerState.CONNECTING
            self.secure.start(answer.fingerprints)
        self._observer.on_declared(self)
        for slot in self.negotiation.slots:
            self._attach(slot)

    def _declare(self, answer: Answer) -> None:
        sending = [section for section in answer.sections if section.sends and section.mid in PUBLISHED]
        self.publishing = {PUBLISHED[section.mid] for section in sending}
        self._declared = {section.ssrc: PUBLISHED[section.mid] for section in sending if section.ssrc}
        self._rtx = {section.rtx_ssrc: section.ssrc for section in sending if section.rtx_ssrc}
        for source in set(self.feedback.streams) - self.publishing:
            self._drop_stream(source)
        self.feedback.video_ssrcs = [ssrc for ssrc, source in self._declared.items() if source.is_video]

    def _drop_stream(self, source: Source) -> None:
        stream = self.feedback.streams.pop(source)
        self._engine.gappy.discard(stream)
        for out in stream.subscriptions:
            out.unbind()
        for ssrc in [ssrc for ssrc, known in self.by_ssrc.items() if known is stream]:
            del self.by_ssrc[ssrc]

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

    def on_new_ssrc(self, ssrc: int, payload_type: int, sequence: int, timestamp: int, now: float) -> Stream | None:
        """First packet of an SSRC: declared in the answer, else known by its payload type. None: not forwarded."""
        if len(self.by_ssrc) >= MAX_SSRCS:
            return None
        repaired = self._repaired_by(ssrc, payload_type)
        if repaired is not None:
            self.by_ssrc[ssrc] = repaired
            return repaired
        source = self._declared.get(ssrc) or SOURCE_OF_PAYLOAD_TYPE.get(payload_type)
        if source not in self.publishing or payload_type != PAYLOAD_TYPE[source]:
            return None
        if ssrc not in self._declared and source in self._declared.values():
            return None
        if source in self.feedback.streams:
            self._drop_stream(source)
        stream = Stream(self.feedback, source, ssrc, sequence, timestamp, now)
        self.by_ssrc[ssrc] = self.feedback.streams[source] = stream
        if source.is_video and ssrc not in self.feedback.video_ssrcs:
            self.feedback.video_ssrcs.append(ssrc)
        self._observer.on_stream(self, stream)
        return stream

    def _repaired_by(self, ssrc: int, payload_type: int) -> Stream | None:
        if ssrc in self._rtx:
            return self.by_ssrc.get(self._rtx[ssrc])
        streams = self.feedback.streams.values()
        return next((s for s in streams if RTX_PAYLOAD_TYPE.get(s.payload_type) == payload_type), None)

    def unwrap(self, stream: Stream, data: bytes) -> bytes | None:
        """The original inside an RTX packet, when it is missing: duplicates and probes go no further."""
        if data[1] & 0x7F != RTX_PAYLOAD_TYPE.get(stream.payload_type):
            return None
        try:
            original = packet.from_rtx(data, stream.payload_type, stream.ssrc)
        except PacketError:
            return None
        return original if int.from_bytes(original[2:4], "big") in stream.missing else None

    # What feedback calls

    def send_rtcp(self, data: bytes) -> None:
        if self.connected and self.ice.path is not None:
            self._engine.forwarder.send_rtcp(self.secure.tx, self.ice.path, data)

    def send_rtp(self, subscription: Subscription, data: bytes) -> None:
        self._engine.forwarder.send_rtp(subscription, data)

    # Subscriptions

    def subscribe(self, publication: Publication) -> None:
        """Reserve an m-line; media flows once its offer was answered and the publication has a stream."""
        slot = self.negotiation.free_slot(publication.source)
        slot.publication = publication
        slot.subscription = Subscription(self.feedback, publication.source, publication.participant_id)

    def unsubscribe(self, publication: Publication) -> None:
        for slot in self.negotiation.slots:
            if slot.publication is publication:
                self._detach(slot)
                slot.publication = slot.subscription = None
                self.negotiation.stale = True

    def resume(self, publication: Publication) -> None:
        """The publication has another stream."""
        for slot in self.negotiation.slots:
            if slot.publication is publication:
                self._attach(slot)

    def _attach(self, slot: Slot) -> None:
        out, path = slot.subscription, self.ice.path
        stream = slot.publication.stream if slot.publication is not None else None
        if out is None or stream is None or path is None or not (slot.agreed and self.connected):
            return
        if out.stream is stream:
            return
        out.unbind()
        out.transport, out.tx = self.secure, self.secure.tx
        out.address, out.sendto = path.address, path.socket.sendto
        self.feedback.subscriptions[out.ssrc] = out
        out.bind(stream)
        now = self.clock.monotonic()
        if stream.reported_at:
            self.feedback.send_sender_report(out, stream, now - stream.reported_at, now)
        if stream.packets:
            stream.feedback.request_keyframe(stream, now)

    def _detach(self, slot: Slot) -> None:
        out = slot.subscription
        if out is not None:
            out.unbind()
            self.feedback.subscriptions.pop(out.ssrc, None)

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
        for slot in self.negotiation.slots:
            self._attach(slot)

    def detach(self) -> None:
        """Stop all traffic at once; idempotent. `close` must follow."""
        self.state, self.rx = PeerState.CLOSED, None
        for slot in self.negotiation.slots:
            self._detach(slot)
        for source in list(self.feedback.streams):
            self._drop_stream(source)
        port, path = self._engine.port, self.ice.path
        port.unregister(self.ice)
        if path is not None and port.flows.get(path.address) is self:
            del port.flows[path.address]

    async def close(self) -> None:
        self.detach()
        await self.secure.close()
