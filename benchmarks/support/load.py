"""A load generator for relays: bare WebRTC clients that send real VP8 720p30 and Opus at rate, and time every packet.

ICE and DTLS are aioice's and aiortc's; then one plain loop owns every socket and works on SRTP in place. One
consultation is two such clients: about 390 packets a second in, and as many out.
"""

import asyncio
import heapq
import itertools
import random
import re
import resource
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtp import (
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from benchmarks.support.recorded_media import Frames
from media.ice import IceLite
from media.ice import Path as IcePath
from media.packet import HEADER, is_rtcp
from media.rtc import c_buffer, c_int, srtp_protect, srtp_protect_rtcp, srtp_unprotect

SO_TIMESTAMPNS = 35
BUFFER = 2048
STAMP = struct.Struct("!Q")
TIMESPEC = struct.Struct("qq")
SAMPLE_EVERY = 8
NACK_EVERY = 100
MIN_STAMPED, SRTP_TAG = 16, 16
"""Shorter payloads (the end of a frame) have no room for the time of sending."""
REPORT_EVERY = 1.0
LONGEST_DRAIN_S = 3.0
FULL_RATE = 2_500_000
"""Bits per second that receivers claim to take: the load must not be throttled."""
AUDIO, VIDEO, RTX = 111, 96, 97
CERTIFICATE = RTCCertificate.generateCertificate()


@dataclass
class Sender:
    """One published stream; `frames` are lists of payloads, repeated."""

    client: "Client"
    payload_type: int
    frames: Frames
    step: int
    interval_s: float
    ssrc: int = field(default_factory=lambda: random.getrandbits(31) | 1)
    sequence: int = field(default_factory=lambda: random.getrandbits(15))
    timestamp: int = field(default_factory=lambda: random.getrandbits(31))
    position: int = 0
    packets: int = 0
    octets: int = 0


class _Pipe:
    role = "controlled"

    def __init__(self, client: "Client") -> None:
        self.client = client
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, datagram: bytes) -> None:
        self.client.socket.sendto(datagram, self.client.remote)


