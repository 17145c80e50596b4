"""One UDP port for every peer of a worker: sockets, candidates, and telling datagrams apart (RFC 7983)."""

import errno
import ipaddress
import logging
import socket

from aioice.ice import get_host_addresses

from media.ice import Address, IceLite, Path, local_ufrag
from media.stream import Flow

logger = logging.getLogger(__name__)

SOCKET_BUFFER = 4 << 20
BIND_ATTEMPTS = 20


class PortError(Exception):
    """The UDP port cannot be served; the text says which address and what to do."""


class MediaPort:
    """One socket per served address, never the wildcard: replies would leave from another address than was checked.

    `hosts` are local addresses; `public` ones are offered as well, first (1:1 NAT in front of this machine).
    """

    def __init__(self, hosts: list[str], port: int = 0, public: list[str] | None = None) -> None:
        self.hosts = hosts = list(dict.fromkeys(hosts))
        self.flows: dict[Address, Flow] = {}
        self._agents: dict[str, IceLite] = {}
        self.dropped = 0
        self.sockets = _bind_all(hosts, port)
        self.port: int = self.sockets[0].getsockname()[1]
        self.candidates = [_candidate(i, host, self.port) for i, host in enumerate([*(public or []), *hosts])]
        _warn_about_small_buffers(self.sockets[0])

    def register(self, agent: IceLite) -> None:
        """Let checks with any of the agent's credentials reach it; call again after a restart."""
        self.unregister(agent)
        for credentials in agent.accepted:
            self._agents[credentials.ufrag] = agent

    def unregister(self, agent: IceLite) -> None:
        for ufrag in [u for u, a in self._agents.items() if a is agent]:
            del self._agents[ufrag]

    def receive_other(self, data: bytes, address: Address, sock: socket.socket, now: float) -> None:
        """STUN and DTLS; anything else, and whatever comes from strangers, is dropped unparsed."""
        first = data[0] if data else 255
        if first < 4:
            ufrag = local_ufrag(data)
            agent = self._agents.get(ufrag) if ufrag is not None else None
            if agent is not None and ufrag is not None:
                reply = agent.check(data, Path(address, sock), ufrag, now)
                if reply is not None:
                    send(sock, reply, address)
                return
        elif 19 < first < 64:
            flow = self.flows.get(address)
            if flow is not None:
                flow.on_dtls(data)
                return
        self.dropped += 1

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def send(sock: socket.socket, data: bytes, address: Address) -> None:
    """A datagram that cannot leave is a lost datagram: STUN and DTLS repeat it."""
    try:
        sock.sendto(data, address)
    except OSError as error:
        logger.debug("a datagram could not be sent: %s", error)


def default_hosts() -> list[str]:
    """Every address of this machine, 127.0.0.1 last: Firefox fails when it is the only one, Chromium does not."""
    return [*get_host_addresses(use_ipv4=True, use_ipv6=True), "127.0.0.1"]


def _bind_all(hosts: list[str], port: int) -> list[socket.socket]:
    if not hosts:
        raise PortError("no address to serve: give at least one --host")
    for attempt in range(BIND_ATTEMPTS):
        sockets: list[socket.socket] = []
        host = hosts[0]
        try:
            for host in hosts:
                sockets.append(_bind(host, sockets[0].getsockname()[1] if sockets else port))
            return sockets
        except (OSError, ValueError) as error:
            for sock in sockets:
                sock.close()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if port or not taken or attempt == BIND_ATTEMPTS - 1:
                raise PortError(
                    f"cannot serve UDP {host} port {port}: {error}; give another --host or --port"
                ) from error
    raise AssertionError("unreachable")


def _bind(host: str, port: int) -> socket.socket:
    version = ipaddress.ip_address(host).version
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _candidate(index: int, host: str, port: int) -> str:
    """RFC 8445, section 5.1.2: type preference of a host candidate, then the order given."""
    ipaddress.ip_address(host)
    priority = (126 << 24) | ((65535 - index) << 8) | 255
    return f"{index + 1} 1 udp {priority} {host} {port} typ host"


def _warn_about_small_buffers(sock: socket.socket) -> None:
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux reports twice what it grants
    if granted < SOCKET_BUFFER:
        logger.warning(
            "UDP receive buffer is %d KiB, wanted %d: bursts will be lost; raise net.core.rmem_max",
            granted // 1024,
            SOCKET_BUFFER // 1024,
        )
