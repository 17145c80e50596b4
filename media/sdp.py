"""Session descriptions (RFC 8866, 8829): the text of an offer, and what an answer says.

The relay fixes payload types, extension ids and mids for everyone. One payload type per source: it names the source
even when its SSRC was not declared, and forwarding never has to rewrite it.
"""

import dataclasses
import enum

MAX_ANSWER = 48 * 1024


class SdpError(ValueError):
    """An answer that cannot be used; the text says why."""


class Source(enum.StrEnum):
    AUDIO = "audio"
    CAMERA = "camera"
    DOCUMENT = "document"
    SCREEN = "screen"

    @property
    def is_video(self) -> bool:
        return self is not Source.AUDIO


class Direction(enum.StrEnum):
    INACTIVE = "inactive"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    SENDRECV = "sendrecv"


PUBLISHED = {str(mid): source for mid, source in enumerate(Source)}
"""Mid → source of the first four m-lines, which a peer may publish on."""
PAYLOAD_TYPE = {Source.AUDIO: 111, Source.CAMERA: 96, Source.DOCUMENT: 98, Source.SCREEN: 100}
RTX_PAYLOAD_TYPE = {96: 97, 98: 99, 100: 101}
SOURCE_OF_PAYLOAD_TYPE = {number: source for source, number in PAYLOAD_TYPE.items()}
CLOCK_RATE = {source: 90_000 if source.is_video else 48_000 for source in Source}

