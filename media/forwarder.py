"""The per-packet step: decrypt, count, rewrite, encrypt and send, in place; no object, task or queue per packet.

`Forwarder` is the whole interface to it: a compiled or batched step can replace this module behind the same four calls.
"""

import asyncio
import socket
from collections.abc import Callable

from media.clock import MediaClock
from media.ice import Path
from media.packet import HEADER, SEQUENCE_MASK, TIMESTAMP_MASK, is_rtcp
from media.port import MediaPort
from media.rtc import (
    SrtpHandle,
    c_buffer,
    c_int,
    srtp_protect,
    srtp_protect_rtcp,
    srtp_unprotect,
    srtp_unprotect_rtcp,
)
from media.stream import Flow, Subscription

MAX_DATAGRAM = 2048
TRAILER = 256
"""libsrtp may append SRTP_MAX_TRAILER_LEN (144) bytes in place."""
BATCH = 64
"""Datagrams per wake-up: more would keep the control API waiting under load."""
REPLAY_FAIL, REPLAY_OLD = 9, 10


class Forwarder:
    """Serves a MediaPort on the running loop from `start` to `close`."""

    def __init__(self, port: MediaPort, clock: MediaClock) -> None:
        self._port, self._clock = port, clock
        self._spare = bytearray(MAX_DATAGRAM + TRAILER)
        self._spare_c, self._spare_length = c_buffer(self._spare), c_int()
        self.received = self.forwarded = 0
        self.unauthentic = self.replayed = self.unrouted = self.unsent = 0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for sock in self._port.sockets:
            loop.add_reader(sock.fileno(), self._reader(sock))

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for sock in self._port.sockets:
            loop.remove_reader(sock.fileno())

    def send_rtp(self, subscription: Subscription, data: bytes) -> None:
        """Send one complete packet, outside the usual flow (retransmissions)."""
        if subscription.sendto is not None:
            self._send(srtp_protect, subscription.tx, data, subscription.sendto, subscription.address)

    def send_rtcp(self, tx: SrtpHandle, path: Path, data: bytes) -> None:
        self._send(srtp_protect_rtcp, tx, data, path.socket.sendto, path.address)

    def _send(
        self,
        protect: Callable[..., int],
        tx: SrtpHandle,
        data: bytes,
        sendto: Callable[..., int],
        address: tuple[object, ...],
    ) -> None:
        if len(data) > MAX_DATAGRAM:
            self.unsent += 1
            return
        self._spare[: len(data)] = data
        self._spare_length[0] = len(data)
        if protect(tx, self._spare_c, self._spare_length) == 0:
            try:
                sendto(memoryview(self._spare)[: self._spare_length[0]], address)
            except OSError:
                self.unsent += 1

    def _refused(self, status: int) -> None:
        if status in (REPLAY_FAIL, REPLAY_OLD):
            self.replayed += 1
        else:
            self.unauthentic += 1

    def _media_step(self, buffer: bytearray, c_data: object, length: list[int]) -> Callable[[Flow, int, float], None]:
        """The step for one RTP packet in `buffer`; a closure, since attribute look-ups are a tenth of its cost."""
        view = memoryview(buffer)
        unprotect, protect = srtp_unprotect, srtp_protect
        unpack_from, pack_into = HEADER.unpack_from, HEADER.pack_into

        def step(flow: Flow, size: int, now: float) -> None:
            length[0] = size
            status = unprotect(flow.rx, c_data, length)
            if status:
                self._refused(status)
                return
            size = length[0]
            flags, marker_type, sequence, timestamp, ssrc = unpack_from(buffer)
            stream = flow.by_ssrc.get(ssrc)
            if stream is None:
                stream = flow.on_new_ssrc(ssrc, marker_type & 0x7F, sequence, timestamp, now)
                if stream is None:
                    self.unrouted += 1
                    return
            if marker_type & 0x7F != stream.payload_type:
                original = flow.unwrap(stream, bytes(view[:size]))
                if original is None:
                    return
                size = len(original)
                view[:size] = original
                flags, marker_type, sequence, timestamp, ssrc = unpack_from(buffer)
            if sequence == stream.max_seq + 1:
                stream.max_seq = sequence
            elif not stream.irregular(sequence, now):
                return
            stream.packets += 1
            stream.octets += size
            if timestamp != stream.last_ts:
                stream.next_frame(timestamp, now)
            data = bytes(view[:size])
            stream.ring[sequence & stream.mask] = data
            if stream.tap is not None:
                stream.tap(data, now)
            overwritten = False
            for out in stream.subscriptions:
                if overwritten:
                    view[:size] = data
                overwritten = True
                number = (sequence + out.sequence_offset) & SEQUENCE_MASK
                media_time = (timestamp + out.timestamp_offset) & TIMESTAMP_MASK
                pack_into(buffer, 0, flags, marker_type, number, media_time, out.ssrc)
                length[0] = size
                if protect(out.tx, c_data, length) == 0:
                    try:
                        out.sendto(view[: length[0]], out.address)  # type: ignore[misc]
                        self.forwarded += 1
                    except OSError:
                        self.unsent += 1

        return step

    def _reader(self, sock: socket.socket) -> Callable[[], None]:
        buffer = bytearray(MAX_DATAGRAM + TRAILER)
        view, c_data, length = memoryview(buffer), c_buffer(buffer), c_int()
        media = self._media_step(buffer, c_data, length)
        port, flows, monotonic = self._port, self._port.flows, self._clock.monotonic
        recvfrom_into = sock.recvfrom_into

        def rtcp(flow: Flow, size: int, now: float) -> None:
            length[0] = size
            status = srtp_unprotect_rtcp(flow.rx, c_data, length)
            if status:
                self._refused(status)
            else:
                flow.on_rtcp(bytes(view[: length[0]]), now)

        def readable() -> None:
            now = monotonic()
            for _ in range(BATCH):
                try:
                    size, address = recvfrom_into(buffer, MAX_DATAGRAM)
                except BlockingIOError:
                    return
                except OSError:
                    continue  # an ICMP error of an earlier datagram
                self.received += 1
                if size >= 12 and buffer[0] & 0xC0 == 0x80:
                    flow = flows.get(address)
                    if flow is None or flow.rx is None:
                        port.dropped += 1
                    elif is_rtcp(buffer[1]):
                        rtcp(flow, size, now)
                    else:
                        media(flow, size, now)
                else:
                    port.receive_other(bytes(view[:size]), address, sock, now)

        return readable
