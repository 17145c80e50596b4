"""What `lawlink doctor` looks at: each check says in one line what is so and, if it is not well, how to mend it."""

import asyncio
import ctypes
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from sqlalchemy.exc import SQLAlchemyError

from recordings.errors import RecordingError
from scheduler.audit import verify_chain
from scheduler.clock import SystemClock
from signaling import tls
from signaling.key_files import KeysMissing, missing_keys
from signaling.opening import opened
from signaling.secret_files import readable_by_others
from signaling.settings import Settings

SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024
RECEIVE_LIMIT: Final = Path("/proc/sys/net/core/rmem_max")
# More than `struct timex` of any Linux; its first field, `modes`, is 0: change nothing.
TIMEX_BYTES: Final = 512
TIME_ERROR: Final = 5
MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """`mend` is empty when nothing has to be done."""

    state: Literal["ok", "warn", "bad"]
    part: str
    text: str
    mend: str = ""


Check = Callable[[Settings], Line]


def ok(part: str, text: str) -> Line:
    return Line("ok", part, text)


async def examine(settings: Settings) -> list[Line]:
    """Every check, in the order in which to mend."""
    checks: Sequence[Check] = (check_keys, check_disk, check_time, check_certificate, check_web_port)
    checks = (*checks, check_media_port, check_media_addresses, check_socket_buffer, check_storage, check_turn)
    lines = [await asyncio.to_thread(check, settings) for check in checks]
    return [lines[0], await _guarded(settings, check_database), *lines[1:]]


async def _guarded(settings: Settings, check: Callable[[Settings], Awaitable[Line]]) -> Line:
    try:
        return await check(settings)
    except (SQLAlchemyError, OSError, RecordingError, KeysMissing) as error:
        reason = str(error).splitlines()[0]
        return Line("bad", "database", reason, "look at LAWLINK_DATA and LAWLINK_DATABASE_URL, or restore a backup")


def check_keys(settings: Settings) -> Line:
    missing = missing_keys(settings)
    if missing:
        return Line("bad", "keys", f"{missing[0]} is missing", "run `lawlink init`, or restore a backup")
    paths = (settings.master_key_path, settings.identity_key_path, settings.seal_key_path)
    loose = [path for path in paths if readable_by_others(path)]
    if loose:
        return Line("bad", "keys", f"{loose[0]} can be read by others", f"chmod 600 {loose[0]}")
    return ok("keys", f"{settings.keys}, for this account alone")


async def check_database(settings: Settings) -> Line:
    if missing_keys(settings):
        return Line("bad", "database", "not looked at without the keys", "mend the keys first")
    async with opened(settings, SystemClock()) as found, found.reads() as db:
        chain = await verify_chain(db)
    if not chain.ok:
        return Line(
            "bad",
            "database",
            f"the audit trail is broken at entry {chain.broken_at}: {chain.what}",
            "somebody has changed the database by hand: compare it with a backup",
        )
    return ok("database", f"opens, the audit trail's {chain.entries} entries are whole")


def check_disk(settings: Settings) -> Line:
    top = settings.data if settings.data.exists() else settings.data.absolute().parent
    free_mb = shutil.disk_usage(top).free // (1024 * 1024)
    if free_mb < settings.disk_reserve_mb:
        return Line("bad", "disk", f"{free_mb} MiB free: nothing is recorded", f"free space under {top}")
    if free_mb < 10 * settings.disk_reserve_mb:
        return Line("warn", "disk", f"{free_mb} MiB free under {top}", "an hour of consultation takes about 1 GiB")
    return ok("disk", f"{free_mb // 1024} GiB free under {top}")


def check_time(settings: Settings) -> Line:
    now = datetime.now(UTC)
    newest = _newest_change(settings.data)
    if now < MADE or (newest is not None and newest - now > timedelta(minutes=1)):
        return Line("bad", "time", f"this machine thinks it is {now:%Y-%m-%d %H:%M} UTC", "set the clock; use NTP")
    if not _synchronised():
        return Line("warn", "time", f"{now:%Y-%m-%d %H:%M} UTC, not synchronised", "timedatectl set-ntp true")
    return ok("time", f"{now:%Y-%m-%d %H:%M} UTC, synchronised")