_DIRECTIONS = {direction.value for direction in Direction}
_AUDIO_LEVEL = "1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_ABS_SEND_TIME = "2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
_VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
_ENCODING = {True: "VP8/90000", False: "opus/48000/2"}


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One m-line of an offer; the last four fields belong to `sendonly` ones. One stream id: lip sync."""

    mid: str
    source: Source
    direction: Direction
    stream_id: str = ""
    track_id: str = ""
    ssrc: int = 0
    rtx_ssrc: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Transport:
    """What every m-line of a bundle shares."""

    ufrag: str
    password: str
    fingerprint: str
    candidates: list[str]


def offer(sections: list[Section], version: int, transport: Transport) -> str:
    lines = [
        "v=0",
        f"o=- 4294967297 {version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(section.mid for section in sections),
        "a=msid-semantic:WMS *",
        "a=ice-lite",
    ]
    for index, section in enumerate(sections):
        lines += _media(section, transport, with_candidates=index == 0)
    return "\r\n".join(lines) + "\r\n"


def _media(section: Section, transport: Transport, with_candidates: bool) -> list[str]:
    number = PAYLOAD_TYPE[section.source]
    video = section.source.is_video
    formats = f"{number} {RTX_PAYLOAD_TYPE[number]}" if video else f"{number}"
    lines = [
        f"m={'video' if video else 'audio'} 9 UDP/TLS/RTP/SAVPF {formats}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        f"a={section.direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{transport.ufrag}",
        f"a=ice-pwd:{transport.password}",
        f"a=fingerprint:sha-256 {transport.fingerprint}",
        "a=setup:actpass",
    ]
    if with_candidates:
        lines += [*(f"a=candidate:{line}" for line in transport.candidates), "a=end-of-candidates"]
    lines += _codec(number, video)
    if section.direction is Direction.SENDONLY:
        lines += _sent(section)
    return lines


def _codec(number: int, video: bool) -> list[str]:
    if not video:
        return [
            f"a=extmap:{_AUDIO_LEVEL}",
            f"a=extmap:{_ABS_SEND_TIME}",
            f"a=rtpmap:{number} opus/48000/2",
            f"a=fmtp:{number} minptime=10;useinbandfec=1;usedtx=1",
            f"a=rtcp-fb:{number} nack",
        ]
    repair = RTX_PAYLOAD_TYPE[number]
    return [
        f"a=extmap:{_ABS_SEND_TIME}",
        f"a=rtpmap:{number} VP8/90000",
        *(f"a=rtcp-fb:{number} {feedback}" for feedback in _VIDEO_FEEDBACK),
        f"a=rtpmap:{repair} rtx/90000",
        f"a=fmtp:{repair} apt={number}",
    ]


def _sent(section: Section) -> list[str]:
    lines = [f"a=msid:{section.stream_id} {section.track_id}"]
    if section.rtx_ssrc:
        lines.append(f"a=ssrc-group:FID {section.ssrc} {section.rtx_ssrc}")
    return lines + [f"a=ssrc:{ssrc} cname:{section.stream_id}" for ssrc in (section.ssrc, section.rtx_ssrc) if ssrc]


@dataclasses.dataclass(slots=True)
class AnswerSection:
    """One m-line of an answer, as seen by the peer. `ssrc` is 0 when undeclared."""

    mid: str = ""
    port: int = 9
    formats: list[int] = dataclasses.field(default_factory=list)
    encodings: dict[int, str] = dataclasses.field(default_factory=dict)
    direction: Direction = Direction.SENDRECV
    ssrc: int = 0
    rtx_ssrc: int = 0

    @property
    def sends(self) -> bool:
        return self.port > 0 and self.direction in (Direction.SENDONLY, Direction.SENDRECV)

    @property
    def receives(self) -> bool:
        return self.port > 0 and self.direction in (Direction.RECVONLY, Direction.SENDRECV)


@dataclasses.dataclass(slots=True)
class Answer:
    sections: list[AnswerSection] = dataclasses.field(default_factory=list)
    fingerprints: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    setup: str = "active"


def parse_answer(text: str) -> Answer:
    """Read an answer to one of our offers. Raises SdpError, and nothing else, on whatever a peer may send."""
    if len(text) > MAX_ANSWER:
        raise SdpError(f"the answer is too long: {len(text)} characters, at most {MAX_ANSWER}")
    if not text.startswith("v=0"):
        raise SdpError("the answer is not a session description: it must begin with v=0")
    answer = Answer()
    for line in text.splitlines():
        try:
            _read_line(answer, line.strip())
        except (ValueError, IndexError) as error:
            raise SdpError(f"the answer has a malformed line: {line[:80]!r}") from error
    _check(answer)
    return answer


def _read_line(answer: Answer, line: str) -> None:
    if line.startswith("m="):
        _, port, _, *formats = line[2:].split()
        answer.sections.append(AnswerSection(port=int(port), formats=[int(number) for number in formats]))
        return
    if not line.startswith("a="):
        return
    name, _, value = line[2:].partition(":")
    if name == "fingerprint":
        algorithm, digest = value.split()
        if (algorithm, digest) not in answer.fingerprints:
            answer.fingerprints.append((algorithm, digest))
    elif name == "setup":
        answer.setup = value
    elif answer.sections:
        _read_media_attribute(answer.sections[-1], name, value)


def _read_media_attribute(section: AnswerSection, name: str, value: str) -> None:
    if name == "mid":
        section.mid = value
    elif name in _DIRECTIONS:
        section.direction = Direction(name)
    elif name == "rtpmap":
        number, encoding = value.split(" ", 1)
        section.encodings[int(number)] = encoding.strip().lower()
    elif name == "ssrc-group" and value.startswith("FID "):
        _, ssrc, rtx_ssrc = value.split()
        section.ssrc, section.rtx_ssrc = _ssrc(ssrc), _ssrc(rtx_ssrc)
    elif name == "ssrc" and not section.ssrc:
        section.ssrc = _ssrc(value.split()[0])


def _ssrc(text: str) -> int:
    number = int(text)
    if not 0 < number < 1 << 32:
        raise ValueError("an SSRC has 32 bits")
    return number


def _check(answer: Answer) -> None:
    if not answer.sections:
        raise SdpError("the answer has no media sections")
    if not answer.fingerprints:
        raise SdpError("the answer has no DTLS fingerprint (a=fingerprint)")
    if answer.setup != "active":
        raise SdpError(f"the answer must take the DTLS client's part (a=setup:active), not {answer.setup[:20]!r}")
    if all(section.port == 0 for section in answer.sections):
        raise SdpError("no usable codec: every media section was rejected; the relay speaks Opus and VP8")


def check_codec(section: AnswerSection, source: Source) -> None:
    """Raises SdpError unless the section uses the payload type that was offered for `source`."""
    number = PAYLOAD_TYPE[source]
    expected = _ENCODING[source.is_video]
    if number not in section.formats or section.encodings.get(number, "") != expected.lower():
        raise SdpError(f"no usable codec for mid {section.mid[:16]!r}: {expected} with payload type {number} is needed")
