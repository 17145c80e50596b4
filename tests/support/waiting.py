"""Waiting on a condition with a deadline; never on a fixed time."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")


async def eventually(condition: Callable[[], T | Awaitable[T]], within_s: float = 10.0, what: str = "") -> T:
    """Polls until `condition` is true and returns its value; AssertionError after `within_s` seconds."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        found = condition()
        value: T = await found if isawaitable(found) else found
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        await asyncio.sleep(0.02)
