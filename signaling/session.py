"""One connection's side of the protocol as a sans-I/O state machine: (message, now) → effects.

No sockets, no clock, no database: `connection.py` performs the effects. `now` is the injected monotonic clock in
seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scheduler.errors import Refused
from signaling import messages
from signaling.messages import BadRequest, Hello, Message, Ping, ProtocolViolation, Request

HELLO_WITHIN_S: Final = 5.0
HEARTBEAT_S: Final = 5.0
SILENCE_S: Final = 15.0
RATE_PER_S: Final = 30.0
BURST: Final = 60.0


class State(StrEnum):
    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Send:
    message: Message


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """The hello arrived: bind this connection to a session and answer it."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Handle:
    """A request to answer, in order."""

    request: Request


Effect = Send | Close | Open | Handle


class TokenBucket:
    """At most `burst` at once and `rate` a second over time."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> float:
        """Takes one token; returns 0.0, or the seconds to wait when there is none."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class SessionMachine:
    def __init__(self, now: float) -> None:
        self.state = State.NEW
        self._opened_at = now
        self._heard_at = now
        self._pinged_at = now
        self._bucket = TokenBucket(RATE_PER_S, BURST, now)

    def receive(self, text: str, now: float) -> Iterator[Effect]:
        """What follows from one text message."""
        if self.state is State.CLOSED:
            return
        self._heard_at = now
        try:
            message = messages.parse(text)
        except ProtocolViolation as violation:
            yield self._close(messages.CLOSE_VIOLATION, str(violation))
            return
        except BadRequest as bad:
            yield from self._answer_bad(bad)
            return
        if isinstance(message, Ping):
            if message.type == "ping":
                yield Send({"v": messages.VERSION, "type": "pong", "t": message.t})
        else:
            yield from self._request(message, now)

    def receive_binary(self) -> Iterator[Effect]:
        if self.state is not State.CLOSED:
            yield self._close(messages.CLOSE_VIOLATION, "binary message")

    def tick(self, now: float) -> Iterator[Effect]:
        """What follows from time alone; call it about once a second."""
        if self.state is State.NEW and now - self._opened_at > HELLO_WITHIN_S:
            yield self._close(messages.CLOSE_SILENT, "no hello")
        elif self.state is not State.CLOSED and now - self._heard_at > SILENCE_S:
            yield self._close(messages.CLOSE_SILENT, "no heartbeat")
        elif self.state is State.OPEN and now - self._pinged_at >= HEARTBEAT_S:
            self._pinged_at = now
            yield Send({"v": messages.VERSION, "type": "ping", "t": round(now * 1000)})

    def _request(self, request: Request, now: float) -> Iterator[Effect]:
        wait = self._bucket.take(now)
        if wait:
            text = "操作太快了，请稍等再试。"
            error = messages.error_body(Refused("throttled", text, retry_after_s=round(wait, 1)))
            yield Send(messages.refusal(request.id, error))
        elif isinstance(request, Hello):
            yield from self._hello(request)
        elif self.state is State.NEW:
            yield self._close(messages.CLOSE_VIOLATION, "hello comes first")
        else:
            yield Handle(request)

    def _hello(self, hello: Hello) -> Iterator[Effect]:
        if self.state is State.OPEN:
            yield self._close(messages.CLOSE_VIOLATION, "a second hello")
            return
        self.state = State.OPEN
        yield Open(hello)

    def _answer_bad(self, bad: BadRequest) -> Iterator[Effect]:
        if self.state is State.NEW:
            yield self._close(messages.CLOSE_VIOLATION, "hello comes first")
            return
        error = messages.error_body(Refused("bad_request", f"页面发来的内容有误，请刷新页面。（{bad.text}）"))
        yield Send(messages.refusal(bad.request_id, error))

    def _close(self, code: int, reason: str) -> Close:
        self.state = State.CLOSED
        return Close(code, reason[:100])
