"""Reports, retransmission and bandwidth policy, in manual time."""

import pytest
from aiortc.rtp import RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket, pack_remb_fci

from media import packet
from media.bandwidth import FLOOR, LOSSY_FLOOR, MAX_BITRATE
from media.feedback import NACK_TRIES, Feedback
from media.sdp import Source
from media.stream import Stream, Subscription
from tests.support.media_clock import ManualMediaClock


class Side:
    """One peer's feedback, and what it has sent."""

    def __init__(self, clock: ManualMediaClock) -> None:
        self.clock = clock
        self.rtcp: list[bytes] = []
        self.rtp: list[bytes] = []
        self.gappy: set[Stream] = set()
        self.feedback = Feedback(self, self.gappy)

    def send_rtcp(self, data: bytes) -> None:
        self.rtcp.append(data)

    def send_rtp(self, subscription: Subscription, data: bytes) -> None:
        self.rtp.append(data)

    def publish(self, source: Source = Source.CAMERA, ssrc: int = 7) -> Stream:
        stream = Stream(self.feedback, source, ssrc, 100, 0, self.clock.now)
        self.feedback.streams[source] = stream
        if source.is_video:
            self.feedback.video_ssrcs.append(ssrc)
        return stream

    def subscribe(self, stream: Stream) -> Subscription:
        out = Subscription(self.feedback, stream.source, "clerk")
        self.feedback.subscriptions[out.ssrc] = out
        out.bind(stream)
        return out

    def remb(self, bitrate: int) -> None:
        message = RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(bitrate, [1]))
        self.feedback.receive(bytes(message), self.clock.now)


@pytest.fixture
def clock() -> ManualMediaClock:
    return ManualMediaClock()


@pytest.fixture
def publisher(clock: ManualMediaClock) -> Side:
    return Side(clock)


@pytest.fixture
def subscriber(clock: ManualMediaClock) -> Side:
    return Side(clock)


def lose(stream: Stream, lost: int, clock: ManualMediaClock) -> None:
    stream.irregular((stream.max_seq + lost + 1) & 0xFFFF, clock.now)


def asked(side: Side) -> list[list[int]]:
    found = []
    for data in side.rtcp:
        for message in packet.parse_rtcp(data):
            if isinstance(message, RtcpRtpfbPacket):
                found.append(message.lost)
    return found


def keyframe_requests(side: Side) -> int:
    return sum(1 for data in side.rtcp if data[1] == 206 and data[0] & 0x1F == 1)


