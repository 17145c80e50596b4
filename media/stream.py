"""State of what flows: an incoming RTP stream, and its way to each subscriber. No I/O; the forwarder does the work."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from media.packet import SEQUENCE_MASK, TIMESTAMP_MASK
from media.rtc import SrtpHandle
from media.sdp import CLOCK_RATE, PAYLOAD_TYPE, RTX_PAYLOAD_TYPE, Source

if TYPE_CHECKING:
    from media.feedback import Feedback

VIDEO_CACHE, AUDIO_CACHE = 256, 64
"""Packets kept for retransmission; powers of two. 256 of video are 1.8 s at 1.2 Mbit/s."""
LARGEST_GAP = 200
"""A longer run of lost packets is not asked for again: a keyframe is cheaper."""
LARGEST_DEVIATION = 5
"""Seconds; a longer pause (mute, DTX) says nothing about jitter."""
MAX_ANSWERED = 1024
SEQUENCE_HALF = 0x8000

Tap = Callable[[bytes, float], None]
"""Takes a decrypted RTP packet and its arrival in monotonic seconds; the recorder's way in. Must not raise or block."""


OnNewSsrc: TypeAlias = "Callable[[int, int, int, int, float], Stream | None]"
"""SSRC, payload type, sequence number, timestamp, arrival → the stream that it belongs to."""
Unwrap: TypeAlias = "Callable[[Stream, bytes], bytes | None]"
"""An RTX packet → the original in it, when that is missing."""


class Flow(Protocol):
    """What a known source address leads to: one peer, as the port and the forwarder see it."""

    rx: SrtpHandle | None
    by_ssrc: dict[int, "Stream"]

    on_new_ssrc: "OnNewSsrc"
    unwrap: "Unwrap"

    def on_dtls(self, datagram: bytes) -> None: ...
    def on_rtcp(self, data: bytes, now: float) -> None: ...


class Missing:
    """One packet that has not arrived: when that was noticed, when to ask (again), how often it was asked for."""

    __slots__ = ("due", "since", "tries")

    def __init__(self, since: float, due: float) -> None:
        self.since, self.due, self.tries = since, due, 0


class Stream:
    """Reception state of one SSRC of one connection: RFC 3550 statistics, retransmission cache, gaps."""

    __slots__ = (
        "base_seq",
        "clock_rate",
        "cycles",
        "feedback",
        "given_up",
        "jitter",
        "keyframe_at",
        "keyframe_due",
        "keyframes_asked",
        "last_at",
        "last_report",
        "last_ts",
        "late",
        "mask",
        "max_seq",
        "missing",
        "nacked",
        "octets",
        "packets",
        "payload_type",
        "prior_expected",
        "prior_octets",
        "prior_received",
        "rate",
        "rate_at",
        "recovered",
        "repaired",
        "reported_at",
        "reported_ntp",
        "reported_rtp",
        "ring",
        "source",
        "ssrc",
        "subscriptions",
        "tap",
        "tap_report",
    )

    def __init__(
        self, feedback: "Feedback", source: Source, ssrc: int, sequence: int, timestamp: int, now: float
    ) -> None:
        """`sequence`, `timestamp` and `now` are those of the first packet, which is about to be counted."""
        self.feedback, self.source, self.ssrc = feedback, source, ssrc
        self.payload_type, self.clock_rate = PAYLOAD_TYPE[source], CLOCK_RATE[source]
        self.subscriptions: list[Subscription] = []
        self.tap: Tap | None = None
        self.tap_report: Tap | None = None
        size = VIDEO_CACHE if source.is_video else AUDIO_CACHE
        self.ring: list[bytes | None] = [None] * size
        self.mask = size - 1
        self.base_seq, self.max_seq, self.cycles = sequence, sequence - 1, 0
        self.last_ts, self.last_at, self.jitter = timestamp, now, 0.0
        self.packets = self.octets = 0
        self.missing: dict[int, Missing] = {}
        self.nacked = self.recovered = self.repaired = self.given_up = self.late = 0
        self.prior_expected = self.prior_received = self.prior_octets = 0
        self.rate, self.rate_at = 0.0, now
        self.reported_at = 0.0
        self.last_report = b""
        self.reported_ntp = self.reported_rtp = 0
        self.keyframe_at = self.keyframe_due = 0.0
        self.keyframes_asked = 0

    def irregular(self, sequence: int, now: float) -> bool:
        """The sequence number did not advance by one. Whether the packet is wanted: a late one only when missing.

        Nothing is forwarded twice: a repeated SRTP index with other contents would reuse an AES-GCM nonce.
        """
        delta = (sequence - self.max_seq) & SEQUENCE_MASK
        if 0 < delta < SEQUENCE_HALF:
            if sequence < self.max_seq:
                self.cycles += 1 << 16
            if delta > LARGEST_GAP:
                self.missing.clear()
                self.feedback.request_keyframe(self, now)
            elif delta > 1:
                self.feedback.note_gap(self, range(self.max_seq + 1, self.max_seq + delta), now)
            self.max_seq = sequence
            return True
        missing = self.missing.pop(sequence, None)
        if missing is None:
            self.late += 1
            return False
        self.recovered += 1
        if missing.tries:
            self.repaired += 1
        return True

    def next_frame(self, timestamp: int, now: float) -> None:
        """The timestamp has changed: interarrival jitter of RFC 3550, section 6.4.1, in timestamp units."""
        advance = ((timestamp - self.last_ts + 0x80000000) & TIMESTAMP_MASK) - 0x80000000
        deviation = abs((now - self.last_at) * self.clock_rate - advance)
        if deviation < LARGEST_DEVIATION * self.clock_rate:
            self.jitter += (deviation - self.jitter) / 16
        self.last_ts, self.last_at = timestamp, now

    @property
    def expected(self) -> int:
        """Packets sent so far as far as can be told (RFC 3550, appendix A.3)."""
        return self.cycles + self.max_seq - self.base_seq + 1

    @property
    def lost(self) -> int:
        return self.expected - self.packets