def _newest_change(directory: Path) -> datetime | None:
    times = [path.stat().st_mtime for path in directory.iterdir()] if directory.exists() else []
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _synchronised() -> bool:
    """adjtimex(2) without a change answers TIME_ERROR when no NTP client disciplines the kernel's clock."""
    unchanged = ctypes.create_string_buffer(TIMEX_BYTES)
    try:
        return int(ctypes.CDLL(None).adjtimex(unchanged)) != TIME_ERROR
    except (OSError, AttributeError):
        return True


def check_certificate(settings: Settings) -> Line:
    if not settings.tls:
        local = settings.host in ("127.0.0.1", "::1", "localhost") or settings.behind_proxy
        if local:
            return ok("certificate", "https is left to the proxy in front")
        return Line("bad", "certificate", "plain http: browsers give no camera", "set LAWLINK_TLS")
    try:
        if settings.tls_certificate and settings.tls_key:
            found = tls.configured(settings.tls_certificate, settings.tls_key)
        elif (settings.data / "tls" / "server.crt").exists():
            found = tls.present(settings.data / "tls")
        else:
            return ok("certificate", "the own authority issues one at the first start")
        found.context()
    except tls.CertificateError as error:
        return Line("bad", "certificate", str(error), "put the right files there, or unset LAWLINK_TLS_CERTIFICATE")
    days = (found.ends_at - datetime.now(UTC)).days
    if days < 14:
        return Line("bad" if days < 1 else "warn", "certificate", f"ends in {days} days", "renew it")
    return ok("certificate", f"until {found.ends_at:%Y-%m-%d}, SHA-256 {found.fingerprint()[:23]}…")


def check_web_port(settings: Settings) -> Line:
    if _can_bind(socket.SOCK_STREAM, settings.host, settings.port):
        return ok("web port", f"{settings.host}:{settings.port} is free")
    return Line(
        "warn",
        "web port",
        f"{settings.host}:{settings.port} is taken",
        "fine while the server runs; otherwise set LAWLINK_PORT",
    )


def check_media_port(settings: Settings) -> Line:
    if settings.media_port == 0:
        return Line("warn", "media port", "a free UDP port at each start", "set LAWLINK_MEDIA_PORT for the firewall")
    if _can_bind(socket.SOCK_DGRAM, settings.host, settings.media_port):
        return ok("media port", f"UDP {settings.media_port} is free")
    return Line(
        "warn",
        "media port",
        f"UDP {settings.media_port} is taken",
        "fine while the server runs; otherwise set LAWLINK_MEDIA_PORT",
    )


def _can_bind(kind: socket.SocketKind, host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def check_media_addresses(settings: Settings) -> Line:
    addresses = settings.media_hosts or tuple(tls.local_addresses())
    others = [address for address in addresses if not address.startswith("127.")]
    if settings.media_public_address:
        return ok("media addresses", f"{', '.join(addresses)} behind {settings.media_public_address}")
    if not others:
        return Line(
            "warn", "media addresses", "loopback only", "set LAWLINK_MEDIA_HOSTS to an address that stations reach"
        )
    return ok("media addresses", ", ".join(others))


def check_socket_buffer(settings: Settings) -> Line:
    try:
        limit = int(RECEIVE_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ok("socket buffer", "no limit to be read here")
    if limit < SOCKET_BUFFER_BYTES:
        mend = f"sysctl -w net.core.rmem_max={SOCKET_BUFFER_BYTES}"
        return Line("warn", "socket buffer", f"net.core.rmem_max is {limit}: bursts are lost under load", mend)
    return ok("socket buffer", f"net.core.rmem_max is {limit}")


def check_storage(settings: Settings) -> Line:
    top = settings.store if settings.store.exists() else settings.data
    began = time.perf_counter()
    try:
        with tempfile.TemporaryFile(dir=top) as probe:
            probe.write(b"x" * 65536)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return Line("bad", "storage", f"{top}: {error.strerror}", "let the server's account write there")
    took_ms = (time.perf_counter() - began) * 1000
    if took_ms > 500:
        return Line(
            "warn", "storage", f"an fsync took {took_ms:.0f} ms", "use a faster disk: a crash loses that much more"
        )
    return ok("storage", f"{top}: an fsync took {took_ms:.0f} ms")


def check_turn(settings: Settings) -> Line:
    del settings
    return ok("TURN", "not used: stations reach the media port by UDP")
