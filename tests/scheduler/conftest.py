from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.database import Database, fresh_database
from tests.support.district import District, make_district


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with fresh_database(tmp_path) as made:
        yield made


@pytest.fixture
async def district(database: Database, clock: ManualClock) -> District:
    return await make_district(database, clock)