class Client:
    """One connection. It checks an ICE-lite relay, or answers the checks of a full agent (`lite`). Without `frames` it
    only receives.
    """

    def __init__(self, frames: dict[str, Frames] | None, lite: bool = False, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.host = host
        self.socket.bind((host, 0))
        self.remote: Any = None
        self.lite = lite
        self.ice = IceLite(self)
        self._credentials = ("", "")
        self._pathed = asyncio.Event()
        self._pipe = _Pipe(self)
        self._dtls = RTCDtlsTransport(self._pipe, [CERTIFICATE])  # type: ignore[arg-type]
        self._dtls._set_role("client")
        self.senders: list[Sender] = []
        if frames is not None:
            self.senders.append(Sender(self, AUDIO, frames["audio"], 960, 0.02))
            self.senders.append(Sender(self, VIDEO, frames["video"], 3000, 1 / 30))
        self.received: dict[int, int] = {}
        self.first_packet_at = 0.0
        self.tx: Any = None
        self.rx: Any = None
        self.to_nack = 0
        asyncio.get_running_loop().add_reader(self.socket, self._readable)

    # Set-up, on the event loop

    def offer(self) -> str:
        """What a publisher offers to a relay that answers."""
        digest = next(f.value for f in CERTIFICATE.getFingerprints() if f.algorithm == "sha-256")
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
        lines += ["a=ice-lite"] if self.lite else []
        codecs = (f"{AUDIO}", ["opus/48000/2"]), (f"{VIDEO} {RTX}", ["VP8/90000", "rtx/90000"])
        for mid, (sender, (formats, encodings)) in enumerate(zip(self.senders, codecs, strict=True)):
            kind = "video" if mid else "audio"
            lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}", "c=IN IP4 127.0.0.1", f"a=mid:{mid}", "a=sendonly"]
            lines += ["a=rtcp-mux", *self._ice_lines(), f"a=fingerprint:sha-256 {digest}", "a=setup:actpass"]
            lines += [f"a=rtpmap:{n} {name}" for n, name in zip(formats.split(), encodings, strict=True)]
            if mid:
                lines += [f"a=fmtp:{RTX} apt={VIDEO}", f"a=rtcp-fb:{VIDEO} nack", f"a=rtcp-fb:{VIDEO} nack pli"]
            lines.append(f"a=ssrc:{sender.ssrc} cname:load")
        return "\r\n".join(lines) + "\r\n"

    def answer(self, offer: str) -> str:
        _, *sections = offer.split("\r\nm=")
        mids = [_one(r"a=mid:(\S+)", section) for section in sections]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE " + " ".join(mids)]
        if self.lite:
            lines.append("a=ice-lite")
        digest = next(f.value for f in CERTIFICATE.getFingerprints() if f.algorithm == "sha-256")
        free = dict(zip(("audio", "video"), self.senders, strict=False))
        for mid, section in zip(mids, sections, strict=True):
            kind = section.split(" ", 1)[0]
            lines += [f"m={section.splitlines()[0]}", "c=IN IP4 127.0.0.1", f"a=mid:{mid}", "a=rtcp-mux"]
            lines += [f"a=fingerprint:sha-256 {digest}", "a=setup:active", *self._ice_lines()]
            lines += re.findall(r"a=(?:rtpmap|fmtp|rtcp-fb):.*", section.replace("\r", ""))
            sender = free.pop(kind, None) if "a=recvonly" in section else None
            if sender is not None:
                sender.payload_type = _payload_type(section, "opus" if kind == "audio" else "VP8")
                lines += ["a=sendonly", f"a=ssrc:{sender.ssrc} cname:load"]
            else:
                lines.append("a=recvonly" if "a=sendonly" in section else "a=inactive")
        return "\r\n".join(lines) + "\r\n"

    def _ice_lines(self) -> list[str]:
        credentials = self.ice.credentials
        lines = [f"a=ice-ufrag:{credentials.ufrag}", f"a=ice-pwd:{credentials.password}"]
        if self.lite:
            port = self.socket.getsockname()[1]
            lines += [f"a=candidate:1 1 udp 2130706431 {self.host} {port} typ host", "a=end-of-candidates"]
        return lines

    async def connect(self, offer: str) -> None:
        """`offer` is the other side's description, whichever kind it is."""
        if "a=setup:active" in offer:
            self._dtls._set_role("server")
        if not self.lite:
            address = re.escape(self.host)
            host, port = _one(rf"a=candidate:\S+ 1 (?:udp|UDP) \d+ ({address} \d+) typ host", offer).split()
            self.remote = (host, int(port))
            self._credentials = (_one(r"a=ice-ufrag:(\S+)", offer), _one(r"a=ice-pwd:(\S+)", offer))
        while not self._pathed.is_set():
            self.check()
            try:
                await asyncio.wait_for(self._pathed.wait(), 0.05)
            except TimeoutError:
                continue
        fingerprints = re.findall(r"a=fingerprint:(sha-256) (\S+)", offer)[:1]
        await self._dtls.start(RTCDtlsParameters([RTCDtlsFingerprint(*pair) for pair in fingerprints]))
        if self._dtls.state != "connected":
            raise RuntimeError(f"DTLS {self._dtls.state}")
        self.tx, self.rx = self._dtls._tx_srtp._srtp[0], self._dtls._rx_srtp._srtp[0]

    def check(self) -> None:
        """A connectivity or consent check; a lite client has none to make."""
        if self.lite:
            return
        ufrag, password = self._credentials
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes.update({"USERNAME": f"{ufrag}:load", "PRIORITY": 1, "ICE-CONTROLLING": 1})
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(password.encode())
        self.socket.sendto(bytes(request), self.remote)

    def on_path(self, old: IcePath | None, new: IcePath) -> None:
        self.remote = new.address
        self._pathed.set()

    def _readable(self) -> None:
        while True:
            try:
                datagram, address = self.socket.recvfrom(BUFFER)
            except BlockingIOError:
                return
            if datagram[0] < 4:
                self.take_stun(datagram, address)
            elif datagram[0] < 64:
                self._pipe.inbox.put_nowait(datagram)
            elif not is_rtcp(datagram[1]) and not self.first_packet_at:
                self.first_packet_at = time.monotonic()

    def take_stun(self, datagram: bytes, address: Any) -> None:
        if not self.lite:
            self._pathed.set()
            return
        ufrag = self.ice.credentials.ufrag
        reply = self.ice.check(datagram, IcePath(address, self.socket), ufrag, time.monotonic())
        if reply is not None:
            self.socket.sendto(reply, address)

    def release(self) -> None:
        """Hand the socket over from the event loop to the generator."""
        asyncio.get_running_loop().remove_reader(self.socket)

    async def close(self) -> None:
        pump = self._dtls._task
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


@dataclass
class Figures:
    """What one run has counted. Latencies in ms, from just before sendto to the kernel's receive time stamp."""

    sent: int = 0
    received: int = 0
    resent: int = 0
    nacks: int = 0
    bad: int = 0
    octets: int = 0
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else -1.0


