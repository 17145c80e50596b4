"""RTP and RTCP bytes: known ones, and whatever a peer may send."""

import struct

import pytest
from aiortc.rtp import RtcpReceiverInfo, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from media import packet
from media.packet import HEADER, PacketError

PLAIN = HEADER.pack(0x80, 96 | 0x80, 1000, 90_000, 0xABCD) + b"payload"
EXTENDED = HEADER.pack(0x91, 96, 1000, 90_000, 0xABCD) + bytes(4) + b"\xbe\xde\x00\x01" + b"\x22abc" + b"payload"


def rtp_like() -> st.SearchStrategy[bytes]:
    """Bytes whose first ones look like RTP, so that parsing gets somewhere."""
    return st.builds(lambda first, rest: bytes([0x80 | first]) + rest, st.integers(0, 63), st.binary(max_size=80))


def rtcp_like() -> st.SearchStrategy[bytes]:
    def build(count: int, kind: int, body: bytes, length: int) -> bytes:
        return struct.pack("!BBH", 0x80 | count, kind, length) + body

    kinds = st.sampled_from([200, 201, 202, 203, 204, 205, 206])
    one = st.builds(build, st.integers(0, 63), kinds, st.binary(max_size=64), st.integers(0, 20))
    return st.one_of(st.binary(max_size=100), st.lists(one, min_size=1, max_size=3).map(b"".join))


def test_header_length_counts_csrcs_and_extension() -> None:
    assert packet.header_length(PLAIN) == 12
    assert packet.header_length(EXTENDED) == 12 + 4 + 4 + 4


@given(data=st.one_of(st.binary(max_size=40), rtp_like()))
def test_header_length_is_inside_the_packet_or_refused(data: bytes) -> None:
    try:
        assert 12 <= packet.header_length(data) <= len(data)
    except PacketError:
        pass


@pytest.mark.parametrize("original", [PLAIN, EXTENDED])
def test_rtx_round_trip(original: bytes) -> None:
    wrapped = packet.to_rtx(original, 97, 0x1111, 7, 1000, 90_000)
    assert wrapped[1] & 0x7F == 97 and wrapped[8:12] == (0x1111).to_bytes(4, "big")
    assert packet.from_rtx(wrapped, 96, 0xABCD) == original


def test_rtx_drops_its_padding() -> None:
    wrapped = bytearray(packet.to_rtx(PLAIN, 97, 0x1111, 7, 1000, 90_000))
    wrapped[0] |= 0x20
    assert packet.from_rtx(bytes(wrapped) + b"\0\0\0\4", 96, 0xABCD) == PLAIN


def test_rtx_probe_has_no_original() -> None:
    probe = HEADER.pack(0xA0, 97, 7, 90_000, 0x1111) + bytes(254) + b"\xff"
    with pytest.raises(PacketError):
        packet.from_rtx(probe, 96, 0xABCD)


@given(data=rtp_like())
def test_rtx_of_anything_is_a_packet_or_refused(data: bytes) -> None:
    try:
        original = packet.from_rtx(data, 96, 0xABCD)
    except PacketError:
        return
    assert len(original) <= len(data)
    assert packet.HEADER.unpack_from(original)[4] == 0xABCD


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x10\x00", True),
        (b"\x10\x01", False),
        (b"\x00\x00", False),
        (b"\x11\x00", False),
        (b"\x90\x80\x05\x00", True),
        (b"\x90\x80\x85\x05\x00", True),
        (b"\x90\xe0\x85\x05\x01\x20\x00", True),
        (b"\x90\xe0\x85\x05\x01\x20\x01", False),
        (b"\x90\x20\x00\x00", True),
        (b"\x90", False),
        (b"", False),
    ],
)
def test_vp8_keyframe_start(payload: bytes, expected: bool) -> None:
    assert packet.is_vp8_keyframe_start(HEADER.pack(0x80, 96, 1, 1, 1) + payload) is expected


@given(data=rtp_like())
def test_vp8_keyframe_of_anything(data: bytes) -> None:
    try:
        assert packet.is_vp8_keyframe_start(data) in (True, False)
    except PacketError:
        pass


@given(data=rtcp_like())
def test_rtcp_of_anything_is_parsed_or_refused(data: bytes) -> None:
    try:
        packet.parse_rtcp(data)
    except PacketError:
        pass


@given(data=st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda b: b"REMB" + b)))
def test_remb_of_anything_is_read_or_refused(data: bytes) -> None:
    try:
        assert packet.remb_bitrate(data) >= 0
    except PacketError:
        pass


def test_what_is_built_can_be_read() -> None:
    (message,) = packet.parse_rtcp(packet.nack(5, [1, 2, 40]))
    assert getattr(message, "lost", None) == [1, 2, 40]
    (limit,) = packet.parse_rtcp(packet.remb(1_000_000, [5, 6]))
    assert abs(packet.remb_bitrate(getattr(limit, "fci", b"")) - 1_000_000) < 10
    block = RtcpReceiverInfo(5, 1, 2, 3, 4, 5, 6)
    assert getattr(packet.parse_rtcp(packet.receiver_report([block]))[0], "reports", None) == [block]


def test_sender_report_carries_the_name() -> None:
    report, description = packet.parse_rtcp(packet.sender_report(5, 1 << 63, (1 << 32) + 9, 10, 11, "clerk"))
    assert isinstance(report, RtcpSrPacket)
    assert (report.sender_info.ntp_timestamp, report.sender_info.rtp_timestamp) == (1 << 63, 9)
    assert getattr(description, "chunks")[0].items == [(1, b"clerk")]  # noqa: B009


@pytest.mark.parametrize("second", range(256))
def test_rtcp_is_told_apart_from_every_payload_type_in_use(second: int) -> None:
    in_use = {96, 97, 98, 99, 100, 101, 111}
    if 200 <= second <= 207:
        assert packet.is_rtcp(second)
    elif second & 0x7F in in_use:
        assert not packet.is_rtcp(second)
