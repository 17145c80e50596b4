"""Keeps a loop of the live half alive through what goes wrong in one of its turns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from signaling.logs import about, new_incident

log = logging.getLogger(__name__)

PAUSE_S: Final = 1.0


@asynccontextmanager
async def surviving(what: str) -> AsyncIterator[None]:
    """A full disk, a database that is away or a bug costs this turn and a second, never every consultation."""
    try:
        yield
    except Exception:
        with about(incident=new_incident()):
            log.exception("%s failed; going on", what)
        await asyncio.sleep(PAUSE_S)
