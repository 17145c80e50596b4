"""Decides when a consultation's recording starts, goes on, stops and is sealed; nobody else does.

The worker obeys and confirms, and only confirmations are shown. No consent in force, no key: the archive is asked for
one (`Archive.begin`) only when `LiveConsultation.recording_due` says so.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from recordings import models
from recordings.archive import Archive
from recordings.collect import collect
from recordings.errors import RecordingError
from recordings.models import RecordingState
from scheduler import consents
from scheduler.access import Viewer
from scheduler.clock import Clock
from scheduler.consents import Barrier
from scheduler.db import Sessions
from scheduler.errors import Refused
from scheduler.ids import ConsultationId, OrgId
from signaling.consultation import RESUMABLE, LiveConsultation, Recording
from signaling.media_client import MediaClient, WorkerRefused, WorkerUnavailable
from signaling.settings import Settings
from signaling.survival import surviving

log = logging.getLogger(__name__)

MIB: Final = 1 << 20
STOP_TRIES: Final = 3
MAX_DUE: Final = 10_000
RETRY_S: Final = 30.0
_STATES: Final = {"recording": Recording.RECORDING, "paused": Recording.PAUSED, "stopped": Recording.STOPPED}
_ARCHIVED: Final = {
    Recording.RECORDING: RecordingState.RECORDING,
    Recording.PAUSED: RecordingState.PAUSED,
    Recording.STOPPED: RecordingState.IDLE,
}
_WANTED: Final = frozenset({"ended", "withdrawn"})


@dataclass(slots=True)
class OwedStop:
    """A stop that the worker has not confirmed."""

    live: LiveConsultation
    cause: str
    tries: int = 0


class RecordingControl:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        sessions: Sessions,
        archive: Archive,
        media: MediaClient,
        kill_worker: Callable[[], None],
    ) -> None:
        """`kill_worker`: ends a worker that does not obey; its supervisor starts another."""
        self._settings = settings
        self._clock = clock
        self._sessions = sessions
        self._archive = archive
        self._media = media
        self._kill_worker = kill_worker
        self._due: asyncio.Queue[tuple[str, str]] = asyncio.Queue(MAX_DUE)
        self._owed: dict[str, OwedStop] = {}

    # ── while it is live; the caller holds live.lock ────────────────────────────────────────────────────────────

    async def settle(self, live: LiveConsultation) -> None:
        """Starts or resumes when due. A failure is a state that everybody sees, never an exception in the room."""
        if not live.recording_due():
            return
        if await asyncio.to_thread(self._disk_is_short):
            await self._show(live, Recording.STOPPED, "disk_full")
            return
        live.set_recording(Recording.STARTING, None, self._clock.now())
        try:
            begun = await self._archive.begin(ConsultationId(live.consultation_id), OrgId(live.street["id"]))
            live.recording_id = begun.recording_id
            await self._media.start_recording(live.room_id, begun.recording_id, begun.key, str(begun.directory))
        except WorkerUnavailable:
            await self._show(live, Recording.PAUSED, "worker_lost")
        except (WorkerRefused, RecordingError, Refused, OSError) as exc:
            log.error("recording of %s did not start: %s", live.consultation_id, exc)
            full = isinstance(exc, WorkerRefused) and exc.code == "disk_full"
            await self._show(live, Recording.STOPPED, "disk_full" if full else "failed")
        else:
            await self._show(live, Recording.RECORDING, None)

    async def confirmed(self, live: LiveConsultation, happened: dict[str, Any]) -> None:
        """The worker's word on the recording."""
        if happened["recording_id"] != live.recording_id or live.recording is Recording.STOPPED:
            return
        if live.room_id in self._owed and happened["state"] != "stopped":
            return
        state, cause = _STATES[happened["state"]], happened.get("cause")
        if state is Recording.STOPPED and cause in RESUMABLE:
            state = Recording.PAUSED
        await self._show(live, state, None if state is Recording.RECORDING else cause)

    async def lost(self, live: LiveConsultation, cause: str) -> None:
        owed = self._owed.pop(live.room_id, None)
        if owed is not None:
            await self._show(live, Recording.STOPPED, owed.cause)
        elif live.recording in (Recording.RECORDING, Recording.STARTING):
            await self._show(live, Recording.PAUSED, cause)

    async def adopted(self, live: LiveConsultation, room_recording: dict[str, Any] | None) -> None:
        """After a restart of the server or a gap in the events: the recording goes on from where the worker stands."""
        if live.recording_id is None or live.recording is Recording.STOPPED:
            return
        if live.barrier is Barrier.TELEPHONE:
            await self.finish(live)
        elif live.barrier is not None:
            await self._stop(live, live.barrier.value)
        elif room_recording is not None and room_recording["state"] == "recording":
            await self._show(live, Recording.RECORDING, None)
        else:
            await self._show(live, Recording.PAUSED, "server_lost")

    async def withdraw(self, live: LiveConsultation, viewer: Viewer) -> None:
        """「停止录制」: final. The row first, so that nothing can start again; then the worker."""
        async with self._sessions.begin() as db:
            consultation_id, now = ConsultationId(live.consultation_id), self._clock.now()
            consent = await consents.withdraw(db, consultation_id, viewer, now)
            await models.bar(db, consultation_id, now, viewer.person_id)
        live.barrier = consent.barrier
        if live.recording_id is None:
            live.settle_barrier(consent.barrier, now)
        elif live.recording is not Recording.STOPPED:
            await self._stop(live, "withdrawn")

    async def finish(self, live: LiveConsultation, cause: str = "ended") -> None:
        """The talk is over: closes the journals and queues the sealing."""
        if live.recording_id is None:
            return
        if live.recording is not Recording.STOPPED:
            await self._stop(live, cause)
        self._seal_soon(live.recording_id, live.consultation_id)

    async def _stop(self, live: LiveConsultation, cause: str) -> None:
        """Shown as stopped when the worker says so; until then the stop is owed, and asked for again."""
        if await self._worker_stopped(live, cause):
            await self._show(live, Recording.STOPPED, cause)
        else:
            self._owed[live.room_id] = OwedStop(live, cause)

    async def _worker_stopped(self, live: LiveConsultation, cause: str) -> bool:
        try:
            await self._media.stop_recording(live.room_id, cause)
        except WorkerRefused as refused:
            # It knows no such room or recording: nothing is being recorded.
            log.info("nothing to stop for %s: %s", live.recording_id, refused)
        except WorkerUnavailable as gone:
            log.warning("recording %s was not stopped yet: %s", live.recording_id, gone)
            return False
        return True

    async def pay_owed(self) -> list[LiveConsultation]:
        """Asks again for every stop that was not confirmed; a worker that does not answer is killed.

        Returns the rooms whose recording has stopped by it.
        """
        stopped = []
        for room_id, owed in list(self._owed.items()):
            async with owed.live.lock:
                if self._owed.get(room_id) is not owed:
                    continue
                if await self._worker_stopped(owed.live, owed.cause):
                    del self._owed[room_id]
                    await self._show(owed.live, Recording.STOPPED, owed.cause)
                    stopped.append(owed.live)
                    continue
            owed.tries += 1
            if owed.tries >= STOP_TRIES:
                log.error("the media worker does not stop recording %s: killing it", owed.live.recording_id)
                self._kill_worker()
        return stopped

    async def _show(self, live: LiveConsultation, state: Recording, cause: str | None) -> None:
        if (live.recording, live.recording_cause) == (state, cause):
            return
        live.set_recording(state, cause, self._clock.now())
        if state is not Recording.RECORDING and cause not in _WANTED:
            log.error("recording of consultation %s: %s, %s", live.consultation_id, state, cause)
        if live.recording_id is not None:
            try:
                await self._archive.note_state(live.recording_id, _ARCHIVED[state], cause)
            except (Refused, SQLAlchemyError) as exc:
                # What the room sees must not wait for the database.
                log.error("recording %s: %s was not noted: %s", live.recording_id, state, exc)

    async def open_recording(self, consultation_id: ConsultationId) -> str | None:
        """The recording that a former server or connection began for this consultation and nobody has ended."""
        query = select(models.Recording.id).where(
            models.Recording.consultation_id == consultation_id, models.Recording.state.in_(models.OPEN)
        )
        async with self._sessions() as db:
            return await db.scalar(query)

    def _disk_is_short(self) -> bool:
        return shutil.disk_usage(self._settings.data).free < self._settings.disk_reserve_mb * MIB

    # ── after it ────────────────────────────────────────────────────────────────────────────────────────────────

    def _seal_soon(self, recording_id: str, consultation_id: str) -> None:
        # The table remembers it as well: what does not fit here is found at the next start.
        if self._due.full():
            log.error("more than %d recordings wait to be sealed; %s waits for the next start", MAX_DUE, recording_id)
        else:
            self._due.put_nowait((recording_id, consultation_id))

    async def run(self) -> None:
        """First what a crash left, then one recording after another; live media comes first, so never two at once."""
        left: list[tuple[str, str]] = []
        async with surviving("sealing what a crash left"):
            left = await self._consultations((await self._archive.recover()).failed)
        async with asyncio.TaskGroup() as retries:
            for recording in left:
                retries.create_task(self._retry(*recording))
            while True:
                due = await self._due.get()
                if not await self._seal(*due):
                    retries.create_task(self._retry(*due))

    async def _consultations(self, recording_ids: Sequence[str]) -> list[tuple[str, str]]:
        query = select(models.Recording.id, models.Recording.consultation_id).where(
            models.Recording.id.in_(recording_ids)
        )
        async with self._sessions() as db:
            return [(row[0], row[1]) for row in (await db.execute(query)).all()]

    async def _seal(self, recording_id: str, consultation_id: str) -> bool:
        try:
            async with self._sessions() as db:
                ended_at = self._clock.now()
                dossier = await collect(
                    db, ConsultationId(consultation_id), ended_at=ended_at, recording_id=recording_id
                )
            sealed = await self._archive.finish(recording_id, dossier)
        except Exception as exc:
            log.error("recording %s could not be sealed, will try again: %s", recording_id, exc, exc_info=True)
            return False
        log.info("recording %s: %s, %.1f s", recording_id, sealed.state, sealed.duration_s)
        return True

    async def _retry(self, recording_id: str, consultation_id: str) -> None:
        await asyncio.sleep(RETRY_S)
        self._seal_soon(recording_id, consultation_id)
