"""Which media worker a room is on, and that worker's life: start, adopt, watch, start again.

One worker for now. A worker outlives a crashed server: on start, one that still answers on the control address is
adopted, its rooms with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final, Protocol

from signaling.media_client import MediaClient, WorkerUnavailable
from signaling.settings import Settings

log = logging.getLogger(__name__)

SOURCES: Final = Path(__file__).resolve().parent.parent
"""Where `python -m media` finds its package."""

START_WITHIN_S: Final = 15.0
ABANDON_AFTER_S: Final = 600
"""As long as a session outlives its connection: after that nobody comes back to the rooms."""
START_POLL_S: Final = 0.05
EVENT_WAIT_S: Final = 2.0
SILENT_POLLS: Final = 2
"""Unanswered event polls before a worker counts as hung; with the time-outs of the client, at most about 8 s."""
RESTART_PAUSE_S: Final = 0.2
MAX_RESTART_PAUSE_S: Final = 5.0


class WorkerListener(Protocol):
    """What the live half wants to know of its worker; called one at a time, in order."""

    async def worker_up(self, boot_id: str, known: bool) -> None:
        """It answers. `known`: the same boot as before, so its rooms are as we left them or need re-reading."""

    async def worker_lost(self) -> None:
        """It is gone, and every room, peer and recording with it."""

    async def worker_event(self, event: dict[str, Any]) -> None:
        """One event of CONTROL.md."""


class MediaWorker:
    """Supervises one `python -m media`."""

    def __init__(self, settings: Settings, listener: WorkerListener) -> None:
        self.client = MediaClient(settings.control)
        self.ready = asyncio.Event()
        self._settings = settings
        self._listener = listener
        self._process: asyncio.subprocess.Process | None = None
        self._adopted_pid: int | None = None
        self._boot_id: str | None = None
        self._after = 0

    async def run(self) -> None:
        """Keeps a worker alive until cancelled."""
        pause = RESTART_PAUSE_S
        while True:
            try:
                await self._bring_up()
                pause = RESTART_PAUSE_S
                await self._follow_events()
            except WorkerUnavailable as exc:
                log.error("media worker is gone: %s", exc)
            self.ready.clear()
            await self._end(patience_s=0)
            await self._listener.worker_lost()
            await asyncio.sleep(pause)
            pause = min(MAX_RESTART_PAUSE_S, pause * 2)

    def kill(self) -> None:
        """At once; `run` notices and starts another."""
        pid = self._adopted_pid if self._process is None else self._process.pid
        if pid is not None and _alive(pid):
            os.kill(pid, signal.SIGKILL)

    async def close(self, keep: bool) -> None:
        """Lets go of the worker; `keep` leaves it to relay on until it notices that nobody contacts it any more."""
        self.ready.clear()
        if not keep:
            await self._end(patience_s=5)
        await self.client.close()

    async def _bring_up(self) -> None:
        health = await self._adopt() or await self._start()
        boot_id = str(health["boot_id"])
        known = boot_id == self._boot_id
        if not known:
            self._boot_id, self._after = boot_id, int(health["last_event"])
        log.info("media worker is up: pid %s, boot %s, udp %s", health["pid"], boot_id, health["udp"])
        await self._listener.worker_up(boot_id, known)
        self.ready.set()

    async def _adopt(self) -> dict[str, Any] | None:
        try:
            health = await self.client.health()
        except WorkerUnavailable:
            return None
        if self._process is None:
            self._adopted_pid = int(health["pid"])
        return health

    async def _start(self) -> dict[str, Any]:
        arguments = worker_arguments(self._settings)
        _prepare_socket(self._settings.control)
        log_path = self._settings.data / "media.log"
        output = await asyncio.to_thread(log_path.open, "ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "media",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=SOURCES,
            )
        except OSError as exc:
            raise WorkerUnavailable(f"it could not be started: {exc}") from exc
        finally:
            output.close()
        return await self._first_health(self._process)

    async def _first_health(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + START_WITHIN_S
        while True:
            try:
                return await self.client.health()
            except WorkerUnavailable:
                if process.returncode is not None:
                    raise WorkerUnavailable(f"it ended with {process.returncode} at once; see media.log") from None
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(START_POLL_S)

    async def _follow_events(self) -> None:
        silent = 0
        while True:
            try:
                reply = await self.client.events(self._after, EVENT_WAIT_S)
            except WorkerUnavailable:
                silent += 1
                if silent >= SILENT_POLLS or self._exited():
                    raise
                continue
            silent = 0
            if reply["boot_id"] != self._boot_id:
                raise WorkerUnavailable("another boot answers on the control address")
            await self._hand_on(reply)

    async def _hand_on(self, reply: dict[str, Any]) -> None:
        self._after = int(reply["next"])
        if reply.get("gap"):
            await self._listener.worker_up(str(reply["boot_id"]), True)
        for event in reply["events"]:
            await self._listener.worker_event(event)

    def _exited(self) -> bool:
        if self._process is not None:
            return self._process.returncode is not None
        return self._adopted_pid is not None and not _alive(self._adopted_pid)

    async def _end(self, patience_s: float) -> None:
        process, self._process = self._process, None
        pid, self._adopted_pid = self._adopted_pid, None
        if process is not None:
            await _stop(process, patience_s)
        elif pid is not None and _alive(pid):
            os.kill(pid, signal.SIGTERM if patience_s else signal.SIGKILL)


def worker_arguments(settings: Settings) -> list[str]:
    arguments = ["--control", settings.control, "--port", str(settings.media_port)]
    arguments += ["--journals", str(settings.journals.absolute()), "--abandon-after", str(ABANDON_AFTER_S)]
    for host in settings.media_hosts:
        arguments += ["--host", host]
    if settings.media_public_address:
        arguments += ["--public", settings.media_public_address]
    return arguments


def _prepare_socket(control: str) -> None:
    """A socket file left by a killed worker would make bind() fail."""
    if control.startswith("unix:"):
        path = Path(control.removeprefix("unix:"))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _stop(process: asyncio.subprocess.Process, patience_s: float) -> None:
    """Asks it to end and waits; what has not ended by then (at once with no patience: it is hung) is killed."""
    with contextlib.suppress(ProcessLookupError):
        if patience_s:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience_s)
        if process.returncode is None:
            process.kill()
    await process.wait()
