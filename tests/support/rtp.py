"""Generated RTP: real VP8 and Opus with a flash and a beep at every whole second, over clocks and networks that
misbehave.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import av
import numpy as np

from media.journal import JournalHeader, JournalWriter, Kind

START_US = 1_700_000_000_000_000
NTP_UNIX_S = 2_208_988_800
FPS = 30
LOOP_S = 2
FLASH_S = 0.1
WIDTH, HEIGHT = 160, 96

Encoded = tuple[bytes, bool]


@dataclass(frozen=True)
class Source:
    """One publication's stream. Times in seconds of true time from `START_US`; `delay_s` and `lost` see the packet's
    number.
    """

    codec: Literal["opus", "vp8"] = "opus"
    participant_id: str = "clerk"
    source: str = "audio"
    part: int = 1
    start_s: float = 0.0
    end_s: float = 4.0
    ssrc: int = 0xCAFE
    payload_type: int = 111
    first_sequence: int = 65_500
    first_timestamp: int = 2**32 - 40_000
    skew_ppm: float = 0.0
    publisher_offset_s: float = 0.0
    reports_every_s: float = 1.0
    delay_s: Callable[[int], float] = lambda _: 0.02
    lost: Callable[[int], bool] = lambda _: False
    silent: Callable[[float], bool] = lambda _: False
    frame_bytes: int = 500

    @property
    def rate(self) -> int:
        return 48_000 if self.codec == "opus" else 90_000

    @property
    def publication_id(self) -> str:
        return f"{self.participant_id}.{self.source}"


AUDIO = Source()
CAMERA = replace(AUDIO, codec="vp8", source="camera", ssrc=0xBEEF, payload_type=96)


@dataclass(frozen=True)
class Event:
    wall_us: int
    kind: Kind
    payload: bytes


@lru_cache(maxsize=4)
def encoded_pictures(width: int = WIDTH, height: int = HEIGHT) -> tuple[Encoded, ...]:
    """`LOOP_S` seconds of VP8 at `FPS`: noise on black, white for `FLASH_S` at each whole second; a keyframe every
    second.
    """
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.bit_rate = 200_000
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": str(FPS)}
    noise = np.random.default_rng(1)
    frames: list[Encoded] = []
    for number in range(LOOP_S * FPS):
        bright = number % FPS < FLASH_S * FPS
        pixels = noise.integers(200 if bright else 16, 235 if bright else 40, (height * 3 // 2, width), dtype=np.uint8)
        pixels[height:] = 128
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts = number
        frames += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    frames += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(None)]
    assert len(frames) == LOOP_S * FPS and frames[0][1]
    return tuple(frames)


@lru_cache(maxsize=1)
def encoded_sound() -> tuple[Encoded, ...]:
    """`LOOP_S` seconds of Opus in packets of 20 ms: quiet, and 1 kHz for `FLASH_S` at each whole second."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.time_base = Fraction(1, 48_000)
    encoder.options = {"frame_duration": "20", "application": "voip", "vbr": "on"}
    packets: list[Encoded] = []
    for number in range(LOOP_S * 50 + 1):
        at = (np.arange(960) + number * 960) / 48_000
        loud = (at % 1.0) < FLASH_S
        samples = (np.sin(2 * math.pi * 1000 * at) * np.where(loud, 12_000, 20)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, number * 960
        packets += [(bytes(packet), True) for packet in encoder.encode(frame)]
    return tuple(packets[: LOOP_S * 50])


def events(source: Source) -> list[Event]:
    """Packets and sender reports in order of arrival at the relay."""
    found = [*_packets(source), *_reports(source)]
    return sorted(found, key=lambda event: event.wall_us)


def write_journal(
    path: Path, source: Source, key: bytes, close: str | None = "ended", recording_id: str = "rec1"
) -> Path:
    """A journal of the source with a block per second; `close=None` leaves it open, as after a kill."""
    return write_events(path, source, events(source), key, close, recording_id)


def write_events(
    path: Path,
    source: Source,
    arriving: list[Event],
    key: bytes,
    close: str | None = "ended",
    recording_id: str = "rec1",
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = JournalHeader(
        recording_id, source.publication_id, source.participant_id, source.source, source.part, source.codec,
        source.payload_type, source.ssrc, source.rate, "boot", START_US + round(source.start_s * 1e6), 0,
    )  # fmt: skip
    writer = JournalWriter.create(path, header, key)
    for event in arriving:
        mono_us = event.wall_us - START_US
        writer.append(event.kind, event.payload, mono_us, event.wall_us)
        if writer.due(mono_us):
            block = writer.take()
            assert block is not None
            writer.commit(block)
    if close is not None:
        writer.close(close)
    else:
        block = writer.take()
        if block is not None:
            writer.commit(block)
        writer._file.close()
    return path


def _packets(source: Source) -> Iterator[Event]:
    frames = encoded_sound() if source.codec == "opus" else encoded_pictures()
    step = 0.02 if source.codec == "opus" else 1 / FPS
    first = math.ceil(round(source.start_s / step, 6))
    # A decoder needs a keyframe first, and a loop starts with one.
    sequence = number = 0
    for index in range(first, math.ceil(round(source.end_s / step, 6))):
        at_s = index * step
        if source.silent(at_s):
            continue
        content, _ = frames[index % len(frames)]
        timestamp = _timestamp(source, at_s)
        pieces = [content[i : i + source.frame_bytes] for i in range(0, len(content), source.frame_bytes)]
        for piece_number, piece in enumerate(pieces):
            last = piece_number == len(pieces) - 1
            if source.codec == "vp8":
                piece = _descriptor(piece_number == 0, index) + piece
            packet = _rtp(source, sequence, timestamp, piece, last or source.codec == "opus")
            if not source.lost(number):
                yield Event(START_US + round((at_s + source.delay_s(number)) * 1e6), Kind.RTP, packet)
            sequence += 1
            number += 1


def _reports(source: Source) -> Iterator[Event]:
    at_s = source.start_s + 0.05
    while source.reports_every_s > 0 and at_s < source.end_s:
        ntp_s = START_US / 1e6 + source.publisher_offset_s + at_s
        ntp = round((ntp_s + NTP_UNIX_S) * 2**32)
        header = struct.pack(">BBHI", 0x80, 200, 6, source.ssrc)
        body = struct.pack(">QIII", ntp & (2**64 - 1), _timestamp(source, at_s), 0, 0)
        yield Event(START_US + round((at_s + source.delay_s(-1)) * 1e6), Kind.SENDER_REPORT, header + body)
        at_s += source.reports_every_s


def _timestamp(source: Source, at_s: float) -> int:
    ticks = round((at_s - source.start_s) * source.rate * (1 + source.skew_ppm / 1e6))
    return (source.first_timestamp + ticks) % 2**32


def _descriptor(start: bool, picture: int) -> bytes:
    """RFC 7741 section 4.2: X, S; I with a picture id of 15 bits."""
    return bytes([0x80 | (0x10 if start else 0), 0x80]) + struct.pack(">H", 0x8000 | picture % 2**15)


def _rtp(source: Source, sequence: int, timestamp: int, payload: bytes, marker: bool) -> bytes:
    number = (source.first_sequence + sequence) % 2**16
    second = source.payload_type | (0x80 if marker else 0)
    return struct.pack(">BBHII", 0x80, second, number, timestamp, source.ssrc) + payload
