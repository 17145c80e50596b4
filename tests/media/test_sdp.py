"""Offers as text, answers as found."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import sdp
from media.sdp import Direction, SdpError, Section, Source, Transport

TRANSPORT = Transport("user", "password", "AA:BB", ["1 1 udp 1 192.0.2.1 4000 typ host"])
OFFERED = [Section(mid, source, Direction.RECVONLY) for mid, source in sdp.PUBLISHED.items()]
ANSWER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=fingerprint:sha-256 AA:BB\r\na=setup:active\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=ssrc:11 cname:x\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=sendonly\r\na=fingerprint:sha-256 AA:BB\r\na=setup:active\r\n"
    "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=ssrc-group:FID 12 13\r\n"
    "a=ssrc:12 cname:x\r\na=ssrc:13 cname:x\r\n"
)


def test_offer_has_one_bundle_and_candidates_on_the_first_line_only() -> None:
    text = sdp.offer(OFFERED, 3, TRANSPORT)
    head, *sections = text.split("\r\nm=")
    assert "a=group:BUNDLE 0 1 2 3" in head and "a=ice-lite" in head
    assert "o=- 4294967297 3 IN" in head
    assert ["a=candidate" in section for section in sections] == [True, False, False, False]
    assert all("a=ice-ufrag:user" in section and "a=rtcp-mux" in section for section in sections)
    assert text.endswith("\r\n") and "\r\n\r\n" not in text


def test_every_source_has_a_payload_type_of_its_own() -> None:
    text = sdp.offer(OFFERED, 1, TRANSPORT)
    numbers = re.findall(r"a=rtpmap:(\d+)", text)
    assert len(numbers) == len(set(numbers)) == 7


def test_sent_line_names_stream_track_and_ssrcs() -> None:
    section = Section("4", Source.CAMERA, Direction.SENDONLY, "clerk", "clerk.camera", 21, 23)
    text = sdp.offer([*OFFERED, section], 1, TRANSPORT)
    assert "a=msid:clerk clerk.camera" in text
    assert "a=ssrc-group:FID 21 23" in text
    assert "a=ssrc:23 cname:clerk" in text


def test_answer_is_read() -> None:
    answer = sdp.parse_answer(ANSWER)
    audio, camera = answer.sections
    assert (audio.mid, audio.ssrc, audio.rtx_ssrc, audio.sends, audio.receives) == ("0", 11, 0, True, False)
    assert (camera.mid, camera.ssrc, camera.rtx_ssrc) == ("1", 12, 13)
    assert answer.fingerprints == [("sha-256", "AA:BB")]
    for section, source in zip(answer.sections, Source, strict=False):
        sdp.check_codec(section, source)


def test_rejected_line_neither_sends_nor_receives() -> None:
    answer = sdp.parse_answer(ANSWER.replace("m=video 9", "m=video 0"))
    assert not answer.sections[1].sends and not answer.sections[1].receives


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * (sdp.MAX_ANSWER + 1), "too long"),
        ("", "v=0"),
        ("hello", "v=0"),
        ("v=0\r\n", "no media sections"),
        (re.sub("a=fingerprint.*\r\n", "", ANSWER), "no DTLS fingerprint"),
        (ANSWER.replace("setup:active", "setup:passive"), "setup:active"),
        (ANSWER.replace("m=audio 9", "m=audio 0").replace("m=video 9", "m=video 0"), "no usable codec"),
        (ANSWER.replace("SAVPF 111", "SAVPF eleven"), "malformed line"),
        (ANSWER.replace("a=ssrc:11", "a=ssrc:99999999999"), "malformed line"),
        (ANSWER.replace("FID 12 13", "FID 12"), "malformed line"),
        (ANSWER.replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m="), "malformed line"),
    ],
)
def test_useless_answers_are_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(SdpError, match=words):
        sdp.parse_answer(text)


@pytest.mark.parametrize("change", [("96 97", "102"), ("VP8/90000", "H264/90000"), ("a=rtpmap:96 VP8/90000\r\n", "")])
def test_another_codec_is_refused(change: tuple[str, str]) -> None:
    camera = sdp.parse_answer(ANSWER.replace(*change)).sections[1]
    with pytest.raises(SdpError, match=r"no usable codec for mid '1': VP8/90000 with payload type 96"):
        sdp.check_codec(camera, Source.CAMERA)


LINES = st.sampled_from(
    [*ANSWER.split("\r\n"), "a=", "m=", "a=ssrc:", "a=fingerprint:", "a=rtpmap:", "\0", "a=ssrc-group:FID "]
)


@given(st.one_of(st.text(max_size=300), st.lists(st.one_of(LINES, st.text(max_size=30)), max_size=30).map("\r\n".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "v=0\r\n" + text):
        try:
            answer = sdp.parse_answer(candidate)
        except SdpError:
            continue
        assert answer.sections and answer.fingerprints


@given(st.integers(0, len(ANSWER)), st.integers(0, len(ANSWER)), st.characters(max_codepoint=127))
def test_damaged_answers_are_read_or_refused(start: int, end: int, letter: str) -> None:
    try:
        sdp.parse_answer(ANSWER[: min(start, end)] + letter + ANSWER[max(start, end) :])
    except SdpError:
        pass


def test_longest_answer_is_read_quickly() -> None:
    text = ANSWER + "a=x\r\n" * ((sdp.MAX_ANSWER - len(ANSWER)) // 5)
    assert len(sdp.parse_answer(text).sections) == 2


def test_mids_are_in_order() -> None:
    assert all(int(a) + 1 == int(b) for a, b in pairwise(sdp.PUBLISHED))
