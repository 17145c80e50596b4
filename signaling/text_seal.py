"""Seals the text record of each closed consultation in a bag of its own, also where nothing was recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic_core import to_jsonable_python
from sqlalchemy import select

from recordings.archive import Archive
from recordings.collect import collect
from recordings.errors import NotYet, RecordingError
from recordings.models import Bag, BagKind
from scheduler import details
from scheduler.clock import Clock
from scheduler.db import Sessions
from scheduler.ids import ConsultationId
from scheduler.records import ConsultationRecord

log = logging.getLogger(__name__)

# The first failure is mostly the recording's own bag, which is a few seconds away.
FIRST_RETRY_S: Final = 5.0
RETRY_S: Final = 30.0
MAX_DUE: Final = 10_000


class TextSeal:
    """Owns its tasks: they end with `run`."""

    def __init__(
        self,
        clock: Clock,
        sessions: Sessions,
        archive: Archive,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` takes the seconds before the next try."""
        self._clock = clock
        self._sessions = sessions
        self._archive = archive
        self._sleep = sleep
        self._due: asyncio.Queue[str] = asyncio.Queue(MAX_DUE)
        self._tried: set[str] = set()

    def soon(self, consultation_id: str) -> None:
        if self._due.full():
            log.error("more than %d text records wait; %s waits for the next start", MAX_DUE, consultation_id)
        else:
            self._due.put_nowait(consultation_id)

    async def run(self) -> None:
        """First what a crash between 「办结」 and the seal left, then whatever is closed; ends only when cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._find_left())
            while True:
                consultation_id = await self._due.get()
                if await self._seal(ConsultationId(consultation_id)):
                    self._tried.discard(consultation_id)
                else:
                    tasks.create_task(self._retry(consultation_id))

    async def _find_left(self) -> None:
        while True:
            try:
                left = await self._left()
            except Exception:
                log.exception("cannot look for text records without a seal, will try again")
                await self._sleep(RETRY_S)
                continue
            for consultation_id in left:
                self.soon(consultation_id)
            return

    async def _left(self) -> list[ConsultationId]:
        bagged = select(Bag.consultation_id).where(Bag.kind == BagKind.TEXT)
        query = (
            select(ConsultationRecord.consultation_id)
            .where(ConsultationRecord.confirmed_at.is_not(None), ConsultationRecord.consultation_id.not_in(bagged))
            .order_by(ConsultationRecord.consultation_id)
            .limit(MAX_DUE)
        )
        async with self._sessions() as db:
            return list((await db.scalars(query)).all())

    async def _seal(self, consultation_id: ConsultationId) -> bool:
        try:
            async with self._sessions() as db:
                record = await details.record(db, consultation_id)
                dossier = await collect(db, consultation_id, ended_at=record.ended_at)
            await self._archive.seal_text(dossier, to_jsonable_python(record))
        except NotYet as reason:
            log.info("text record of %s waits: %s", consultation_id, reason)
            return False
        except Exception as error:
            expected = isinstance(error, RecordingError | OSError)
            log.error(
                "text record of %s could not be sealed, will try again: %s",
                consultation_id,
                error if expected else type(error).__name__,
                exc_info=not expected,
            )
            return False
        return True

    async def _retry(self, consultation_id: str) -> None:
        again = consultation_id in self._tried
        self._tried.add(consultation_id)
        await self._sleep(RETRY_S if again else FIRST_RETRY_S)
        self.soon(consultation_id)
