"""A user-space UDP proxy with loss and outage; an ICE-lite relay is reached through it as its only candidate."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

Drop = Callable[[bytes], bool]


class UdpProxy:
    """`drop_up` and `drop_down` see each datagram; `down` drops everything."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._near = _socket(("127.0.0.1", 0))
        self._far: dict[Any, socket.socket] = {}
        self._loop = asyncio.get_running_loop()
        self.drop_up: Drop = lambda _: False
        self.drop_down: Drop = lambda _: False
        self.down = False
        self.dropped = 0
        self._loop.add_reader(self._near, self._from_near)

    @property
    def address(self) -> tuple[str, int]:
        address: tuple[str, int] = self._near.getsockname()
        return address

    def lose(self, rate: float, seed: int = 1) -> None:
        """Lose SRTP packets at `rate` both ways; ICE and DTLS come through."""
        chance = random.Random(seed)

        def drop(datagram: bytes) -> bool:
            return datagram[0] & 0xC0 == 0x80 and chance.random() < rate

        self.drop_up = self.drop_down = drop

    def close(self) -> None:
        for sock in [self._near, *self._far.values()]:
            self._loop.remove_reader(sock)
            sock.close()

    def _from_near(self) -> None:
        while (got := _receive(self._near)) is not None:
            datagram, client = got
            if client not in self._far:
                self._far[client] = _socket(("127.0.0.1", 0))
                self._loop.add_reader(self._far[client], self._from_far, client)
            self._pass(datagram, self.drop_up, self._far[client], self._target)

    def _from_far(self, client: Any) -> None:
        while (got := _receive(self._far[client])) is not None:
            self._pass(got[0], self.drop_down, self._near, client)

    def _pass(self, datagram: bytes, drop: Drop, sock: socket.socket, to: Any) -> None:
        if self.down or drop(datagram):
            self.dropped += 1
        else:
            sock.sendto(datagram, to)


def _socket(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind(address)
    return sock


def _receive(sock: socket.socket) -> tuple[bytes, Any] | None:
    try:
        return sock.recvfrom(4096)
    except BlockingIOError:
        return None


@asynccontextmanager
async def udp_proxy(target: tuple[str, int]) -> AsyncIterator[UdpProxy]:
    proxy = UdpProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
