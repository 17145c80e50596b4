"""Fixtures of the recordings tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.archive import World, fresh_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with fresh_world(tmp_path) as made:
        yield made
