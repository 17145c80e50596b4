"""What one peer publishes: which SSRC is which source, as its answers and its packets say."""

from collections.abc import Callable

from media import packet
from media.feedback import Feedback
from media.packet import PacketError
from media.sdp import PAYLOAD_TYPE, PUBLISHED, RTX_PAYLOAD_TYPE, SOURCE_OF_PAYLOAD_TYPE, Answer, Source
from media.stream import Stream

MAX_SSRCS = 16


class Reception:
    """`publishing` are the sources that the peer says it sends; `by_ssrc` the streams that have begun, RTX included.

    `on_stream` is called with a stream whose first packet is about to be forwarded.
    """

    def __init__(self, feedback: Feedback, gappy: set[Stream], on_stream: Callable[[Stream], None]) -> None:
        self._feedback, self._gappy, self._on_stream = feedback, gappy, on_stream
        self.publishing: set[Source] = set()
        self.by_ssrc: dict[int, Stream] = {}
        self._declared: dict[int, Source] = {}
        self._rtx: dict[int, int] = {}

    def declare(self, answer: Answer) -> None:
        """Take what an answer says; streams of sources that it no longer sends end."""
        sending = [section for section in answer.sections if section.sends and section.mid in PUBLISHED]
        self.publishing = {PUBLISHED[section.mid] for section in sending}
        self._declared = {section.ssrc: PUBLISHED[section.mid] for section in sending if section.ssrc}
        self._rtx = {section.rtx_ssrc: section.ssrc for section in sending if section.rtx_ssrc}
        for source in set(self._feedback.streams) - self.publishing:
            self._drop(source)
        self._feedback.video_ssrcs = [ssrc for ssrc, source in self._declared.items() if source.is_video]

    def drop_all(self) -> None:
        for source in list(self._feedback.streams):
            self._drop(source)

    def _drop(self, source: Source) -> None:
        stream = self._feedback.streams.pop(source)
        self._gappy.discard(stream)
        for out in stream.subscriptions:
            out.unbind()
        for ssrc in [ssrc for ssrc, known in self.by_ssrc.items() if known is stream]:
            del self.by_ssrc[ssrc]

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
        if source in self._feedback.streams:
            self._drop(source)
        stream = Stream(self._feedback, source, ssrc, sequence, timestamp, now)
        self.by_ssrc[ssrc] = self._feedback.streams[source] = stream
        if source.is_video and ssrc not in self._feedback.video_ssrcs:
            self._feedback.video_ssrcs.append(ssrc)
        self._on_stream(stream)
        return stream

    def _repaired_by(self, ssrc: int, payload_type: int) -> Stream | None:
        if ssrc in self._rtx:
            return self.by_ssrc.get(self._rtx[ssrc])
        streams = self._feedback.streams.values()
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