class Subscription:
    """One publication on its way to one subscriber.

    It survives a change of the publisher's stream: sequence numbers and timestamps go on where they ended, so the
    subscriber needs no new offer when a publisher comes back.
    """

    __slots__ = (
        "address",
        "answered",
        "cname",
        "feedback",
        "keyframes_asked",
        "last",
        "lost_fraction",
        "nacks",
        "prior_octets",
        "prior_packets",
        "reports_sent",
        "resent",
        "rtt",
        "rtx_payload_type",
        "rtx_sequence",
        "rtx_ssrc",
        "sendto",
        "sequence_offset",
        "ssrc",
        "stream",
        "timestamp_offset",
        "transport",
        "tx",
    )

    def __init__(self, feedback: "Feedback", source: Source, cname: str) -> None:
        self.feedback, self.cname = feedback, cname
        self.ssrc = random.getrandbits(31) | 1
        self.rtx_ssrc = (self.ssrc + 2) & TIMESTAMP_MASK if source.is_video else 0
        self.rtx_payload_type = RTX_PAYLOAD_TYPE.get(PAYLOAD_TYPE[source], 0)
        self.rtx_sequence = random.getrandbits(15)
        self.stream: Stream | None = None
        self.transport: object = None
        self.tx: SrtpHandle = None
        self.sendto: Callable[..., int] | None = None
        self.address: tuple[Any, ...] = ()
        self.sequence_offset = self.timestamp_offset = 0
        self.last: tuple[int, int, float] | None = None
        self.prior_packets = self.prior_octets = 0
        self.answered: dict[int, float] = {}
        self.reports_sent: dict[int, float] = {}
        self.lost_fraction, self.rtt = 0.0, 0.0
        self.nacks = self.resent = self.keyframes_asked = 0

    def bind(self, stream: Stream) -> None:
        """Send `stream` from its next packet on."""
        if self.last is not None:
            sequence, timestamp, at = self.last
            elapsed = int(max(0.0, stream.last_at - at) * stream.clock_rate) or 1
            self.sequence_offset = sequence - stream.max_seq
            self.timestamp_offset = timestamp + elapsed - stream.last_ts
            stream.missing.clear()  # a late packet would land among numbers already used
        self.answered.clear()
        self.reports_sent.clear()
        self.prior_packets -= stream.packets
        self.prior_octets -= stream.octets
        self.stream = stream
        stream.subscriptions = [*stream.subscriptions, self]

    def unbind(self) -> None:
        stream = self.stream
        if stream is None:
            return
        stream.subscriptions = [s for s in stream.subscriptions if s is not self]
        self.last = (
            stream.max_seq + self.sequence_offset,
            stream.last_ts + self.timestamp_offset,
            stream.last_at,
        )
        self.prior_packets += stream.packets
        self.prior_octets += stream.octets
        self.stream = None

    @property
    def packets(self) -> int:
        return self.prior_packets + (self.stream.packets if self.stream is not None else 0)

    @property
    def octets(self) -> int:
        return self.prior_octets + (self.stream.octets if self.stream is not None else 0)

    def may_resend(self, sequence: int, now: float, hold_s: float) -> bool:
        """Whether a packet may be sent again: not twice within `hold_s` seconds."""
        if now - self.answered.get(sequence, -hold_s) < hold_s:
            return False
        if len(self.answered) > MAX_ANSWERED:
            self.answered.clear()
        self.answered[sequence] = now
        return True
