"""A bare WebRTC client: own ICE checks, DTLS by aiortc, SRTP by pylibsrtp, synthetic Opus and VP8."""

import asyncio
import contextlib
import itertools
import random
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pylibsrtp
from aioice import stun
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from tests.support.eventually import eventually
from tests.support.media_worker import Control, Refusal

HEADER = struct.Struct("!BBHII")
CERTIFICATE = RTCCertificate.generateCertificate()
MIDS = {"audio": "0", "camera": "1", "document": "2", "screen": "3"}
PAYLOAD_TYPES = {"audio": 111, "camera": 96, "document": 98, "screen": 100}
KEYFRAME, INTERFRAME = b"\x10\x00", b"\x10\x01"
REPLAY_WINDOW = 128


@dataclass
class Received:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass
class Sending:
    """One published source; `sent` keeps packets for retransmission by sequence number."""

    source: str
    ssrc: int = field(default_factory=lambda: random.getrandbits(31) | 1)
    sequence: int = field(default_factory=lambda: random.getrandbits(16))
    timestamp: int = field(default_factory=lambda: random.getrandbits(32))
    sent: dict[int, bytes] = field(default_factory=dict)
    count: int = 0
    keyframe_wanted: bool = True

    @property
    def rtx_ssrc(self) -> int:
        return self.ssrc + 1 if self.source != "audio" else 0


class _Pipe:
    role = "controlled"

    def __init__(self, peer: "RtpPeer") -> None:
        self._peer = peer
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, datagram: bytes) -> None:
        self._peer.send_datagram(datagram)


