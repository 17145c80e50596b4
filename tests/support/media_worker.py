"""A media worker for tests: as a process of its own, or in the test's loop; and a client of its control API."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from media.clock import MediaClock, SystemClock
from media.control import application
from media.port import MediaPort
from media.relay import Limits
from media.worker import Worker

DEADLINE = 15.0


class Refusal(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(f"{status} {code}: {text}")
        self.status, self.code, self.text = status, code, text


class Control:
    """Calls the control API on a Unix socket; `events` collects what `follow` has read."""

    def __init__(self, path: Path) -> None:
        self._http = aiohttp.ClientSession("http://worker", connector=aiohttp.UnixConnector(str(path)))
        self.events: list[dict[str, Any]] = []
        self._next = 0

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        async with self._http.request(method, path, json=body) as response:
            reply: dict[str, Any] = await response.json()
        if response.status != 200:
            raise Refusal(response.status, reply["error"]["code"], reply["error"]["text"])
        return reply

    async def post_raw(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        async with self._http.post(path, data=body) as response:
            return response.status, await response.json()

    async def more_events(self, wait_s: float = 1.0) -> None:
        """Read new events into `events`, waiting for one when there is none. Several may wait at once."""
        reply = await self.call("GET", f"/v1/events?after={self._next}&wait_s={wait_s}")
        self.events += [event for event in reply["events"] if event["n"] > self._next]
        self._next = max(self._next, reply["next"])

    async def each_event(self) -> AsyncIterator[dict[str, Any]]:
        """Every event, from the first one on; never ends."""
        for index in itertools.count():
            while len(self.events) <= index:
                await self.more_events(5.0)
            yield self.events[index]

    async def wait_for(self, kind: str, **fields: object) -> dict[str, Any]:
        """The first event, past or coming, of `kind` with these fields."""
        async with asyncio.timeout(DEADLINE):
            while True:
                for event in self.events:
                    if event["kind"] == kind and all(event.get(k) == v for k, v in fields.items()):
                        return event
                await self.more_events()

    async def close(self) -> None:
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@asynccontextmanager
async def worker_here(
    directory: Path,
    clock: MediaClock | None = None,
    limits: Limits | None = None,
    hosts: list[str] | None = None,
    reserve_bytes: int = 0,
) -> AsyncIterator[tuple[Worker, Control]]:
    """A worker in this loop, its journals under `directory`/journals."""
    port = MediaPort(hosts or ["127.0.0.1"])
    journals = directory / "journals"
    worker = Worker(port, clock or SystemClock(), limits or Limits(), journals, reserve_bytes)
    runner = web.AppRunner(application(worker), access_log=None, handler_cancellation=True)
    async with worker.serving():
        await runner.setup()
        await web.UnixSite(runner, str(directory / "control")).start()
        async with Control(directory / "control") as control:
            try:
                yield worker, control
            finally:
                await runner.cleanup()


@asynccontextmanager
async def worker_process(
    directory: Path, *flags: str, prefix: tuple[str, ...] = ()
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Control, dict[str, Any]]]:
    """`python -m media` as its own process; yields it, a client, and its first line."""
    path = directory / "control"
    command = [*prefix, sys.executable, "-m", "media", "--control", f"unix:{path}"]
    command += ["--host", "127.0.0.1", "--journals", str(directory / "journals"), "--reserve-mb", "0", *flags]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            ready = json.loads(await process.stdout.readline())
        async with Control(path) as control:
            yield process, control, ready
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
