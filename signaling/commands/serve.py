"""`lawlink serve`: the server of an initialised installation, https by default."""

import argparse
import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from recordings.errors import KeyUnavailable
from signaling import logs, tls
from signaling.app import LIVE_TASK, build_app
from signaling.commands import CommandFailed
from signaling.commands.environment import initialised
from signaling.demo import Demo
from signaling.key_files import KeysMissing
from signaling.settings import Settings
from signaling.tls import CertificateError, ServerCertificate

RENEWAL_CHECK_S: Final = 6 * 3600
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="data directory (LAWLINK_DATA)")
    parser.add_argument("--host", help="address to listen on (LAWLINK_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (LAWLINK_PORT)")


def run(arguments: argparse.Namespace) -> int:
    settings = initialised(data=arguments.data, host=arguments.host, port=arguments.port)
    logs.configure(settings.log_level, settings.log_format)
    return serve(settings, lambda url: log.info("serving %s", url))


def serve(settings: Settings, started: Callable[[str], None], demo: Demo | None = None) -> int:
    """Serves until SIGINT or SIGTERM; calls `started` with the address when it answers."""
    try:
        asyncio.run(_serve(settings, started, demo))
    except (KeysMissing, KeyUnavailable, CertificateError) as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from error
    return 0


async def _serve(settings: Settings, started: Callable[[str], None], demo: Demo | None) -> None:
    certificate = await asyncio.to_thread(_certificate, settings) if settings.tls else None
    context = certificate.context() if certificate else None
    app = build_app(settings, authority=certificate.authority if certificate else None, demo=demo)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=context)
        await site.start()
        started(address(settings, runner.addresses[0][1]))
        async with _renewing(settings, certificate, context):
            await _until_told_to_stop(app[LIVE_TASK])
    finally:
        await runner.cleanup()


def address(settings: Settings, port: int) -> str:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104  # compared, not bound
    return f"{'https' if settings.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _certificate(settings: Settings) -> ServerCertificate:
    if settings.tls_certificate and settings.tls_key:
        return tls.configured(settings.tls_certificate, settings.tls_key)
    names = tls.own_names(settings.tls_names, settings.host)
    return tls.issued(settings.data / "tls", names, datetime.now(UTC))


@contextlib.asynccontextmanager
async def _renewing(
    settings: Settings, certificate: ServerCertificate | None, context: ssl.SSLContext | None
) -> AsyncIterator[None]:
    """Looks four times a day whether the certificate file is newer or due; new connections get the new one."""
    if certificate is None or context is None:
        yield
        return
    log.info("certificate SHA-256 %s until %s", certificate.fingerprint(), certificate.ends_at.date())
    task = asyncio.create_task(_renew(settings, context))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _renew(settings: Settings, context: ssl.SSLContext) -> None:
    while True:
        await asyncio.sleep(RENEWAL_CHECK_S)
        try:
            certificate = await asyncio.to_thread(_certificate, settings)
            certificate.load_into(context)
        except CertificateError:
            log.exception("the certificate could not be renewed; the old one stays")


async def _until_told_to_stop(live: asyncio.Task[None]) -> None:
    """Returns at SIGINT or SIGTERM.  CommandFailed when the live half has failed: it has to be started anew."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({told, live}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not stop.is_set():
        log.critical("the live half has failed", exc_info=live.exception())
        raise CommandFailed("the live half has failed; the log says why")