class RtpPeer:
    """`via` replaces the offered address, for a proxy; `declare` says whether answers name the SSRCs."""

    def __init__(
        self,
        control: Control,
        room_id: str,
        participant_id: str,
        publish: tuple[str, ...] = ("audio", "camera"),
        via: tuple[str, int] | None = None,
        declare: bool = True,
    ) -> None:
        self._control, self._room_id, self.participant_id = control, room_id, participant_id
        self.publish, self._via, self._declare = publish, via, declare
        self.peer_id = ""
        self.sending = {source: Sending(source) for source in publish}
        self.received: dict[int, list[Received]] = {}
        self.rtcp: list[AnyRtcpPacket] = []
        self.tracks: dict[str, dict[str, str]] = {}
        self.ssrcs: dict[str, int] = {}
        self.rtx_ssrcs: dict[str, int] = {}
        self.answers_nacks = True
        self.undecryptable = 0
        self._rtx_sequence = itertools.count(random.getrandbits(15))
        self._remote: tuple[str, int] = ("", 0)
        self._credentials = ("", "", "")
        self._checked = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.open_socket()
        self._pipe = _Pipe(self)
        self.dtls = RTCDtlsTransport(self._pipe, [CERTIFICATE])  # type: ignore[arg-type]

    # Signalling

    async def join(self) -> None:
        path = f"/v1/rooms/{self._room_id}/participants/{self.participant_id}/peers"
        reply = await self._control.call("POST", path, {})
        self.peer_id = reply["peer_id"]
        await self.answer(reply["offer"])
        await self.connect(reply["offer"]["sdp"])

    async def restart(self) -> None:
        """ICE restart from a new socket, as after a change of network."""
        reply = await self._control.call("POST", f"/v1/peers/{self.peer_id}/restart", {})
        self.close_socket()
        self.open_socket()
        await self.answer(reply["offer"])
        await self._check(reply["offer"]["sdp"])

    async def offer_again(self) -> None:
        await self.answer((await self._control.call("POST", f"/v1/peers/{self.peer_id}/offer", {}))["offer"])

    async def answer(self, offer: dict[str, Any]) -> None:
        body = {"version": offer["version"], "sdp": self.answer_to(offer)}
        await self._control.call("POST", f"/v1/peers/{self.peer_id}/answer", body)

    def answer_to(self, offer: dict[str, Any]) -> str:
        self.tracks = offer["tracks"]
        sections = offer["sdp"].split("\r\nm=")[1:]
        mids = [_one(r"a=mid:(\S+)", section) for section in sections]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE " + " ".join(mids)]
        digest = next(f.value for f in CERTIFICATE.getFingerprints() if f.algorithm == "sha-256")
        for mid, section in zip(mids, sections, strict=True):
            lines += [f"m={section.splitlines()[0]}", f"a=mid:{mid}", *self._direction(mid, section)]
            lines += [f"a=fingerprint:sha-256 {digest}", "a=setup:active", "a=rtcp-mux"]
            lines += re.findall(r"a=rtpmap:.*", section.replace("\r", ""))
        return "\r\n".join(lines) + "\r\n"

    def _direction(self, mid: str, section: str) -> list[str]:
        source = next((s for s in self.publish if MIDS[s] == mid), None)
        if source is not None:
            own = self.sending[source]
            group = [f"a=ssrc-group:FID {own.ssrc} {own.rtx_ssrc}"] if own.rtx_ssrc else []
            if not self._declare:
                return ["a=sendonly"]
            return ["a=sendonly", *group, *(f"a=ssrc:{s} cname:c" for s in (own.ssrc, own.rtx_ssrc) if s)]
        if "a=sendonly" not in section:
            return ["a=inactive"]
        self.ssrcs[mid] = int(_one(r"a=ssrc:(\d+)", section))
        self.rtx_ssrcs[mid] = int((re.findall(r"FID \d+ (\d+)", section) or ["0"])[0])
        return ["a=recvonly"]

    # Transport

    def open_socket(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self.socket, self._readable)

    def close_socket(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    async def connect(self, sdp: str) -> None:
        await self._check(sdp)
        algorithm, digest = _one(r"a=fingerprint:(\S+ \S+)", sdp).split()
        await self.dtls.start(RTCDtlsParameters([RTCDtlsFingerprint(algorithm, digest)]))
        assert self.dtls.state == "connected", self.dtls.state
        self._spawn(self._consent())

    async def _check(self, sdp: str) -> None:
        host, port = _one(r"a=candidate:\S+ 1 udp \d+ (\S+ \d+) typ host", sdp).split()
        self._remote = self._via or (host, int(port))
        self._credentials = (_one(r"a=ice-ufrag:(\S+)", sdp), _one(r"a=ice-pwd:(\S+)", sdp), "mine")
        self._checked.clear()
        async with asyncio.timeout(10):
            while not self._checked.is_set():
                self.send_check()
                try:
                    await asyncio.wait_for(self._checked.wait(), 0.05)
                except TimeoutError:
                    continue

    def send_check(self, nominate: bool = True) -> None:
        ufrag, password, own = self._credentials
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{ufrag}:{own}"
        request.attributes["PRIORITY"] = 1
        request.attributes["ICE-CONTROLLING"] = 1
        if nominate:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(password.encode())
        self.send_datagram(bytes(request))

    async def _consent(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self.send_check()

    def send_datagram(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, self._remote)

    def _readable(self) -> None:
        while True:
            try:
                datagram = self.socket.recv(4096)
            except BlockingIOError:
                return
            self._take(datagram)

    def _take(self, datagram: bytes) -> None:
        if datagram[0] < 4:
            self._checked.set()
        elif datagram[0] < 64:
            self._pipe.inbox.put_nowait(datagram)
        elif self.dtls.state == "connected":
            try:
                self._take_secure(datagram)
            except pylibsrtp.Error:
                self.undecryptable += 1

    def _take_secure(self, datagram: bytes) -> None:
        if 64 <= datagram[1] & 0x7F < 96:
            for packet in RtcpPacket.parse(self.dtls._rx_srtp.unprotect_rtcp(datagram)):
                self.rtcp.append(packet)
                self._react(packet)
            return
        plain = self.dtls._rx_srtp.unprotect(datagram)
        _, second, sequence, timestamp, ssrc = HEADER.unpack_from(plain)
        self.received.setdefault(ssrc, []).append(Received(second & 0x7F, sequence, timestamp, ssrc, plain[12:]))

    def _react(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == 1:
            for own in self.sending.values():
                own.keyframe_wanted |= own.ssrc == packet.media_ssrc
        elif isinstance(packet, RtcpRtpfbPacket) and self.answers_nacks:
            for own in self.sending.values():
                if own.ssrc == packet.media_ssrc:
                    self._resend(own, packet.lost)

    def _resend(self, own: Sending, lost: list[int]) -> None:
        for sequence in lost:
            data = own.sent.get(sequence)
            if data is None:
                continue
            if own.rtx_ssrc:
                _, second, _, timestamp, _ = HEADER.unpack_from(data)
                second = (second & 0x80) | (PAYLOAD_TYPES[own.source] + 1)
                head = HEADER.pack(0x80, second, next(self._rtx_sequence) & 0xFFFF, timestamp, own.rtx_ssrc)
                data = head + sequence.to_bytes(2, "big") + data[12:]
            self.send_rtp(data)

    # Media

    def send_rtp(self, data: bytes) -> None:
        self.send_datagram(self.dtls._tx_srtp.protect(data))

    def send_rtcp(self, data: bytes) -> None:
        self.send_datagram(self.dtls._tx_srtp.protect_rtcp(data))

    def send_frame(self, source: str, size: int = 100) -> int:
        """One packet that is a whole frame; its payload ends in its count. Returns the sequence number."""
        own = self.sending[source]
        start = b""
        if source != "audio":
            start = KEYFRAME if own.keyframe_wanted else INTERFRAME
            own.keyframe_wanted = False
        head = HEADER.pack(0x80, PAYLOAD_TYPES[source] | 0x80, own.sequence, own.timestamp, own.ssrc)
        sequence, data = own.sequence, head + start + bytes(size) + own.count.to_bytes(4, "big")
        own.sent[sequence] = data
        own.count += 1
        own.sequence = (own.sequence + 1) & 0xFFFF
        own.timestamp = (own.timestamp + (960 if source == "audio" else 3000)) & 0xFFFFFFFF
        self.send_rtp(data)
        return sequence

    def send_report(self, source: str, ntp: int) -> None:
        own = self.sending[source]
        info = RtcpSenderInfo(ntp, own.timestamp, own.count, 0)
        self.send_rtcp(bytes(RtcpSrPacket(ssrc=own.ssrc, sender_info=info)))

    def send_pli(self, ssrc: int) -> None:
        self.send_rtcp(bytes(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=ssrc)))

    def send_nack(self, ssrc: int, lost: list[int]) -> None:
        self.send_rtcp(bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=ssrc, lost=lost)))

    def send_remb(self, bitrate: int, ssrcs: list[int]) -> None:
        self.send_rtcp(bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(bitrate, ssrcs))))

    def send_receiver_report(self, block: RtcpReceiverInfo) -> None:
        self.send_rtcp(bytes(RtcpRrPacket(ssrc=1, reports=[block])))

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Send every source at its rate while the block runs."""
        task = asyncio.create_task(self._stream())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _stream(self) -> None:
        for tick in itertools.count():
            for source in tuple(self.publish):
                if source == "audio" or tick % 2 == 0:
                    self.send_frame(source)
            await asyncio.sleep(0.02)

    # What came

    def mid_of(self, publication_id: str) -> str:
        return next(mid for mid, track in self.tracks.items() if track["publication_id"] == publication_id)

    def got(self, publication_id: str) -> list[Received]:
        mids = [mid for mid, track in self.tracks.items() if track["publication_id"] == publication_id]
        return self.received.get(self.ssrcs[mids[0]], []) if mids else []

    def got_rtx(self, publication_id: str) -> list[Received]:
        return self.received.get(self.rtx_ssrcs[self.mid_of(publication_id)], [])

    def asked_for_keyframe(self) -> int:
        return sum(1 for p in self.rtcp if isinstance(p, RtcpPsfbPacket) and p.fmt == 1)

    def asked_again_for(self) -> list[int]:
        return [s for p in self.rtcp if isinstance(p, RtcpRtpfbPacket) for s in p.lost]

    async def gets_more(self, publication_id: str, packets: int = 20) -> None:
        start = len(self.got(publication_id))
        await eventually(lambda: len(self.got(publication_id)) >= start + packets)

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def vanish(self) -> None:
        """Stop without a word, as a browser whose network is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        pump = self.dtls._task
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        if self.socket.fileno() >= 0:
            self.close_socket()


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found.group(1)


class Signalling:
    """Passes the worker's later offers to the peers that they are for."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.peers: list[RtpPeer] = []

    async def run(self) -> None:
        async for event in self._control.each_event():
            peer = next((p for p in self.peers if p.peer_id == event.get("peer_id")), None)
            if event["kind"] == "offer" and peer is not None:
                try:
                    await peer.answer(event["offer"])
                except Refusal as refusal:
                    if refusal.status not in (404, 409):  # the peer, or the offer, has been replaced meanwhile
                        raise


@asynccontextmanager
async def signalling(control: Control) -> AsyncIterator[Signalling]:
    served = Signalling(control)
    task = asyncio.create_task(served.run())
    try:
        yield served
    finally:
        for peer in served.peers:
            await peer.vanish()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):  # the worker may have been killed
            await task


async def join(served: Signalling, control: Control, name: str, room_id: str = "r", **options: Any) -> RtpPeer:
    peer = RtpPeer(control, room_id, name, **options)
    served.peers.append(peer)
    await peer.join()
    return peer
