"""What every test obeys: it leaves no asyncio task behind (unclosed sockets and files fail as ResourceWarnings)."""

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.usefixtures("no_leaked_tasks"))


@pytest.fixture
async def no_leaked_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    # Connections being torn down get the loop turns that their close already scheduled, nothing more.
    for _ in range(10):
        await asyncio.sleep(0)
    leaked = {task for task in asyncio.all_tasks() - before if not task.done()} - {asyncio.current_task()}
    assert not leaked, f"tasks left running: {leaked}"
