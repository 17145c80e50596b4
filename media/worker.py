"""A media worker: one UDP port, one relay, one event stream, one control API."""

import asyncio
import gc
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from media.clock import MediaClock
from media.events import EventLog
from media.port import MediaPort
from media.recording import Recordings
from media.relay import Limits, Relay

BOOT_ID_BYTES = 8
RESERVE_BYTES = 256 << 20
"""Free space that a recording needs to start: 25 minutes of one consultation at full rate."""


class Worker:
    """Everything one process serves. `boot_id` tells a restarted worker from the former one."""

    def __init__(
        self,
        port: MediaPort,
        clock: MediaClock,
        limits: Limits,
        journals: Path | None = None,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.boot_id = secrets.token_hex(BOOT_ID_BYTES)
        self.clock, self.limits = clock, limits
        self.started_at = clock.monotonic()
        self.events = EventLog()
        self.relay = Relay(port, clock, self.events, limits)
        self.recordings = Recordings(self.relay, self.boot_id, journals, reserve_bytes)
        self.relay.tickers.append(self.recordings.tick)

    def touch(self) -> None:
        """The server was heard of."""
        self.recordings.contact_at = self.clock.monotonic()

    def silence(self) -> float:
        """Seconds since the server was last heard of."""
        return self.clock.monotonic() - self.recordings.contact_at

    async def close_room(self, room_id: str) -> None:
        """Close the room's journals, then its peers."""
        await self.recordings.close_room(room_id)
        self.relay.close_room(room_id)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Relay media until the block is left; then close every room."""
        ticking = asyncio.create_task(self.relay.run(), name="relay")
        try:
            yield
        finally:
            await self.recordings.close()
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await self.relay.close()


def tune_garbage_collection() -> None:
    """Full collections pause for 100–200 ms at some 280 peers: what is alive after start is left alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
