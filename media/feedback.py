"""One peer's RTCP: reports, retransmission both ways, keyframe requests, and how much its publisher may send."""

from collections.abc import Iterable
from typing import Protocol

from aiortc.rtp import AnyRtcpPacket, RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket, RtcpSrPacket

from media import packet
from media.bandwidth import MAX_BITRATE, Flowing, share
from media.clock import MediaClock
from media.packet import SEQUENCE_MASK, TIMESTAMP_MASK, PacketError
from media.sdp import Source
from media.stream import Missing, Stream, Subscription

KEYFRAME_INTERVAL = 0.5
NACK_DELAY, NACK_RETRY, NACK_TRIES, NACK_LIFETIME = 0.012, 0.04, 8, 1.0
NACKS_PER_MESSAGE = 100
REPORT_INTERVAL = 1.0
RATE_INTERVAL = 0.5
"""A report that is sent early must not measure a rate over a few packets."""
RESEND_HOLD = 0.02
REMB_LIFETIME = 5.0
REPORTS_REMEMBERED = 8
NTP_FRACTION = 1 << 32


class RtcpOut(Protocol):
    """How a peer's feedback leaves."""

    @property
    def clock(self) -> MediaClock: ...
    def send_rtcp(self, data: bytes) -> None: ...
    def send_rtp(self, subscription: Subscription, data: bytes) -> None: ...


