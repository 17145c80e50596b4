"""RTP and RTCP bytes of a journal (RFC 3550): parsing, unwrapping of counters, putting packets back in order."""

import struct
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from media.journal import Record

_FIXED = struct.Struct(">BBHII")
_SENDER_REPORT = struct.Struct(">BBHIIII")
_SENDER_REPORT_TYPE = 200
NTP_UNIX_S = 2_208_988_800
_START = 16


class Packet(NamedTuple):
    """An RTP packet; `sequence` and `timestamp` are unwrapped, `payload` is without CSRCs, extension and padding."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    wall_us: int


class SenderReport(NamedTuple):
    """The publisher's own clocks: `timestamp` of its media clock (32 bits) was `ntp_us` of its wall clock (Unix µs)."""

    ssrc: int
    ntp_us: int
    timestamp: int


class Malformed(Exception):
    """Bytes that are no RTP packet or sender report."""


def unwrap(value: int, near: int, bits: int) -> int:
    """The unwrapped counter whose low `bits` are `value`, nearest to `near`."""
    half = 1 << (bits - 1)
    return near + ((value - near + half) & ((1 << bits) - 1)) - half


def parse_header(packet: bytes) -> tuple[int, int, int, bool, int]:
    """(payload type, sequence, timestamp, marker, SSRC) of RFC 3550 section 5.1. Raises Malformed."""
    try:
        first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(packet)
    except struct.error as error:
        raise Malformed("shorter than an RTP header") from error
    if first >> 6 != 2:
        raise Malformed("not RTP version 2")
    return second & 0x7F, sequence, timestamp, second >= 0x80, ssrc


def payload_of(packet: bytes) -> bytes:
    """The payload without header, CSRCs, extension and padding; may be empty. Raises Malformed."""
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if len(packet) < start + 4:
            raise Malformed("the header extension is cut off")
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    end = len(packet)
    if packet[0] & 0x20:
        end -= packet[-1]
    if start > end or (packet[0] & 0x20 and packet[-1] == 0):
        raise Malformed("header or padding longer than the packet")
    return packet[start:end]


def parse_sender_report(packet: bytes) -> SenderReport:
    """RFC 3550 section 6.4.1. Raises Malformed."""
    try:
        first, kind, _, ssrc, seconds, fraction, timestamp = _SENDER_REPORT.unpack_from(packet)
    except struct.error as error:
        raise Malformed("shorter than a sender report") from error
    if first >> 6 != 2 or kind != _SENDER_REPORT_TYPE:
        raise Malformed("not a sender report")
    return SenderReport(ssrc, (seconds - NTP_UNIX_S) * 1_000_000 + (fraction * 1_000_000 >> 32), timestamp)


@dataclass
class Reception:
    """What came in: `lost` sequence numbers never seen, `late` after their place was given up, `foreign` of another
    SSRC or payload type."""

    packets: int = 0
    lost: int = 0
    duplicates: int = 0
    late: int = 0
    foreign: int = 0
    malformed: int = 0


class Unwrapper:
    """Follows the two counters of one SSRC in order of arrival."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def __call__(self, sequence: int, timestamp: int) -> tuple[int, int]:
        if self._last is None:
            # The base keeps early reordering from going below zero.
            self._last = sequence + (1 << 16), timestamp + (1 << 32)
            return self._last
        last_sequence, last_timestamp = self._last
        sequence = last_sequence + ((sequence - last_sequence + 0x8000) & 0xFFFF) - 0x8000
        timestamp = last_timestamp + ((timestamp - last_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        if sequence > last_sequence:
            self._last = sequence, timestamp
        return sequence, timestamp

    def timestamp(self, value: int) -> int | None:
        """A media timestamp of a sender report, unwrapped; None before the first packet."""
        return None if self._last is None else unwrap(value, self._last[1], 32)


def read_packets(records: Iterable[Record], ssrc: int, payload_type: int, found: Reception) -> Iterator[Packet]:
    """The packets of one SSRC and payload type in order of arrival, counters unwrapped; counts into `found`."""
    unwrapper = Unwrapper()
    for record in records:
        try:
            kind, sequence, timestamp, marker, source = parse_header(record.payload)
            if source != ssrc or kind != payload_type:
                found.foreign += 1
                continue
            payload = payload_of(record.payload)
        except Malformed:
            found.malformed += 1
            continue
        found.packets += 1
        yield Packet(*unwrapper(sequence, timestamp), marker, payload, record.wall_us)


def in_order(packets: Iterable[Packet], window: int, found: Reception) -> Iterator[Packet]:
    """Packets by sequence number. A missing one is waited for until `window` later ones have come, then given up.

    The first one to arrive need not be the first one sent: the start is chosen among the first few.
    """
    held: dict[int, Packet] = {}
    expected: int | None = None
    for packet in packets:
        if expected is not None and packet.sequence < expected:
            found.late += 1
        elif packet.sequence in held:
            found.duplicates += 1
        elif packet.sequence == expected and not held:
            expected += 1
            yield packet
        else:
            held[packet.sequence] = packet
            if expected is None and len(held) >= _START:
                expected = min(held)
            if expected is not None:
                expected = yield from _release(held, expected, window, found)
    if held:
        yield from _release(held, min(held) if expected is None else expected, 0, found)


def _release(held: dict[int, Packet], expected: int, window: int, found: Reception) -> Generator[Packet, None, int]:
    while held:
        if expected not in held:
            if len(held) <= window:
                break
            following = min(held)
            found.lost += following - expected
            expected = following
        yield held.pop(expected)
        expected += 1
    return expected
