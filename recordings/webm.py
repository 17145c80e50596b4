"""One track of already encoded frames into WebM, without a codec."""

import io
import struct
from fractions import Fraction
from typing import BinaryIO, Literal

import av

from recordings.frames import OPUS_RATE

MILLISECOND = Fraction(1, 1000)
# libavformat writes a cue of about 20 bytes per keyframe, and per cluster of five seconds when there is sound alone.
_CUE_BYTES = 24
_CUES_PER_S = {"vp8": 2.0, "opus": 0.25}


class WebmWriter:
    """Writes frames of one codec to `file` (seekable). Times are whole milliseconds from the start of the part.

    `duration_s` is a guess; it reserves the room for the cues at the front. When the guess is too small the cues stand
    at the end: the file is valid all the same.
    """

    def __init__(
        self,
        file: BinaryIO | io.RawIOBase,
        codec: Literal["opus", "vp8"],
        size: tuple[int, int] | None,
        duration_s: float,
    ) -> None:
        """`size`: width and height in pixels of the first keyframe, for VP8."""
        room = int(1024 + _CUE_BYTES * _CUES_PER_S[codec] * duration_s)
        options = {"reserve_index_space": str(room), "fflags": "+bitexact"}
        self._container = av.open(file, "w", format="webm", options=options)
        self._stream: av.stream.Stream
        if codec == "opus":
            with av.open(io.BytesIO(_opus_template()), format="webm") as template:
                self._stream = self._container.add_stream_from_template(template.streams.audio[0])
        else:
            width, height = size or (0, 0)
            self._stream = self._container.add_mux_stream("vp8", width=width, height=height)

    def write(self, content: bytes, at_ms: int, duration_ms: int, keyframe: bool) -> None:
        packet = av.Packet(content)
        packet.stream = self._stream
        packet.time_base = MILLISECOND
        packet.pts = packet.dts = at_ms
        packet.duration = duration_ms
        packet.is_keyframe = keyframe
        self._container.mux(packet)

    def close(self) -> None:
        """Write cues and duration. Raises OSError; the file itself stays open."""
        self._container.close()


def _opus_template() -> bytes:
    """The smallest WebM that declares Opus: 48 kHz, two channels, no pre-skip, because RTP has none to cut off."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 2, 0, OPUS_RATE, 0, 0)
    audio = _element("E1", _element("B5", struct.pack(">d", OPUS_RATE)) + _element("9F", b"\2"))
    number = _element("D7", b"\1") + _element("73C5", b"\1") + _element("83", b"\2")
    track = _element("AE", number + _element("86", b"A_OPUS") + _element("63A2", head) + audio)
    cluster = _element("1F43B675", _element("E7", b"\0") + _element("A3", b"\x81\0\0\x80\xf8\xff\xfe"))
    return _element("1A45DFA3", _element("4282", b"webm")) + _element("18538067", _element("1654AE6B", track) + cluster)


def _element(identifier: str, content: bytes) -> bytes:
    """An EBML element (RFC 8794) with a length of four bytes."""
    return bytes.fromhex(identifier) + (0x1000_0000 | len(content)).to_bytes(4, "big") + content
