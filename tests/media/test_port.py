"""One UDP port on every address."""

import ipaddress
import logging
import socket

import pytest

from media import port as port_module
from media.port import MediaPort, PortError, default_hosts


def test_every_address_has_its_socket_on_the_same_port() -> None:
    served = MediaPort(["127.0.0.1", "::1"])
    try:
        assert [sock.family for sock in served.sockets] == [socket.AF_INET, socket.AF_INET6]
        assert {sock.getsockname()[1] for sock in served.sockets} == {served.port}
        assert served.candidates[0].split()[3:6] == [
            str((126 << 24) | (65535 << 8) | 255),
            "127.0.0.1",
            str(served.port),
        ]
    finally:
        served.close()


def test_public_addresses_come_first() -> None:
    served = MediaPort(["127.0.0.1"], public=["203.0.113.9"])
    try:
        assert [line.split()[4] for line in served.candidates] == ["203.0.113.9", "127.0.0.1"]
        priorities = [int(line.split()[3]) for line in served.candidates]
        assert priorities == sorted(priorities, reverse=True)
    finally:
        served.close()


@pytest.mark.parametrize("hosts", [[], ["not an address"], ["192.0.2.199"]])
def test_useless_addresses_are_refused_in_words(hosts: list[str]) -> None:
    with pytest.raises(PortError, match="--host"):
        MediaPort(hosts)


def test_taken_port_is_refused_in_words() -> None:
    served = MediaPort(["127.0.0.1"])
    try:
        with pytest.raises(PortError, match=f"127.0.0.1 port {served.port}"):
            MediaPort(["127.0.0.1"], served.port)
    finally:
        served.close()


def test_loopback_is_the_last_of_all_addresses() -> None:
    hosts = default_hosts()
    assert hosts[-1] == "127.0.0.1"
    assert not any(ipaddress.ip_address(host).is_loopback for host in hosts[:-1])


def test_small_buffers_are_warned_about(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_module, "SOCKET_BUFFER", 1 << 30)
    with caplog.at_level(logging.WARNING):
        MediaPort(["127.0.0.1"]).close()
    assert "net.core.rmem_max" in caplog.text
