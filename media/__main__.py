"""`python -m media`: a bare media worker."""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import signal
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from media.clock import SystemClock
from media.control import application
from media.port import MediaPort, PortError, default_hosts
from media.relay import Limits
from media.worker import RESERVE_BYTES, Worker, tune_garbage_collection

logger = logging.getLogger(__name__)

ABANDON_TURN_S = 5.0
CONTROL_HELP = (
    "where to serve the control API: unix:PATH, or tcp:HOST:PORT (beyond this machine only with --control-cert)"
)


class UsageError(Exception):
    """Flags that cannot be served; the text says which."""


def parser() -> argparse.ArgumentParser:
    limits = Limits()
    flags = argparse.ArgumentParser(
        prog="python -m media",
        description="A media worker: relays and journals WebRTC media, driven over the control API (media/CONTROL.md).",
    )
    flags.add_argument("--control", required=True, metavar="ADDRESS", help=CONTROL_HELP)
    flags.add_argument("--control-cert", type=Path, metavar="FILE", help="certificate and key (PEM) of the control API")
    flags.add_argument(
        "--control-ca", type=Path, metavar="FILE", help="authority that the server's certificate must be of"
    )
    flags.add_argument(
        "--host",
        action="append",
        metavar="ADDRESS",
        help="local address to serve media on (repeatable; default: all, loopback last)",
    )
    flags.add_argument(
        "--public",
        action="append",
        metavar="ADDRESS",
        help="address to offer as well: the public one behind 1:1 NAT (repeatable)",
    )
    flags.add_argument("--port", type=int, default=0, metavar="N", help="UDP port for all media (default: a free one)")
    flags.add_argument(
        "--journals", type=Path, metavar="DIR", help="where recordings may be written (default: none are)"
    )
    flags.add_argument(
        "--reserve-mb",
        type=int,
        default=RESERVE_BYTES >> 20,
        metavar="N",
        help="free MiB that a recording needs to start; default %(default)s",
    )
    flags.add_argument("--max-rooms", type=int, default=limits.rooms, metavar="N", help="default %(default)s")
    flags.add_argument("--max-peers", type=int, default=limits.peers, metavar="N", help="default %(default)s")
    flags.add_argument(
        "--max-participants",
        type=int,
        default=limits.participants,
        metavar="N",
        help="in one room; default %(default)s",
    )
    flags.add_argument("--max-recordings", type=int, default=limits.recordings, metavar="N", help="default %(default)s")
    flags.add_argument(
        "--abandon-after",
        type=float,
        default=0.0,
        metavar="S",
        help="end after so many seconds without a call to the control API; default 0: never",
    )
    flags.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="default %(default)s"
    )
    return flags


@asynccontextmanager
async def control_api(worker: Worker, flags: argparse.Namespace) -> AsyncIterator[str]:
    """Serve the control API; yields its address, with the real port."""
    runner = web.AppRunner(application(worker), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        kind, _, where = flags.control.partition(":")
        if kind == "unix" and where:
            await _serve_unix(runner, Path(where))
            yield flags.control
        elif kind == "tcp" and ":" in where:
            yield await _serve_tcp(runner, where, tls_context(flags.control_cert, flags.control_ca))
        else:
            raise UsageError(f"--control {flags.control}: write unix:PATH or tcp:HOST:PORT")
    finally:
        await runner.cleanup()


async def _serve_unix(runner: web.AppRunner, path: Path) -> None:
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.bind(str(path))
    os.chmod(path, 0o600)  # before listening: nobody else connects first
    await web.SockSite(runner, listener).start()


def _clear(path: Path) -> None:
    """Take away the socket that a killed worker left."""
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise UsageError(f"--control unix:{path}: there is a file which is not a socket")
    path.unlink(missing_ok=True)


async def _serve_tcp(runner: web.AppRunner, where: str, tls: ssl.SSLContext | None) -> str:
    host, _, port = where.rpartition(":")
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
        number = int(port)
    except ValueError as error:
        raise UsageError(f"--control tcp:{where}: write tcp:ADDRESS:PORT") from error
    if tls is None and not loopback:
        raise UsageError("the control API beyond this machine needs --control-cert and --control-ca (mutual TLS)")
    site = web.TCPSite(runner, host.strip("[]"), number, ssl_context=tls)
    await site.start()
    return f"tcp:{host}:{runner.addresses[0][1]}"


def tls_context(certificate: Path | None, authority: Path | None) -> ssl.SSLContext | None:
    """Mutual TLS, or None without files."""
    if certificate is None and authority is None:
        return None
    if certificate is None or authority is None:
        raise UsageError("--control-cert and --control-ca belong together")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
    context.load_cert_chain(str(certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def serve(flags: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT. One JSON line on stdout says that everything is served."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    port = MediaPort(flags.host or default_hosts(), flags.port, flags.public)
    limits = Limits(flags.max_rooms, flags.max_participants, flags.max_peers, flags.max_recordings)
    worker = Worker(port, SystemClock(), limits, flags.journals, flags.reserve_mb << 20)
    async with worker.serving(), control_api(worker, flags) as control:
        tune_garbage_collection()
        udp = [{"host": host, "port": port.port} for host in port.hosts]
        print(json.dumps({"ready": True, "boot_id": worker.boot_id, "control": control, "udp": udp}), flush=True)
        await _until_stopped(stop, worker, flags.abandon_after)


async def _until_stopped(stop: asyncio.Event, worker: Worker, abandon_after: float) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), ABANDON_TURN_S)
        if abandon_after and worker.silence() > abandon_after:
            logger.error("no server has called for %.0f s: ending", worker.silence())
            return


def main(arguments: list[str] | None = None) -> int:
    flags = parser().parse_args(arguments)
    logging.basicConfig(level=flags.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(flags))
    except (UsageError, PortError, ssl.SSLError, OSError) as error:
        print(f"python -m media: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