class Generator:
    """Sends, receives and reports for all clients in one thread, until told to stop. `stamp` puts the time of sending
    into each packet, which a transcoding relay would choke on.
    """

    def __init__(self, clients: list[Client], stamp: bool = True) -> None:
        self.clients, self.stamp = clients, stamp
        self.figures = Figures()
        self._buffer = bytearray(BUFFER)
        self._view, self._c_data, self._length = memoryview(self._buffer), c_buffer(self._buffer), c_int()
        self._sample = itertools.cycle(range(SAMPLE_EVERY))

    def run(self, seconds: float, drain_s: float = 0.3) -> Figures:
        """Send for `seconds`, then receive what is still under way: until nothing comes for `drain_s`."""
        self.figures = Figures()
        poller = select.epoll()
        by_fd = {client.socket.fileno(): client for client in self.clients}
        for fd in by_fd:
            poller.register(fd, select.EPOLLIN)
        now = time.monotonic()
        end = now + seconds
        order = itertools.count()
        due: list[tuple[float, int, Sender | Client]] = []
        for client in self.clients:
            due.append((now + random.random() * REPORT_EVERY, next(order), client))
            due += [(now + random.random() * s.interval_s, next(order), s) for s in client.senders]
        heapq.heapify(due)
        until = end + drain_s
        while now < until:
            while due and due[0][0] <= now:
                at, _, item = heapq.heappop(due)
                interval = self._act(item)
                if now < end:
                    heapq.heappush(due, (at + interval, next(order), item))
            wait = min(due[0][0] if due else until, until) - time.monotonic()
            ready = poller.poll(max(0.0, wait))
            for fd, _ in ready:
                self._drain(by_fd[fd])
            now = time.monotonic()
            if ready:
                until = min(max(until, now + drain_s), end + LONGEST_DRAIN_S)
        poller.close()
        return self.figures

    def _act(self, item: Sender | Client) -> float:
        if isinstance(item, Sender):
            self._send_frame(item)
            return item.interval_s
        self._report(item)
        return REPORT_EVERY

    def _send_frame(self, sender: Sender) -> None:
        buffer, view, length = self._buffer, self._view, self._length
        payloads = sender.frames[sender.position]
        sender.position = (sender.position + 1) % len(sender.frames)
        client = sender.client
        for index, payload in enumerate(payloads):
            size = 12 + len(payload)
            marker = 0x80 if index == len(payloads) - 1 else 0
            second = marker | sender.payload_type
            HEADER.pack_into(buffer, 0, 0x80, second, sender.sequence, sender.timestamp, sender.ssrc)
            view[12:size] = payload
            if self.stamp and len(payload) > MIN_STAMPED:
                STAMP.pack_into(buffer, size - 8, time.time_ns())
            length[0] = size
            if srtp_protect(client.tx, self._c_data, length) == 0:
                try:
                    client.socket.sendto(view[: length[0]], client.remote)
                except OSError:
                    self.figures.bad += 1
            sender.sequence = (sender.sequence + 1) & 0xFFFF
            sender.packets += 1
            sender.octets += size
            self.figures.sent += 1
        sender.timestamp = (sender.timestamp + sender.step) & 0xFFFFFFFF

    def _drain(self, client: Client) -> None:
        buffer, figures = self._buffer, self.figures
        receive = client.socket.recvmsg_into
        while True:
            try:
                size, ancillary, _, address = receive([buffer], 64)
            except BlockingIOError:
                return
            except OSError:
                continue
            if buffer[0] & 0xC0 != 0x80:
                if buffer[0] < 4:
                    client.take_stun(bytes(self._view[:size]), address)
                continue
            if is_rtcp(buffer[1]):
                continue
            if buffer[1] & 0x7F == RTX:
                figures.resent += 1
                continue
            figures.received += 1
            figures.octets += size
            self._count(client, size, ancillary)

    def _count(self, client: Client, size: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        _, second, sequence, _, ssrc = HEADER.unpack_from(self._buffer)
        client.received[ssrc] = sequence
        if second & 0x7F == VIDEO:
            client.to_nack += 1
            if client.to_nack >= NACK_EVERY:
                client.to_nack = 0
                self.figures.nacks += 1
                self._rtcp(client, bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=ssrc, lost=[sequence])))
        if self.stamp and next(self._sample) == 0 and ancillary and size > 12 + MIN_STAMPED + SRTP_TAG:
            self._length[0] = size
            if srtp_unprotect(client.rx, self._c_data, self._length):
                self.figures.bad += 1
                return
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2][:16])
            (sent_ns,) = STAMP.unpack_from(self._buffer, self._length[0] - 8)
            self.figures.latencies.append((seconds * 10**9 + nanoseconds - sent_ns) / 1e6)

    def _report(self, client: Client) -> None:
        """Consent check, sender reports, receiver report and REMB: what a browser sends every second."""
        client.check()
        ntp = time.time_ns() * (1 << 32) // 10**9 & ((1 << 64) - 1)
        for sender in client.senders:
            info = RtcpSenderInfo(ntp, sender.timestamp, sender.packets & 0xFFFFFFFF, sender.octets & 0xFFFFFFFF)
            self._rtcp(client, bytes(RtcpSrPacket(ssrc=sender.ssrc, sender_info=info)))
        blocks = [RtcpReceiverInfo(ssrc, 0, 0, sequence, 0, 0, 0) for ssrc, sequence in client.received.items()]
        if blocks:
            remb = RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(FULL_RATE, list(client.received)))
            self._rtcp(client, bytes(RtcpRrPacket(ssrc=1, reports=blocks)) + bytes(remb))

    def _rtcp(self, client: Client, data: bytes) -> None:
        spare = bytearray(BUFFER)
        spare[: len(data)] = data
        length = c_int()
        length[0] = len(data)
        if srtp_protect_rtcp(client.tx, c_buffer(spare), length) == 0:
            client.socket.sendto(bytes(spare[: length[0]]), client.remote)


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"{pattern} is not in the offer")
    return found.group(1)


def _payload_type(section: str, encoding: str) -> int:
    return int(_one(rf"a=rtpmap:(\d+) {encoding}/", section))
