"""ICE-lite: who gets an answer, and which path is taken."""

import socket
from collections.abc import Iterator

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from media.ice import IceLite, Path, local_ufrag, parse_request


class Owner:
    def __init__(self) -> None:
        self.paths: list[Path] = []

    def on_path(self, old: Path | None, new: Path) -> None:
        self.paths.append(new)


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        yield opened


def request(
    agent: IceLite, nominate: bool = True, password: str = "", attributes: dict[str, int] | None = None
) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{agent.credentials.ufrag}:theirs"
    message.attributes.update(attributes or {})
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or agent.credentials.password).encode())
    return bytes(message)


def test_authentic_check_is_answered_and_the_path_learnt(sock: socket.socket) -> None:
    owner = Owner()
    agent = IceLite(owner)
    path = Path(("192.0.2.7", 5000), sock)
    reply = agent.check(request(agent), path, agent.credentials.ufrag, 5.0)
    assert reply is not None
    response = stun.parse_message(reply)
    assert response.check_message_integrity(agent.credentials.password.encode())
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.7", 5000)
    assert owner.paths == [path] and agent.checked_at == 5.0


def test_wrong_password_gets_nothing(sock: socket.socket) -> None:
    owner = Owner()
    agent = IceLite(owner)
    path = Path(("192.0.2.7", 5000), sock)
    assert agent.check(request(agent, password="guess"), path, agent.credentials.ufrag, 1.0) is None
    assert agent.check(request(agent), path, "unknown", 1.0) is None
    assert owner.paths == [] and agent.refused == 2 and agent.checked_at == 0.0


def test_missing_integrity_gets_nothing(sock: socket.socket) -> None:
    agent = IceLite(Owner())
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{agent.credentials.ufrag}:theirs"
    assert agent.check(bytes(message), Path(("192.0.2.7", 1), sock), agent.credentials.ufrag, 1.0) is None


def test_another_path_is_taken_only_when_nominated(sock: socket.socket) -> None:
    owner = Owner()
    agent = IceLite(owner)
    ufrag = agent.credentials.ufrag
    first, second = Path(("192.0.2.7", 5000), sock), Path(("192.0.2.8", 5000), sock)
    agent.check(request(agent, nominate=False), first, ufrag, 1.0)
    agent.check(request(agent, nominate=False), second, ufrag, 1.0)
    assert agent.path == first
    agent.check(request(agent), second, ufrag, 1.0)
    assert agent.path == second and owner.paths == [first, second]


def test_restart_keeps_the_former_credentials_until_the_new_ones_are_used(sock: socket.socket) -> None:
    agent = IceLite(Owner())
    path = Path(("192.0.2.7", 5000), sock)
    former = agent.credentials
    old_check = request(agent)
    agent.check(old_check, path, former.ufrag, 1.0)
    agent.restart()
    assert agent.check(old_check, path, former.ufrag, 2.0) is not None
    assert agent.check(request(agent), path, agent.credentials.ufrag, 3.0) is not None
    assert agent.check(old_check, path, former.ufrag, 4.0) is None


def test_two_controlled_agents_are_a_role_conflict(sock: socket.socket) -> None:
    owner = Owner()
    agent = IceLite(owner)
    data = request(agent, attributes={"ICE-CONTROLLED": 1})
    reply = agent.check(data, Path(("192.0.2.7", 5000), sock), agent.credentials.ufrag, 1.0)
    assert reply is not None and stun.parse_message(reply).error_code == 487
    assert owner.paths == []


def test_ufrag_is_found_in_a_request() -> None:
    agent = IceLite(Owner())
    assert local_ufrag(request(agent)) == agent.credentials.ufrag


def stun_like() -> st.SearchStrategy[bytes]:
    def build(kind: int, attributes: list[tuple[int, int, bytes]]) -> bytes:
        body = b"".join(
            k.to_bytes(2, "big") + n.to_bytes(2, "big") + v + b"\0" * (-len(v) % 4) for k, n, v in attributes
        )
        head = kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12)
        return head + body

    known = st.sampled_from([1, 3, 6, 8, 9, 0x20, 0x24, 0x25, 0x8028, 0x8029, 0x802A, 0x7FFF])
    value = st.binary(max_size=24)
    attribute = st.tuples(known, st.integers(0, 40), value) | st.builds(lambda k, v: (k, len(v), v), known, value)
    return st.builds(build, st.sampled_from([0x0001, 0x0101, 0x0011, 0x0002, 0x3FFF]), st.lists(attribute, max_size=6))


@given(st.one_of(st.binary(max_size=60), stun_like()))
def test_any_bytes_are_a_request_or_nothing(data: bytes) -> None:
    local_ufrag(data)
    parsed = parse_request(data)
    assert parsed is None or parsed.message_class == stun.Class.REQUEST
