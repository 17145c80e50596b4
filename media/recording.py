"""Recordings: what of a room is written down, from when to when; started, paused and stopped by the server alone."""

import asyncio
import errno
import logging
import shutil
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from media.clock import MediaClock
from media.negotiation import Publication
from media.recorder import ClosedPart, PartRecorder
from media.relay import LimitReached, Relay
from media.room import Room

logger = logging.getLogger(__name__)

JOURNAL_THREADS = 4
SERVER_LOST_AFTER = 10.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_T = TypeVar("_T")


class RecordingState(StrEnum):
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"


class DiskFull(Exception):
    """There is not enough room for a recording."""


class RecordingConflict(Exception):
    """The room is being recorded under another id, or not at all."""


class DirectoryRefused(Exception):
    """The directory does not lie under --journals."""


class Recording:
    """One recording of one room. While `recording`, every stream of every publication has an open part."""

    def __init__(self, recordings: "Recordings", room: Room, recording_id: str, key: bytes, directory: Path) -> None:
        self._recordings, self._room = recordings, room
        self.recording_id, self.key, self.directory = recording_id, key, directory
        self.boot_id, self.clock = recordings.boot_id, recordings.clock
        self.state, self.cause = RecordingState.STOPPED, ""
        self.at_us = 0
        self._parts: dict[Publication, PartRecorder] = {}
        self._opened = 0
        self._closing: set[asyncio.Task[None]] = set()
        self.closed: list[ClosedPart] = []

    def in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return self._recordings.in_thread(work)

    def start(self) -> None:
        """Start, or resume with new parts."""
        self._enter(RecordingState.RECORDING, "")
        self._room.on_publication = self._publication_changed
        for publication in self._room.publications():
            self._open(publication)
        self._tell()

    async def halt(self, state: RecordingState, cause: str) -> None:
        """Pause or stop: nothing more is taken from now on, and everything is on disk when this returns."""
        if self.state is not state and self.state is not RecordingState.STOPPED:
            self._leave(state, cause)
        while self._closing:
            await asyncio.wait(self._closing)
        self._forget_key()

    def tick(self, now: float) -> None:
        for part in list(self._parts.values()):
            part.tick(now)

    def on_failed(self, error: OSError) -> None:
        if self.state is RecordingState.STOPPED:
            return
        logger.error("recording %s stops: %s", self.recording_id, error)
        self._leave(RecordingState.STOPPED, "disk_full" if error.errno in _NO_ROOM else "failed")

    def as_json(self) -> dict[str, object]:
        return {
            "recording_id": self.recording_id,
            "state": self.state.value,
            "cause": self.cause or None,
            "parts": self._opened,
        }

    def _leave(self, state: RecordingState, cause: str) -> None:
        self._room.on_publication = None
        self._enter(state, cause)
        for publication in list(self._parts):
            self._close(publication, cause or state.value)
        self._tell()

    def _enter(self, state: RecordingState, cause: str) -> None:
        self.state, self.cause, self.at_us = state, cause, self.clock.wall_us()

    def _tell(self) -> None:
        self._recordings.relay.emit(
            "recording",
            self._room.room_id,
            {
                "recording_id": self.recording_id,
                "state": self.state.value,
                "cause": self.cause or None,
                "part": self._opened,
            },
        )

    def _publication_changed(self, publication: Publication) -> None:
        self._close(publication, "disconnect")
        self._open(publication)

    def _open(self, publication: Publication) -> None:
        if publication.stream is not None:
            self._opened += 1
            self._parts[publication] = PartRecorder(self, publication, publication.stream)

    def _close(self, publication: Publication, reason: str) -> None:
        part = self._parts.pop(publication, None)
        if part is not None:
            part.detach()
            task = asyncio.create_task(self._finish(part, reason), name=f"close {part.publication_id}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _finish(self, part: PartRecorder, reason: str) -> None:
        closed = await part.close(reason)
        if closed is not None:
            self.closed.append(closed)
        if self._closing <= {asyncio.current_task()}:
            self._forget_key()

    def _forget_key(self) -> None:
        if self.state is RecordingState.STOPPED:
            self.key = b""


class Recordings:
    """All recordings of a worker, one per room at most, and the threads that write them."""

    def __init__(self, relay: Relay, boot_id: str, root: Path | None, reserve_bytes: int) -> None:
        self.relay, self.boot_id = relay, boot_id
        self.clock: MediaClock = relay.clock
        self._root, self._reserve = root, reserve_bytes
        self._by_room: dict[str, Recording] = {}
        self._threads = ThreadPoolExecutor(JOURNAL_THREADS, "journal")
        self._watching: set[asyncio.Task[None]] = set()
        self.contact_at = self.clock.monotonic()

    def in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    def of_room(self, room_id: str) -> Recording | None:
        return self._by_room.get(room_id)

    @property
    def active(self) -> int:
        return sum(1 for recording in self._by_room.values() if recording.state is not RecordingState.STOPPED)

    async def start(self, room: Room, recording_id: str, key: bytes, directory: str) -> Recording:
        """Raises RecordingConflict, DirectoryRefused, DiskFull, LimitReached. Starting what runs changes nothing."""
        former = self._by_room.get(room.room_id)
        if former is not None and former.state is not RecordingState.STOPPED and former.recording_id != recording_id:
            raise RecordingConflict(f"room {room.room_id} is being recorded as {former.recording_id}; stop that first")
        if former is not None and former.state is RecordingState.RECORDING:
            return former
        if (former is None or former.state is RecordingState.STOPPED) and self.active >= self.relay.limits.recordings:
            raise LimitReached("recordings", self.relay.limits.recordings)
        place = await self.in_thread(lambda: self._prepare(directory))
        if self._by_room.get(room.room_id) is not former or self.relay.rooms.get(room.room_id) is not room:
            raise RecordingConflict(f"room {room.room_id} has changed meanwhile; read it again")
        recording = former
        if recording is None or recording.recording_id != recording_id:
            recording = self._by_room[room.room_id] = Recording(self, room, recording_id, key, place)
        elif recording.state is RecordingState.RECORDING:
            return recording
        recording.key, recording.directory = key, place
        recording.start()
        return recording

    async def pause(self, room_id: str, cause: str) -> Recording:
        recording = self._known(room_id)
        if recording.state is RecordingState.STOPPED:
            raise RecordingConflict(f"recording {recording.recording_id} is stopped")
        await recording.halt(RecordingState.PAUSED, cause)
        return recording

    async def stop(self, room_id: str, cause: str) -> Recording:
        recording = self._known(room_id)
        await recording.halt(RecordingState.STOPPED, cause)
        return recording

    async def close_room(self, room_id: str) -> None:
        if room_id in self._by_room:
            await self.stop(room_id, "room_closed")
            self._by_room.pop(room_id, None)

    def tick(self, now: float) -> None:
        """Blocks that are due, and the server's silence: it alone may decide that recording goes on."""
        lost = now - self.contact_at > SERVER_LOST_AFTER
        for recording in list(self._by_room.values()):
            recording.tick(now)
            if lost and recording.state is RecordingState.RECORDING:
                self._watch(recording.halt(RecordingState.STOPPED, "server_lost"))

    async def close(self) -> None:
        for room_id in list(self._by_room):
            await self.close_room(room_id)
        if self._watching:
            await asyncio.wait(self._watching)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="stop recording")
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    def _known(self, room_id: str) -> Recording:
        recording = self._by_room.get(room_id)
        if recording is None:
            raise RecordingConflict(f"room {room_id} is not being recorded")
        return recording

    def _prepare(self, directory: str) -> Path:
        """In a thread: the directory, made, with room to spare."""
        if self._root is None:
            raise DirectoryRefused("this worker does not record: it was started without --journals")
        root = self._root.resolve()
        place = (root / directory).resolve()
        if not place.is_relative_to(root) or place == root:
            raise DirectoryRefused(f"directory {directory!r} must lie under the worker's --journals")
        try:
            place.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(place).free
        except OSError as error:
            raise DiskFull(f"{place} cannot be made: {error}") from error
        if free < self._reserve:
            raise DiskFull(f"{free >> 20} MiB are free for recordings, {self._reserve >> 20} are needed; make room")
        return place
