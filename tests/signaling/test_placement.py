"""The supervision of a real worker process."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from signaling.media_client import MediaClient, WorkerRefused, WorkerUnavailable
from signaling.placement import MediaWorker
from signaling.settings import Settings
from tests.support.eventually import eventually


class Listener:
    def __init__(self) -> None:
        self.ups: list[tuple[str, bool]] = []
        self.lost = 0
        self.events: list[dict[str, Any]] = []

    async def worker_up(self, boot_id: str, known: bool) -> None:
        self.ups.append((boot_id, known))

    async def worker_lost(self) -> None:
        self.lost += 1

    async def worker_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Socket paths are at most 107 bytes long, and pytest's directories may not leave room.
    control = Path(tempfile.mkdtemp(prefix="lawlink-")) / "media.sock"
    return Settings(data=tmp_path, media_control=f"unix:{control}", media_hosts=("127.0.0.1",))


@asynccontextmanager
async def supervised(settings: Settings, *, keep: bool = False) -> AsyncIterator[tuple[MediaWorker, Listener]]:
    listener = Listener()
    worker = MediaWorker(settings, listener)
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(20):
            await worker.ready.wait()
        yield worker, listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await worker.close(keep)


async def test_it_starts_a_worker_and_ends_it(settings: Settings) -> None:
    async with supervised(settings) as (worker, listener):
        health = await worker.client.health()
        assert listener.ups == [(health["boot_id"], False)]
    client = MediaClient(settings.control)
    with pytest.raises(WorkerUnavailable):
        await client.health()
    await client.close()
    assert not alive(health["pid"])


async def test_a_killed_worker_is_replaced(settings: Settings) -> None:
    async with supervised(settings) as (worker, listener):
        first = await worker.client.health()
        await worker.client.make_room("r1")
        os.kill(first["pid"], signal.SIGKILL)
        await eventually(lambda: len(listener.ups) == 2)
        second = await worker.client.health()
        assert second["boot_id"] != first["boot_id"]
        assert listener.lost == 1
        assert listener.ups[1] == (second["boot_id"], False)
        assert second["rooms"] == 0


async def test_a_hung_worker_is_replaced(settings: Settings) -> None:
    async with supervised(settings) as (worker, listener):
        first = await worker.client.health()
        os.kill(first["pid"], signal.SIGSTOP)
        await eventually(lambda: len(listener.ups) == 2, 25)
        assert (await worker.client.health())["boot_id"] != first["boot_id"]


async def test_a_new_server_adopts_the_running_worker(settings: Settings) -> None:
    async with supervised(settings, keep=True) as (worker, _):
        first = await worker.client.health()
        await worker.client.make_room("r1")
    async with supervised(settings) as (worker, listener):
        second = await worker.client.health()
        assert second["boot_id"] == first["boot_id"]
        assert [room["room_id"] for room in await worker.client.rooms()] == ["r1"]
        assert listener.lost == 0
    await eventually(lambda: not alive(first["pid"]))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_events_reach_the_listener(settings: Settings) -> None:
    async with supervised(settings) as (worker, listener):
        await worker.client.make_room("r1")
        offer = await worker.client.open_peer("r1", "p1")
        assert offer.sdp.startswith("v=0")
        again = await worker.client.open_peer("r1", "p1")
        assert again.peer_id != offer.peer_id
        await eventually(lambda: any(e["kind"] == "peer_closed" for e in listener.events))
        closed = next(e for e in listener.events if e["kind"] == "peer_closed")
        assert closed["peer_id"] == offer.peer_id
        assert closed["cause"] == "replaced"


async def test_refusals_are_typed(settings: Settings) -> None:
    async with supervised(settings) as (worker, _):
        with pytest.raises(WorkerRefused) as refused:
            await worker.client.answer("no-such-peer", 1, "v=0")
        assert refused.value.status == 404
