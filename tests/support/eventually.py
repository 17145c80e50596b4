"""Waiting for a condition, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable

POLL = 0.01
DEADLINE = 15.0


async def eventually(condition: Callable[[], bool], deadline_s: float = DEADLINE) -> None:
    """Return as soon as `condition` holds; TimeoutError after `deadline_s`. For what is behind a socket or a disk."""

    async def holds() -> bool:
        return condition()

    await eventually_async(holds, deadline_s)


async def eventually_async(condition: Callable[[], Awaitable[bool]], deadline_s: float = DEADLINE) -> None:
    async with asyncio.timeout(deadline_s):
        while not await condition():  # noqa: ASYNC110 - what is waited for cannot set an event
            await asyncio.sleep(POLL)