def test_nacks_wait_for_reordering_then_repeat_then_give_up(publisher: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    stream.max_seq = 100
    lose(stream, 2, clock)
    assert publisher.gappy == {stream}
    assert publisher.feedback.tend(stream, clock.now) and asked(publisher) == []
    publisher.feedback.tend(stream, clock.advance(0.02))
    assert asked(publisher) == [[101, 102]]
    for _ in range(200):
        if not publisher.feedback.tend(stream, clock.advance(0.02)):
            break
    assert 2 <= len(asked(publisher)) <= NACK_TRIES
    assert stream.missing == {} and stream.given_up == 2
    assert keyframe_requests(publisher) >= 1, "what could not be repaired needs a keyframe"


def test_keyframe_requests_are_coalesced_and_none_is_forgotten(publisher: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    for _ in range(10):
        publisher.feedback.request_keyframe(stream, clock.now)
    assert keyframe_requests(publisher) == 1
    assert publisher.feedback.tend(stream, clock.advance(0.4))
    assert keyframe_requests(publisher) == 1
    assert not publisher.feedback.tend(stream, clock.advance(0.2))
    assert keyframe_requests(publisher) == 2


def test_sound_has_no_keyframes(publisher: Side, clock: ManualMediaClock) -> None:
    publisher.feedback.request_keyframe(publisher.publish(Source.AUDIO), clock.now)
    assert publisher.rtcp == []


def reported(side: Side) -> RtcpReceiverInfo:
    message = packet.parse_rtcp(side.rtcp[-1])[0]
    assert isinstance(message, RtcpRrPacket)
    return message.reports[0]


def test_report_shows_loss_even_when_it_was_repaired(publisher: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    stream.max_seq, stream.packets, stream.repaired = 199, 100, 25
    publisher.feedback.report(clock.advance(1.0))
    block = reported(publisher)
    assert (block.fraction_lost, block.packets_lost, block.highest_sequence) == (64, 25, 199)
    stream.max_seq, stream.packets = 299, 200
    publisher.feedback.report(clock.advance(1.0))
    assert reported(publisher).fraction_lost == 0


def test_duplicates_do_not_make_loss_negative_beyond_the_field(publisher: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    stream.max_seq, stream.packets = 100, 1 << 30
    publisher.feedback.report(clock.advance(1.0))
    assert reported(publisher).packets_lost == -0x800000


def test_limit_is_the_highest_without_subscribers(publisher: Side, clock: ManualMediaClock) -> None:
    publisher.publish()
    publisher.feedback.report(clock.advance(1.0))
    limit = packet.parse_rtcp(publisher.rtcp[-1])[1]
    assert isinstance(limit, RtcpPsfbPacket)
    assert abs(packet.remb_bitrate(limit.fci) - MAX_BITRATE) < MAX_BITRATE / 1000


def test_quiet_source_is_no_slow_link(publisher: Side, subscriber: Side, clock: ManualMediaClock) -> None:
    """A browser's estimate follows what arrives: taken at its word it would push a static picture down for good."""
    stream = publisher.publish()
    subscriber.subscribe(stream)
    stream.rate = 100_000
    subscriber.remb(150_000)
    assert publisher.feedback.upstream_limit(clock.now) == MAX_BITRATE
    subscriber.remb(105_000)
    assert publisher.feedback.upstream_limit(clock.now) == FLOOR


def test_loss_lowers_the_floor(publisher: Side, subscriber: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    out = subscriber.subscribe(stream)
    stream.rate = 500_000
    out.lost_fraction = 0.05
    subscriber.remb(150_000)
    assert publisher.feedback.upstream_limit(clock.now) == 150_000
    subscriber.remb(50_000)
    assert publisher.feedback.upstream_limit(clock.now) == LOSSY_FLOOR


def test_estimate_is_shared_among_publishers_by_their_rates(
    publisher: Side, subscriber: Side, clock: ManualMediaClock
) -> None:
    other = Side(clock)
    first, second = publisher.publish(), other.publish(ssrc=8)
    subscriber.subscribe(first)
    subscriber.subscribe(second)
    first.rate, second.rate = 1_500_000, 500_000
    subscriber.remb(1_600_000)
    assert publisher.feedback.upstream_limit(clock.now) == 1_200_000
    assert other.feedback.upstream_limit(clock.now) == 400_000


def test_old_estimates_do_not_count(publisher: Side, subscriber: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    subscriber.subscribe(stream)
    stream.rate = 1_000_000
    subscriber.remb(500_000)
    assert publisher.feedback.upstream_limit(clock.now) == 500_000
    assert publisher.feedback.upstream_limit(clock.advance(6.0)) == MAX_BITRATE


def test_a_drop_goes_upstream_at_once(publisher: Side, subscriber: Side, clock: ManualMediaClock) -> None:
    stream = publisher.publish()
    subscriber.subscribe(stream)
    publisher.feedback.report(clock.now)
    stream.rate = 1_000_000
    subscriber.remb(500_000)
    assert publisher.feedback.report_due == 0.0


def test_round_trip_time_comes_from_the_report_that_was_sent(
    publisher: Side, subscriber: Side, clock: ManualMediaClock
) -> None:
    stream = publisher.publish()
    out = subscriber.subscribe(stream)
    stream.reported_ntp = 0x11112222_33334444
    subscriber.feedback.send_sender_report(out, stream, 0.0, clock.now)
    block = RtcpReceiverInfo(out.ssrc, 64, 0, 0, 0, lsr=0x2222_3333, dlsr=int(0.5 * 65536))
    subscriber.feedback.receive(bytes(RtcpRrPacket(ssrc=1, reports=[block])), clock.advance(0.58))
    assert out.rtt == pytest.approx(0.08, abs=0.001)
    assert out.lost_fraction == 0.25


@pytest.mark.parametrize("source", [Source.AUDIO, Source.CAMERA])
def test_resending_uses_rtx_where_there_is_one(
    publisher: Side, subscriber: Side, clock: ManualMediaClock, source: Source
) -> None:
    stream = publisher.publish(source)
    out = subscriber.subscribe(stream)
    out.sequence_offset, out.timestamp_offset = 10, 1000
    stored = packet.HEADER.pack(0x80, stream.payload_type, 100, 500, 7) + b"payload"
    stream.ring[100 & stream.mask] = stored
    ask = RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=out.ssrc, lost=[110, 111])
    subscriber.feedback.receive(bytes(ask), clock.now)
    (again,) = subscriber.rtp
    _, kind, sequence, timestamp, ssrc = packet.HEADER.unpack_from(again)
    assert timestamp == 1500
    if source is Source.AUDIO:
        assert (kind, sequence, ssrc, again[12:]) == (111, 110, out.ssrc, b"payload")
    else:
        assert (kind, ssrc, again[12:]) == (97, out.rtx_ssrc, (110).to_bytes(2, "big") + b"payload")
    subscriber.feedback.receive(bytes(ask), clock.now)
    assert len(subscriber.rtp) == 1, "not twice within 20 ms"


def test_feedback_for_unknown_ssrcs_is_ignored(subscriber: Side, clock: ManualMediaClock) -> None:
    for message in (
        RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=99, lost=[1]),
        RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=99),
        RtcpPsfbPacket(fmt=4, ssrc=1, media_ssrc=0, fci=b""),
        RtcpRrPacket(ssrc=1, reports=[RtcpReceiverInfo(99, 0, 0, 0, 0, 0, 0)]),
    ):
        subscriber.feedback.receive(bytes(message), clock.now)
    assert subscriber.rtp == subscriber.rtcp == [] and subscriber.feedback.malformed == 0


def test_malformed_messages_are_counted(subscriber: Side, clock: ManualMediaClock) -> None:
    subscriber.feedback.receive(b"\x81\xc9\x00\x01\x00\x00\x00\x00", clock.now)
    subscriber.feedback.receive(bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=b"NOPE")), clock.now)
    assert subscriber.feedback.malformed == 2
