import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling import messages
from signaling.session import BURST, HELLO_WITHIN_S, SILENCE_S, Close, Effect, Handle, Open, Send, SessionMachine, State

HELLO = {"v": 1, "id": "1", "type": "hello", "workspace": "station", "window": "w1", "resume": None}


def text(**fields: Any) -> str:
    return json.dumps({"v": 1, **fields})


def opened(now: float = 0.0) -> SessionMachine:
    machine = SessionMachine(now)
    (effect,) = machine.receive(json.dumps(HELLO), now)
    assert isinstance(effect, Open)
    return machine


def only(effects: list[Effect]) -> Effect:
    assert len(effects) == 1
    return effects[0]


def test_hello_opens_then_requests_are_handed_on() -> None:
    machine = opened()
    effect = only(list(machine.receive(text(id="2", type="room.join", consultation_id="c1"), 1.0)))
    assert isinstance(effect, Handle)
    assert isinstance(effect.request, messages.RoomJoin)
    assert effect.request.consultation_id == "c1"


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        '{"v":2,"id":"1","type":"hello"}',
        '{"v":1,"type":"room.join"}',
        '{"v":1,"id":"","type":"x"}',
        '{"v":1,"id":7,"type":"x"}',
        "[" * 20_000,
        '{"v":1,"id":"1","type":"chat.send","text":"' + "x" * messages.MAX_MESSAGE_BYTES + '"}',
    ],
)
def test_violations_close(message: str) -> None:
    machine = opened()
    effect = only(list(machine.receive(message, 1.0)))
    assert isinstance(effect, Close)
    assert effect.code == messages.CLOSE_VIOLATION
    assert machine.state is State.CLOSED
    assert list(machine.receive(text(id="3", type="room.join", consultation_id="c"), 2.0)) == []


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"type": "no.such"}, "type"),
        ({"type": "chat.send", "key": "12345678", "text": ""}, "text"),
        ({"type": "chat.send", "key": "short", "text": "x"}, "key"),
        ({"type": "media.answer", "peer_id": "p", "version": "1", "sdp": "v=0"}, "version"),
        ({"type": "media.answer", "peer_id": "p", "version": 1, "sdp": "x" * (messages.MAX_SDP_CHARACTERS + 1)}, "sdp"),
        ({"type": "room.join", "consultation_id": "c", "surprise": 1}, "surprise"),
    ],
)
def test_a_bad_body_is_answered_and_the_connection_kept(fields: dict[str, Any], where: str) -> None:
    machine = opened()
    effect = only(list(machine.receive(text(id="9", **fields), 1.0)))
    assert isinstance(effect, Send)
    assert effect.message["re"] == "9"
    assert effect.message["ok"] is False
    assert effect.message["error"]["code"] == "bad_request"
    assert where in effect.message["error"]["text"]
    assert machine.state is State.OPEN


def test_hello_comes_first_and_once() -> None:
    machine = SessionMachine(0.0)
    effect = only(list(machine.receive(text(id="1", type="room.join", consultation_id="c"), 0.1)))
    assert isinstance(effect, Close)
    machine = opened()
    effect = only(list(machine.receive(json.dumps(HELLO), 0.2)))
    assert isinstance(effect, Close)


def test_no_hello_and_silence_close() -> None:
    machine = SessionMachine(0.0)
    assert list(machine.tick(HELLO_WITHIN_S)) == []
    effect = only(list(machine.tick(HELLO_WITHIN_S + 0.1)))
    assert isinstance(effect, Close)
    assert effect.code == messages.CLOSE_SILENT
    machine = opened()
    for now in range(1, int(SILENCE_S) + 1):
        assert not any(isinstance(effect, Close) for effect in machine.tick(float(now)))
    effect = only(list(machine.tick(SILENCE_S + 0.1)))
    assert isinstance(effect, Close)


def test_pings_are_answered_and_sent() -> None:
    machine = opened()
    effect = only(list(machine.receive('{"v":1,"type":"ping","t":12.5}', 1.0)))
    assert effect == Send({"v": 1, "type": "pong", "t": 12.5})
    assert list(machine.receive('{"v":1,"type":"pong","t":1}', 1.0)) == []
    effect = only(list(machine.tick(5.0)))
    assert isinstance(effect, Send)
    assert effect.message["type"] == "ping"


def test_a_flood_is_throttled_then_let_through_again() -> None:
    machine = opened()
    kinds = []
    for i in range(int(BURST) + 10):
        effect = only(list(machine.receive(text(id=str(i), type="room.join", consultation_id="c"), 1.0)))
        kinds.append(type(effect))
        if isinstance(effect, Send):
            assert effect.message["error"]["code"] == "throttled"
            assert effect.message["error"]["retry_after_s"] >= 0
    assert kinds.count(Handle) == BURST
    assert isinstance(only(list(machine.receive(text(id="x", type="room.join", consultation_id="c"), 2.0))), Handle)


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists)
TYPES = st.sampled_from(["chat.send", "media.state", "hello", "ping"])


@given(st.one_of(st.text(), JSON.map(json.dumps)))
def test_garbage_never_raises(message: str) -> None:
    for effect in opened().receive(message, 1.0):
        assert isinstance(effect, Send | Close)


@given(
    st.fixed_dictionaries(
        {"v": st.just(1), "id": st.text(min_size=1, max_size=32), "type": TYPES},
        optional={"text": st.integers() | st.text(), "key": st.text(), "muted": st.booleans(), "t": st.floats()},
    )
)
def test_almost_right_messages_never_raise(body: dict[str, Any]) -> None:
    for effect in opened().receive(json.dumps(body), 1.0):
        assert isinstance(effect, Send | Close | Handle)
