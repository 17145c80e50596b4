import asyncio
import shutil
from collections.abc import Iterator

import pytest

from tests.browser import stage


@pytest.fixture(scope="session", autouse=True)
def filled_demo() -> Iterator[None]:
    asyncio.run(stage.fill_template())
    yield
    shutil.rmtree(stage.TEMPLATE.parent, ignore_errors=True)
