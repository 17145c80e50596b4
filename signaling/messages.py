"""The WebSocket messages of PROTOCOL.md section 3: what a browser may say, its limits, how errors are written."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scheduler.errors import Refused

VERSION: Final = 1
SUBPROTOCOL: Final = "lawlink.v1"
MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_SDP_CHARACTERS: Final = 48 * 1024

CLOSE_VIOLATION: Final = 4400
CLOSE_LOG_IN_ENDED: Final = 4401
CLOSE_ORIGIN: Final = 4403
CLOSE_SILENT: Final = 4408
CLOSE_REPLACED: Final = 4409
CLOSE_SLOW: Final = 4413
CLOSE_INCIDENT: Final = 1011
CLOSE_RESTARTING: Final = 1012

Message = dict[str, Any]
"""One JSON object on its way to a browser."""

Key = Annotated[str, Field(min_length=8, max_length=64)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
RequestId = Annotated[str, Field(min_length=1, max_length=32)]
Sdp = Annotated[str, Field(min_length=1, max_length=MAX_SDP_CHARACTERS)]


class ProtocolViolation(Exception):
    """The other side does not speak this protocol; the connection is closed with 4400."""


class Wire(BaseModel):
    """Unknown fields and coerced types are refused: a typing mistake must not pass as a default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    v: Literal[1]


class Ping(Wire):
    type: Literal["ping", "pong"]
    t: float


class Request(Wire):
    id: RequestId


class Hello(Request):
    type: Literal["hello"]
    workspace: Literal["station", "lawyer"]
    window: Id
    resume: Annotated[str, Field(max_length=128)] | None = None


class PresenceSet(Request):
    type: Literal["presence.set"]
    state: Literal["available", "on_break", "offline"]


class OfferAccept(Request):
    type: Literal["offer.accept"]
    offer_id: Id
    key: Key


class OfferDecline(Request):
    type: Literal["offer.decline"]
    offer_id: Id
    key: Key
    reason: Annotated[str, Field(max_length=200)] | None = None


class RoomJoin(Request):
    type: Literal["room.join"]
    consultation_id: Id


class MediaOpen(Request):
    type: Literal["media.open"]
    consultation_id: Id


class MediaAnswer(Request):
    type: Literal["media.answer"]
    peer_id: Id
    version: Annotated[int, Field(ge=0, le=2**31)]
    sdp: Sdp


class MediaRestart(Request):
    type: Literal["media.restart"]
    peer_id: Id


class MediaOfferAgain(Request):
    type: Literal["media.offer_again"]
    peer_id: Id


class MediaState(Request):
    type: Literal["media.state"]
    muted: bool
    camera_on: bool
    document_on: bool
    screen_on: bool


class MediaQuality(Request):
    type: Literal["media.quality"]
    word: Literal["good", "fair", "poor"]
    reason: Annotated[str, Field(max_length=60)] | None = None
    rtt_ms: Annotated[float, Field(ge=0, le=1e6)] | None = None
    loss: Annotated[float, Field(ge=0, le=1)] | None = None
    fps: Annotated[float, Field(ge=0, le=1000)] | None = None


class ChatSend(Request):
    type: Literal["chat.send"]
    key: Key
    text: Annotated[str, Field(min_length=1, max_length=500)]


class PointSend(Request):
    type: Literal["point.send"]
    key: Key
    text: Annotated[str, Field(min_length=1, max_length=300)]


class RecordingStop(Request):
    type: Literal["recording.stop"]
    key: Key


class RoomEnd(Request):
    type: Literal["room.end"]
    key: Key


class CallPhone(Request):
    type: Literal["call.phone"]
    key: Key


Incoming = Annotated[
    Ping
    | Hello
    | PresenceSet
    | OfferAccept
    | OfferDecline
    | RoomJoin
    | MediaOpen
    | MediaAnswer
    | MediaRestart
    | MediaOfferAgain
    | MediaState
    | MediaQuality
    | ChatSend
    | PointSend
    | RecordingStop
    | RoomEnd
    | CallPhone,
    Field(discriminator="type"),
]
_INCOMING: TypeAdapter[Ping | Request] = TypeAdapter(Incoming)


class BadRequest(Exception):
    """One message that cannot be understood, from somebody who otherwise speaks the protocol: answered, not closed."""

    def __init__(self, request_id: str, text: str) -> None:
        super().__init__(text)
        self.request_id = request_id
        self.text = text


def parse(text: str) -> Ping | Request:
    """Reads one client message.

    Raises ProtocolViolation when it is no JSON object of this version or has no usable id, BadRequest when only its
    body is wrong.
    """
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise ProtocolViolation(f"message over {MAX_MESSAGE_BYTES} bytes")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ProtocolViolation("not JSON") from exc
    if not isinstance(body, dict) or body.get("v") != VERSION:
        raise ProtocolViolation(f"not an object with v = {VERSION}")
    try:
        return _INCOMING.validate_python(body)
    except ValidationError as exc:
        request_id = body.get("id")
        if not isinstance(request_id, str) or not 1 <= len(request_id) <= 32:
            raise ProtocolViolation("no usable id") from exc
        raise BadRequest(request_id, describe(exc)) from exc


def describe(error: ValidationError) -> str:
    """The first fault, in English for whoever writes the client; never the value (it may be somebody's name)."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "message"
    return f"{where}: {fault['msg']}"


def reply(request_id: str, body: Message | None = None) -> Message:
    return {"v": VERSION, "re": request_id, "ok": True, **(body or {})}


def refusal(request_id: str, error: Message) -> Message:
    return {"v": VERSION, "re": request_id, "ok": False, "error": error}


def event(kind: str, **fields: Any) -> Message:
    return {"v": VERSION, "type": kind, **fields}


def error_body(refused: Refused) -> Message:
    """The `error` object of PROTOCOL.md section 1."""
    body: Message = {"code": refused.code, "text": refused.text}
    if refused.fields:
        body["fields"] = refused.fields
    if refused.retry_after_s is not None:
        body["retry_after_s"] = refused.retry_after_s
    return body | (refused.detail or {})
