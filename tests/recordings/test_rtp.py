"""Packets of a journal: parsing of anything, unwrapping, order; and frames out of packets."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.journal import Kind, Record
from recordings.frames import Frame, opus_filler, opus_frames, opus_samples, vp8_frames, vp8_payload_start, vp8_size
from recordings.rtp import (
    Malformed,
    Packet,
    Reception,
    in_order,
    parse_header,
    parse_sender_report,
    payload_of,
    read_packets,
    unwrap,
)


def packet(sequence: int, payload: bytes = b"\x10", timestamp: int = 0, marker: bool = True) -> Packet:
    return Packet(sequence, timestamp, marker, payload, 0)


@given(st.binary(max_size=64))
def test_any_bytes_parse_or_are_malformed(content: bytes) -> None:
    for parse in (parse_header, parse_sender_report):
        try:
            parse(content)
        except Malformed:
            continue
    if len(content) >= 12:
        try:
            assert payload_of(content) in (content[12:], payload_of(content))
        except Malformed:
            pass


def test_payload_is_without_csrcs_extension_and_padding() -> None:
    header = struct.pack(">BBHII", 0x80 | 0x20 | 0x10 | 2, 0x80 | 96, 7, 8, 9)
    extension = struct.pack(">HH", 0xBEDE, 1) + b"exte"
    whole = header + b"csrccsrc" + extension + b"payload" + b"\0\0\3"
    assert parse_header(whole) == (96, 7, 8, True, 9)
    assert payload_of(whole) == b"payload"
    with pytest.raises(Malformed):
        payload_of(header + b"csrccsrc" + struct.pack(">HH", 0xBEDE, 99) + b"\0\0\3")


def test_a_sender_report_tells_unix_microseconds() -> None:
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 1, 2_208_988_800 + 10, 1 << 31, 77, 0, 0)
    assert parse_sender_report(report) == (1, 10_500_000, 77)


@given(st.integers(0, 2**40), st.integers(-(2**15) + 1, 2**15 - 1))
def test_unwrapping_finds_the_nearest(near: int, step: int) -> None:
    assert unwrap((near + step) % 2**16, near, 16) == near + step


@given(st.lists(st.integers(0, 12), min_size=60, max_size=60), st.sets(st.integers(0, 59), max_size=10))
def test_order_is_restored(delays: list[int], doubled: set[int]) -> None:
    order = sorted(range(60), key=lambda number: number + delays[number])
    arriving = [packet(1000 + number) for number in order] + [packet(1000 + number) for number in doubled]
    found = Reception()
    assert [one.sequence for one in in_order(arriving, 100, found)] == list(range(1000, 1060))
    assert found.lost == 0 and found.duplicates + found.late == len(doubled)


@given(st.sets(st.integers(1, 298), max_size=60))
def test_the_missing_are_counted_and_given_up_after_the_window(missing: set[int]) -> None:
    found = Reception()
    arriving = [packet(number) for number in range(300) if number not in missing]
    assert [one.sequence for one in in_order(arriving, 5, found)] == [one.sequence for one in arriving]
    assert found.lost == len(missing)


def test_wrapping_counters_run_on() -> None:
    records = [
        Record(Kind.RTP, 0, n, struct.pack(">BBHII", 0x80, 96, (65_530 + n) % 65_536, (2**32 - 50 + n * 10) % 2**32, 1))
        for n in range(12)
    ]
    found = list(read_packets(records, 1, 96, Reception()))
    assert [b.sequence - a.sequence for a, b in pairwise(found)] == [1] * 11
    assert [b.timestamp - a.timestamp for a, b in pairwise(found)] == [10] * 11


@pytest.mark.parametrize(
    ("toc", "samples"),
    [
        (b"\x00", 480), (b"\x18", 2880), (b"\x60", 480), (b"\x78", 960), (b"\x80", 120), (b"\xf8", 960), (b"\xf9",
        1920), (b"\xfb\x03", 2880), (b"\xfb\x3f", 0), (b"\xfb", 0), (b"", 0),
    ],
)  # fmt: skip
def test_durations_of_opus_packets(toc: bytes, samples: int) -> None:
    assert opus_samples(toc) == samples


def test_filler_has_one_empty_frame_of_the_same_kind() -> None:
    assert opus_filler(b"\xfb\x03abc") == b"\xf8" and opus_samples(opus_filler(b"\x4f\x02x")) == opus_samples(b"\x4c")


def test_sound_frames_tell_loss_from_silence() -> None:
    arriving = [packet(1, b"\xf8a", 0), packet(2, b"\xf8b", 9600), packet(4, b"\xf8c", 19200), packet(5, b"")]
    assert [frame.lost for frame in opus_frames(arriving)] == [False, False, True]


@pytest.mark.parametrize(
    ("descriptor", "length"),
    [
        (b"\x10", 1), (b"\x90\x80\x11", 3), (b"\x90\x80\x81\x23", 4), (b"\x90\xe0\x81\x23\x05\x20", 6),
        (b"\x90\x20\x20", 3), (b"\x90", 1), (b"\x90\x80", 2),
    ],
)  # fmt: skip
def test_vp8_descriptors(descriptor: bytes, length: int) -> None:
    assert vp8_payload_start(descriptor) == length


KEYFRAME = bytes([0x10, 0, 0, 0x9D, 0x01, 0x2A]) + struct.pack("<HH", 640, 0x4000 | 360) + b"rest"
DELTA = b"\x11delta"


def pictures(*packets: Packet) -> list[Frame]:
    return list(vp8_frames(packets))


def test_frames_are_whole_or_not_there() -> None:
    frames = pictures(
        packet(1, b"\x10" + DELTA, 1),
        packet(2, b"\x10" + KEYFRAME[:8], 2, marker=False),
        packet(3, b"\x00" + KEYFRAME[8:], 2),
        packet(4, b"\x10" + DELTA, 3),
        packet(6, b"\x00" + DELTA, 4),
        packet(7, b"\x10" + DELTA, 5),
        packet(8, b"\x10" + KEYFRAME, 6),
        packet(9, b"", 6),
        packet(10, b"\x10" + DELTA, 7),
    )
    assert [(frame.timestamp, frame.keyframe, frame.lost) for frame in frames] == [
        (2, True, False), (3, False, False), (6, True, True), (7, False, False),
    ]  # fmt: skip
    assert frames[0].content == KEYFRAME
    assert vp8_size(KEYFRAME) == (640, 360)


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=12), st.booleans()), max_size=30))
def test_no_payload_breaks_the_depacketisers(made: list[tuple[int, bytes, bool]]) -> None:
    packets = [packet(sequence, payload, sequence, marker) for sequence, payload, marker in made]
    for frames in (vp8_frames(packets), opus_frames(packets)):
        for frame in frames:
            assert frame.content
