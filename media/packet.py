"""RTP and RTCP bytes (RFC 3550, 4585, 4588, 5104, 7741): what the relay must read or build. No I/O, no state."""

import struct
from collections.abc import Iterable

from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    pack_remb_fci,
    unpack_remb_fci,
)

HEADER = struct.Struct("!BBHII")
"""Flags and CSRC count, marker and payload type, sequence number, timestamp, SSRC."""
RELAY_SSRC = 1
"""The relay's own SSRC as a sender of RTCP."""
SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFFFFFF
NACK, PLI, FIR, REMB = 1, 1, 4, 15
"""Feedback message types: the first of transport feedback (205), the others of payload feedback (206)."""


class PacketError(ValueError):
    """Bytes that are not the packet they claim to be."""


def is_rtcp(second_byte: int) -> bool:
    """RFC 5761, section 4: payload types 64–95 are RTCP when the marker bit is taken off."""
    return 64 <= (second_byte & 0x7F) < 96


def header_length(data: bytes | memoryview) -> int:
    """Length of the RTP header with CSRCs and extension. Raises PacketError when it runs past the packet."""
    if len(data) < 12:
        raise PacketError("an RTP header has 12 bytes at least")
    size = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if len(data) < size + 4:
            raise PacketError("the RTP header extension is truncated")
        size += 4 + 4 * ((data[size + 2] << 8) | data[size + 3])
    if size > len(data):
        raise PacketError("the RTP header runs past the packet")
    return size


def to_rtx(data: bytes, payload_type: int, ssrc: int, sequence: int, original_sequence: int, timestamp: int) -> bytes:
    """RFC 4588, section 4: the same header with another SSRC, the original sequence number before the payload."""
    size = header_length(data)
    head = HEADER.pack(data[0], (data[1] & 0x80) | payload_type, sequence, timestamp, ssrc)
    return b"".join((head, data[12:size], original_sequence.to_bytes(2, "big"), data[size:]))


def from_rtx(data: bytes, payload_type: int, ssrc: int) -> bytes:
    """The original packet inside an RTX packet. Raises PacketError for padding probes and malformed ones."""
    size = header_length(data)
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    if end - size < 3:
        raise PacketError("an RTX packet without an original")
    head = struct.pack(
        "!BB2s4sI", data[0] & 0xDF, (data[1] & 0x80) | payload_type, data[size : size + 2], data[4:8], ssrc
    )
    return b"".join((head, data[12:size], data[size + 2 : end]))


def is_vp8_keyframe_start(data: bytes) -> bool:
    """Whether an RTP packet begins a VP8 keyframe (RFC 7741, section 4.2: S set, partition 0; 4.3: P clear)."""
    pos = header_length(data)
    if len(data) <= pos or data[pos] & 0x1F != 0x10:
        return False
    descriptor = data[pos]
    pos += 1
    if descriptor & 0x80:
        if len(data) <= pos:
            return False
        extended = data[pos]
        pos += 1
        if extended & 0x80:
            if len(data) <= pos:
                return False
            pos += 2 if data[pos] & 0x80 else 1
        pos += bool(extended & 0x40) + bool(extended & 0x30)
    return len(data) > pos and not data[pos] & 0x01


def parse_rtcp(data: bytes) -> list[AnyRtcpPacket]:
    """A compound or reduced-size RTCP packet. Raises PacketError, and nothing else, on whatever a peer may send."""
    try:
        return list(RtcpPacket.parse(data))
    except (ValueError, struct.error, IndexError, AssertionError, UnicodeDecodeError) as error:
        raise PacketError(f"malformed RTCP: {error}") from error


def remb_bitrate(fci: bytes) -> int:
    """Bits per second of a REMB message. Raises PacketError when it is not one."""
    try:
        return unpack_remb_fci(fci)[0]
    except (ValueError, struct.error, IndexError) as error:
        raise PacketError(f"malformed REMB: {error}") from error


def pli(media_ssrc: int) -> bytes:
    return bytes(RtcpPsfbPacket(fmt=PLI, ssrc=RELAY_SSRC, media_ssrc=media_ssrc))


def nack(media_ssrc: int, lost: list[int]) -> bytes:
    return bytes(RtcpRtpfbPacket(fmt=NACK, ssrc=RELAY_SSRC, media_ssrc=media_ssrc, lost=lost))


def remb(bitrate: int, ssrcs: list[int]) -> bytes:
    return bytes(RtcpPsfbPacket(fmt=REMB, ssrc=RELAY_SSRC, media_ssrc=0, fci=pack_remb_fci(bitrate, ssrcs)))


def receiver_report(reports: Iterable[RtcpReceiverInfo]) -> bytes:
    return bytes(RtcpRrPacket(ssrc=RELAY_SSRC, reports=list(reports)))


def sender_report(ssrc: int, ntp: int, rtp: int, packets: int, octets: int, cname: str) -> bytes:
    """SR and SDES. `ntp` is the publisher's own 64-bit time, so that lip sync survives the relay."""
    report = struct.pack(
        "!BBHIQIII", 0x80, 200, 6, ssrc, ntp, rtp & TIMESTAMP_MASK, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    )
    name = cname.encode()[:255]
    item = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\0"
    item += b"\0" * (-len(item) % 4)
    return report + struct.pack("!BBH", 0x81, 202, len(item) // 4) + item
