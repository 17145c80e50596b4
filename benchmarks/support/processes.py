"""The measured process: started, pinned to a core, asked, and its costs read."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 20.0
_CORES = os.sched_getaffinity(0)


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python module as a process on the first core; ready when it has printed a line."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        if not await asyncio.wait_for(started.stdout.readline(), START_DEADLINE_S):
            raise RuntimeError(f"{arguments[0]} did not start")
        pin(started.pid, first=True)
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
        await started.wait()


def pin(pid: int, first: bool) -> None:
    """Keep the relay on the first core and the generator off it, where there are several."""
    cores = sorted(_CORES)
    if len(cores) > 1:
        chosen = {cores[0]} if first else set(cores[1:])
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), chosen)


class Api:
    def __init__(self, path: Path) -> None:
        self._http = aiohttp.ClientSession("http://worker", connector=aiohttp.UnixConnector(str(path)))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._http.request(method, path, json=body) as response:
            reply = await response.json()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {reply}")
        return reply

    async def close(self) -> None:
        await self._http.close()