class Feedback:
    """`streams` are what the peer publishes now, `subscriptions` what it is sent, by the SSRC it sees."""

    def __init__(self, out: RtcpOut, gappy: set[Stream]) -> None:
        self._out, self._gappy = out, gappy
        self.streams: dict[Source, Stream] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self.video_ssrcs: list[int] = []
        self.remb_in = self.remb_out = 0
        self.report_due = 0.0
        self._remb_at = 0.0
        self.malformed = 0

    # What the peer publishes

    def note_gap(self, stream: Stream, lost: Iterable[int], now: float) -> None:
        for sequence in lost:
            stream.missing[sequence & SEQUENCE_MASK] = Missing(now, now + NACK_DELAY)
        self._gappy.add(stream)

    def send_nacks(self, stream: Stream, now: float) -> None:
        """Ask for what is missing and due; give up on what is too old, with a keyframe when asking did not help."""
        due: list[int] = []
        for sequence, missing in list(stream.missing.items()):
            if missing.tries >= NACK_TRIES or now - missing.since > NACK_LIFETIME:
                del stream.missing[sequence]
                stream.given_up += 1
                self.request_keyframe(stream, now)
            elif now >= missing.due and len(due) < NACKS_PER_MESSAGE:
                missing.due = now + NACK_RETRY * (1 + missing.tries)
                missing.tries += 1
                due.append(sequence)
        if due:
            stream.nacked += len(due)
            self._out.send_rtcp(packet.nack(stream.ssrc, due))

    def request_keyframe(self, stream: Stream, now: float) -> None:
        """At most one PLI per KEYFRAME_INTERVAL and stream; a later wish is kept until then."""
        if not stream.source.is_video:
            return
        if now - stream.keyframe_at < KEYFRAME_INTERVAL:
            stream.keyframe_due = stream.keyframe_at + KEYFRAME_INTERVAL
            self._gappy.add(stream)
            return
        stream.keyframe_at, stream.keyframe_due = now, 0.0
        stream.keyframes_asked += 1
        self._out.send_rtcp(packet.pli(stream.ssrc))

    def tend(self, stream: Stream, now: float) -> bool:
        """Do what is due for a stream with gaps or a keyframe wish; whether something is left to do."""
        if stream.missing:
            self.send_nacks(stream, now)
        if stream.keyframe_due and now >= stream.keyframe_due:
            self.request_keyframe(stream, now)
        return bool(stream.missing or stream.keyframe_due)

    def report(self, now: float) -> None:
        """Receiver reports and the bandwidth limit, once per REPORT_INTERVAL."""
        self.report_due = now + REPORT_INTERVAL
        blocks = [self._reception(stream, now) for stream in self.streams.values()]
        self.remb_out = self.upstream_limit(now)
        message = packet.receiver_report(blocks)
        if self.video_ssrcs:
            message += packet.remb(self.remb_out, self.video_ssrcs)
        self._out.send_rtcp(message)

    def _reception(self, stream: Stream, now: float) -> RtcpReceiverInfo:
        # What RTX repaired counts as lost here, or the sender would never see loss.
        expected, received = stream.expected, stream.packets - stream.repaired
        if now - stream.rate_at >= RATE_INTERVAL:
            stream.rate = (stream.octets - stream.prior_octets) * 8 / (now - stream.rate_at)
            stream.prior_octets, stream.rate_at = stream.octets, now
        new_expected, new_received = expected - stream.prior_expected, received - stream.prior_received
        stream.prior_expected, stream.prior_received = expected, received
        fraction = (new_expected - new_received) * 256 // new_expected if new_expected > 0 else 0
        known = stream.reported_at > 0
        return RtcpReceiverInfo(
            ssrc=stream.ssrc,
            fraction_lost=min(255, max(0, fraction)),
            packets_lost=min(0x7FFFFF, max(-0x800000, expected - received)),
            highest_sequence=(stream.cycles + stream.max_seq) & 0xFFFFFFFF,
            jitter=int(stream.jitter) & 0xFFFFFFFF,
            lsr=(stream.reported_ntp >> 16) & 0xFFFFFFFF if known else 0,
            dlsr=int((now - stream.reported_at) * 65536) & 0xFFFFFFFF if known else 0,
        )

    def upstream_limit(self, now: float) -> int:
        """Bits per second that this publisher's videos may have together: the tightest subscriber's share."""
        videos = [s for s in self.streams.values() if s.source.is_video and s.rate > 0]
        subscribers = {out.feedback for stream in videos for out in stream.subscriptions}
        return min([MAX_BITRATE, *(subscriber.share_for(videos, now) for subscriber in subscribers)])

    def share_for(self, videos: list[Stream], now: float) -> int:
        """What this peer, as a subscriber, leaves to these videos of one publisher."""
        if not self.remb_in or now - self._remb_at > REMB_LIFETIME:
            return MAX_BITRATE
        flowing = [
            Flowing(out.stream.rate, out.lost_fraction, out.stream in videos)
            for out in self.subscriptions.values()
            if out.stream is not None
        ]
        return share(self.remb_in, flowing)

    # What the peer reports

    def receive(self, data: bytes, now: float) -> None:
        try:
            for message in packet.parse_rtcp(data):
                self._take(message, now)
        except PacketError:
            self.malformed += 1

    def _take(self, message: AnyRtcpPacket, now: float) -> None:
        if isinstance(message, RtcpSrPacket):
            self._take_sender_report(message, now)
        if isinstance(message, RtcpSrPacket | RtcpRrPacket):
            for block in message.reports:
                self._take_report_block(block, now)
        elif isinstance(message, RtcpRtpfbPacket) and message.fmt == packet.NACK:
            self._resend(message, now)
        elif isinstance(message, RtcpPsfbPacket):
            self._take_payload_feedback(message, now)

    def _take_payload_feedback(self, message: RtcpPsfbPacket, now: float) -> None:
        if message.fmt == packet.REMB:
            self._take_remb(packet.remb_bitrate(message.fci), now)
        elif message.fmt in (packet.PLI, packet.FIR):
            ssrc = message.media_ssrc or int.from_bytes(message.fci[:4], "big")
            out = self.subscriptions.get(ssrc)
            if out is not None and out.stream is not None:
                out.keyframes_asked += 1
                out.stream.feedback.request_keyframe(out.stream, now)

    def _take_remb(self, bitrate: int, now: float) -> None:
        self.remb_in, self._remb_at = bitrate, now
        for out in self.subscriptions.values():
            stream = out.stream
            if stream is not None and stream.source.is_video:
                publisher = stream.feedback
                if publisher.upstream_limit(now) < 0.97 * publisher.remb_out:
                    publisher.report_due = 0.0  # a drop goes upstream at once

    def _take_sender_report(self, message: RtcpSrPacket, now: float) -> None:
        stream = next((s for s in self.streams.values() if s.ssrc == message.ssrc), None)
        if stream is None:
            return
        sent = message.sender_info
        stream.reported_at, stream.reported_ntp, stream.reported_rtp = now, sent.ntp_timestamp, sent.rtp_timestamp
        stream.last_report = bytes(message)
        if stream.tap_report is not None:
            stream.tap_report(stream.last_report, now)
        for out in stream.subscriptions:
            out.feedback.send_sender_report(out, stream, 0.0, now)

    def send_sender_report(self, out: Subscription, stream: Stream, age: float, now: float) -> None:
        """The publisher's report as the subscriber must see it, `age` seconds after it was made."""
        ntp = stream.reported_ntp + int(age * NTP_FRACTION)
        rtp = stream.reported_rtp + int(age * stream.clock_rate) + out.timestamp_offset
        out.reports_sent[(ntp >> 16) & 0xFFFFFFFF] = now
        if len(out.reports_sent) > REPORTS_REMEMBERED:
            del out.reports_sent[next(iter(out.reports_sent))]
        counts = (out.packets, out.octets)
        self._out.send_rtcp(packet.sender_report(out.ssrc, ntp & ((1 << 64) - 1), rtp, *counts, out.cname))

    def _take_report_block(self, block: RtcpReceiverInfo, now: float) -> None:
        out = self.subscriptions.get(block.ssrc)
        if out is None:
            return
        out.lost_fraction = block.fraction_lost / 256
        sent_at = out.reports_sent.get(block.lsr)
        if sent_at is not None:
            out.rtt = max(0.0, now - sent_at - block.dlsr / 65536)

    def _resend(self, message: RtcpRtpfbPacket, now: float) -> None:
        out = self.subscriptions.get(message.media_ssrc)
        if out is None or out.stream is None:
            return
        stream = out.stream
        out.nacks += len(message.lost)
        for sequence in message.lost[:NACKS_PER_MESSAGE]:
            original = (sequence - out.sequence_offset) & SEQUENCE_MASK
            data = stream.ring[original & stream.mask]
            if data is None or int.from_bytes(data[2:4], "big") != original:
                continue
            if out.may_resend(sequence, now, RESEND_HOLD):
                self._out.send_rtp(out, _again(out, data, sequence))
                out.resent += 1


def _again(out: Subscription, data: bytes, sequence: int) -> bytes:
    """A packet for retransmission: over RTX where there is an RTX stream, else as it was sent."""
    timestamp = (int.from_bytes(data[4:8], "big") + out.timestamp_offset) & TIMESTAMP_MASK
    if not out.rtx_ssrc:
        return packet.HEADER.pack(data[0], data[1], sequence, timestamp, out.ssrc) + data[12:]
    out.rtx_sequence = (out.rtx_sequence + 1) & SEQUENCE_MASK
    return packet.to_rtx(data, out.rtx_payload_type, out.rtx_ssrc, out.rtx_sequence, sequence, timestamp)
