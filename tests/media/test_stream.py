"""Reception state of a stream, and its continuation for subscribers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.feedback import Feedback
from media.sdp import Source
from media.stream import LARGEST_GAP, Stream, Subscription
from tests.support.media_clock import ManualMediaClock


class Out:
    """Takes what feedback sends."""

    def __init__(self) -> None:
        self.clock = ManualMediaClock()
        self.rtcp: list[bytes] = []
        self.rtp: list[bytes] = []

    def send_rtcp(self, data: bytes) -> None:
        self.rtcp.append(data)

    def send_rtp(self, subscription: Subscription, data: bytes) -> None:
        self.rtp.append(data)


def make(sequence: int = 100, source: Source = Source.CAMERA) -> tuple[Stream, Out]:
    out = Out()
    return Stream(Feedback(out, set()), source, 7, sequence, 1000, out.clock.now), out


def arrive(stream: Stream, sequence: int, now: float = 1000.0) -> bool:
    """What the forwarder does with a sequence number."""
    if sequence == stream.max_seq + 1:
        stream.max_seq = sequence
    elif not stream.irregular(sequence, now):
        return False
    stream.packets += 1
    return True


def test_numbers_run_over_the_wrap() -> None:
    stream, _ = make(65_534)
    for sequence in (65_534, 65_535, 0, 1):
        assert arrive(stream, sequence)
    assert (stream.expected, stream.lost, stream.cycles) == (4, 0, 65_536)


def test_first_number_zero_is_no_wrap() -> None:
    stream, _ = make(0)
    assert arrive(stream, 0)
    assert stream.expected == 1


def test_what_is_missing_is_wanted_once() -> None:
    stream, _ = make()
    assert arrive(stream, 100) and arrive(stream, 103)
    assert set(stream.missing) == {101, 102} and stream.lost == 2
    assert arrive(stream, 101)
    assert not arrive(stream, 101) and not arrive(stream, 100) and not arrive(stream, 103)
    assert (stream.lost, stream.recovered, stream.late) == (1, 1, 3)


def test_missing_over_the_wrap() -> None:
    stream, _ = make(65_534)
    assert arrive(stream, 65_534) and arrive(stream, 1)
    assert set(stream.missing) == {65_535, 0}
    assert arrive(stream, 65_535) and arrive(stream, 0)
    assert stream.lost == 0


def test_a_long_gap_asks_for_a_keyframe_and_not_for_the_packets() -> None:
    stream, out = make()
    arrive(stream, 100)
    arrive(stream, 100 + LARGEST_GAP + 1)
    assert stream.missing == {} and len(out.rtcp) == 1 and stream.keyframes_asked == 1


def test_only_what_was_asked_for_counts_as_repaired() -> None:
    stream, out = make()
    arrive(stream, 100)
    arrive(stream, 103)
    arrive(stream, 101)
    assert stream.repaired == 0
    stream.feedback.send_nacks(stream, out.clock.advance(0.1))
    arrive(stream, 102)
    assert stream.repaired == 1


@given(st.integers(0, 65_535), st.lists(st.integers(0, 65_535), max_size=200))
def test_nothing_passes_twice(first: int, sequences: list[int]) -> None:
    stream, _ = make(first)
    seen: set[int] = set()
    for sequence in [first, *sequences]:
        before = stream.cycles + stream.max_seq
        if arrive(stream, sequence):
            index = before + ((sequence - before + 0x8000) & 0xFFFF) - 0x8000
            assert index not in seen, "an SRTP index is used once"
            seen.add(index)


@pytest.mark.parametrize("pause_s", [0.0, 0.5, 20.0])
def test_subscription_goes_on_where_the_former_stream_ended(pause_s: float) -> None:
    old, out = make(65_530)
    for sequence in (65_530, 65_531):
        arrive(old, sequence)
    old.last_ts, old.last_at = 5000, out.clock.now
    subscription = Subscription(old.feedback, Source.CAMERA, "clerk")
    subscription.bind(old)
    assert (subscription.sequence_offset, subscription.timestamp_offset) == (0, 0)
    subscription.unbind()
    new = Stream(old.feedback, Source.CAMERA, 8, 7, 123_456, out.clock.advance(pause_s))
    subscription.bind(new)
    assert (7 + subscription.sequence_offset) & 0xFFFF == 65_532
    advance = (123_456 + subscription.timestamp_offset - 5000) & 0xFFFFFFFF
    assert advance == pytest.approx(max(1, pause_s * 90_000), abs=2)
    assert old.subscriptions == [] and new.subscriptions == [subscription]


def test_subscription_counts_over_streams() -> None:
    old, out = make()
    subscription = Subscription(old.feedback, Source.CAMERA, "clerk")
    old.packets, old.octets = 10, 1000
    subscription.bind(old)
    old.packets, old.octets = 15, 1500
    subscription.unbind()
    assert (subscription.packets, subscription.octets) == (5, 500)
    new = Stream(old.feedback, Source.CAMERA, 8, 7, 0, out.clock.now)
    subscription.bind(new)
    new.packets, new.octets = 3, 300
    assert (subscription.packets, subscription.octets) == (8, 800)


def test_binding_again_forgets_what_was_missing() -> None:
    """A late packet would take a number that the former stream has used."""
    stream, _ = make()
    subscription = Subscription(stream.feedback, Source.CAMERA, "clerk")
    subscription.bind(stream)
    subscription.unbind()
    arrive(stream, 100)
    arrive(stream, 105)
    subscription.bind(stream)
    assert stream.missing == {} and not arrive(stream, 103)


def test_resending_is_held_back() -> None:
    stream, _ = make()
    subscription = Subscription(stream.feedback, Source.CAMERA, "clerk")
    assert subscription.may_resend(5, 10.0, 0.02)
    assert not subscription.may_resend(5, 10.01, 0.02)
    assert subscription.may_resend(5, 10.03, 0.02)
    for sequence in range(3000):
        subscription.may_resend(sequence, 20.0, 0.02)
    assert len(subscription.answered) < 2000
