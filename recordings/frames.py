"""Packets to frames, without decoding: Opus (RFC 7587, RFC 6716) and VP8 (RFC 7741)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from recordings.rtp import Packet

OPUS_RATE = 48_000
VP8_RATE = 90_000
# RFC 6716, table 2: samples at 48 kHz of one frame, by TOC configuration.
_OPUS_SAMPLES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


class Frame(NamedTuple):
    """A whole encoded frame. `timestamp` and `duration` in ticks of the media clock (`duration` 0: unknown);
    `lost` tells that packets are missing between the frame before and this one."""

    timestamp: int
    duration: int
    keyframe: bool
    lost: bool
    content: bytes


def opus_samples(packet: bytes) -> int:
    """Samples at 48 kHz in an Opus packet (RFC 6716 section 3); 0 when it is not one."""
    if not packet:
        return 0
    samples = _OPUS_SAMPLES[packet[0] >> 3]
    code = packet[0] & 3
    if code < 3:
        return samples * (1 if code == 0 else 2)
    count = packet[1] & 0x3F if len(packet) > 1 else 0
    return samples * count if samples * count <= 5760 else 0


def opus_filler(packet: bytes) -> bytes:
    """A packet with one empty frame of the same configuration, asking the decoder to conceal (RFC 7845 section 4.1)."""
    return bytes([packet[0] & 0xFC])


def opus_frames(packets: Iterable[Packet]) -> Iterator[Frame]:
    """One frame per packet; packets in order of sequence."""
    expected: int | None = None
    for packet in packets:
        duration = opus_samples(packet.payload)
        if duration:
            lost = expected is not None and packet.sequence != expected
            yield Frame(packet.timestamp, duration, True, lost, packet.payload)
            expected = packet.sequence + 1
        elif expected == packet.sequence:
            # An empty packet is padding; it keeps the sequence whole.
            expected += 1


def vp8_payload_start(payload: bytes) -> int:
    """Length of the VP8 payload descriptor (RFC 7741 section 4.2); the payload's length when it is cut off."""
    start = 1
    if payload[0] & 0x80 and len(payload) > 1:
        extension = payload[1]
        start = 2
        if extension & 0x80:
            start += 2 if len(payload) > start and payload[start] & 0x80 else 1
        if extension & 0x40:
            start += 1
        if extension & 0x30:
            start += 1
    return min(start, len(payload))


def vp8_frames(packets: Iterable[Packet]) -> Iterator[Frame]:
    """Whole frames that a decoder can show: from a keyframe on, and after a loss from the next keyframe on.

    A frame is whole when its packets run without a hole from the start of partition 0 to the marker bit.
    """
    parts: list[bytes] = []
    expected: int | None = None
    lost = decodable = False
    for packet in packets:
        if expected is not None and packet.sequence != expected:
            parts, lost, decodable = [], True, False
        expected = packet.sequence + 1
        if not packet.payload:
            continue
        start = vp8_payload_start(packet.payload)
        if packet.payload[0] & 0x17 == 0x10:
            parts = []
        elif not parts:
            # The start of this frame is missing: nothing after it can be decoded either.
            decodable = False
            continue
        parts.append(packet.payload[start:])
        if not packet.marker:
            continue
        content, parts = b"".join(parts), []
        keyframe = bool(content) and not content[0] & 1
        # What only claims to be a keyframe would leave the file without a size, and the decoder without a picture.
        decodable = vp8_size(content) != (0, 0) if keyframe else decodable
        if decodable and content:
            yield Frame(packet.timestamp, 0, keyframe, lost, content)
            lost = False


def vp8_size(keyframe: bytes) -> tuple[int, int]:
    """(width, height) in pixels from a keyframe's header (RFC 6386 section 9.1); (0, 0) when it is not one."""
    if len(keyframe) < 10 or keyframe[3:6] != b"\x9d\x01\x2a":
        return 0, 0
    width, height = int.from_bytes(keyframe[6:8], "little"), int.from_bytes(keyframe[8:10], "little")
    size = width & 0x3FFF, height & 0x3FFF
    return size if all(size) else (0, 0)
