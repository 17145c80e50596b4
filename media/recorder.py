"""A subscriber that appends what a publication receives to a journal: one part.

On the event loop it only buffers; the file is made, encrypted and synced in the worker's journal threads. A disk that
fails is told to the recording, and never reaches the forwarding path.
"""

import asyncio
import errno
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from media.clock import MediaClock
from media.journal import JournalHeader, JournalSummary, JournalWriter, Kind
from media.negotiation import Publication
from media.packet import PacketError, is_vp8_keyframe_start
from media.stream import Stream

logger = logging.getLogger(__name__)

KEYFRAME_RETRY = 0.5
EARLY_LIMIT = 1 << 20
"""Bytes kept while a part's file is being made; more means that the disk does not answer."""
MAX_PART = 9999
STALLED_AFTER = 10.0
"""Seconds without an answer of the disk after which a recording is given up."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ClosedPart:
    """`summary` is None when the disk failed: the file's prefix is valid and wants recovery."""

    publication_id: str
    part: int
    path: Path
    summary: JournalSummary | None

    def as_json(self) -> dict[str, object]:
        known = self.summary
        return {
            "publication_id": self.publication_id,
            "part": self.part,
            "path": str(self.path),
            "bytes": known.bytes if known is not None else None,
            "blocks": known.blocks if known is not None else None,
            "head": known.head_hex if known is not None else None,
        }


class PartOwner(Protocol):
    """The recording, as a part sees it."""

    recording_id: str
    key: bytes
    directory: Path
    boot_id: str

    @property
    def clock(self) -> MediaClock: ...
    def in_thread(self, work: Callable[[], _T]) -> "asyncio.Future[_T]": ...
    def on_failed(self, error: OSError) -> None: ...


class PartRecorder:
    """One journal: one SSRC of one connection.

    At most one block is on its way to the disk; what comes meanwhile gathers in the writer, which notes an overflow
    when the disk does not keep up.
    """

    def __init__(self, owner: PartOwner, publication: Publication, stream: Stream) -> None:
        self._owner, self._stream = owner, stream
        self.publication_id = publication.publication_id
        self.participant_id = publication.participant_id
        self.number = 0
        self._writer: JournalWriter | None = None
        self._early: list[tuple[Kind, bytes, int, int]] = []
        self._early_bytes = self._early_dropped = 0
        self._keyframe_due: float | None = None
        self._busy: asyncio.Future[Any] | None = None
        self._busy_since = 0.0
        self._begin()

    def _begin(self) -> None:
        stream, now = self._stream, self._owner.clock.monotonic()
        self._header = self._describe(now)
        self._send(self._create, self._opened)
        stream.tap_report = self._write_report
        if stream.last_report:
            self._write_report(stream.last_report, stream.reported_at)
        if stream.source.is_video:
            stream.tap = self._await_keyframe
            # The first packet of all is a keyframe's already.
            self._keyframe_due = now if stream.packets else now + KEYFRAME_RETRY
        else:
            stream.tap = self._write

    def _describe(self, now: float) -> JournalHeader:
        stream, owner = self._stream, self._owner
        return JournalHeader(
            recording_id=owner.recording_id,
            publication_id=self.publication_id,
            participant_id=self.participant_id,
            source=stream.source.value,
            part=0,
            codec="vp8" if stream.source.is_video else "opus",
            payload_type=stream.payload_type,
            ssrc=stream.ssrc,
            clock_rate=stream.clock_rate,
            boot_id=owner.boot_id,
            started_wall_us=owner.clock.wall_us(),
            started_mono_us=int(now * 1e6),
        )

    # On the loop, called by the forwarder

    def _await_keyframe(self, data: bytes, now: float) -> None:
        try:
            found = is_vp8_keyframe_start(data)
        except PacketError:
            return
        if found:
            self._keyframe_due = None
            self._stream.tap = self._write
            self._write(data, now)

    def _write(self, data: bytes, now: float) -> None:
        self._append(Kind.RTP, data, int(now * 1e6), self._owner.clock.wall_us())

    def _write_report(self, data: bytes, now: float) -> None:
        clock = self._owner.clock
        age_us = int((clock.monotonic() - now) * 1e6)
        self._append(Kind.SENDER_REPORT, data, int(now * 1e6), clock.wall_us() - age_us)

    def _append(self, kind: Kind, data: bytes, mono_us: int, wall_us: int) -> None:
        if self._writer is not None:
            self._writer.append(kind, data, mono_us, wall_us)
        elif self._early_bytes < EARLY_LIMIT:
            self._early.append((kind, data, mono_us, wall_us))
            self._early_bytes += len(data)
        else:
            self._early_dropped += 1

    # On the loop

    def tick(self, now: float) -> None:
        """Ask for the first keyframe again; send a block that is due to the disk."""
        if self._keyframe_due is not None and now >= self._keyframe_due:
            self._keyframe_due = now + KEYFRAME_RETRY
            self._stream.feedback.request_keyframe(self._stream, now)
        writer = self._writer
        if writer is not None and self._busy is None and writer.due(int(now * 1e6)):
            block = writer.take()
            if block is not None:
                self._send(partial(writer.commit, block), self._committed)
        elif self._busy is not None and now - self._busy_since > STALLED_AFTER:
            self._owner.on_failed(OSError(errno.EIO, "the disk does not answer"))

    def _send(self, work: Callable[[], _T], done: "Callable[[asyncio.Future[_T]], None]") -> None:
        self._busy_since = self._owner.clock.monotonic()
        sent = self._owner.in_thread(work)
        self._busy = sent
        sent.add_done_callback(done)

    def _opened(self, opening: "asyncio.Future[JournalWriter]") -> None:
        self._busy = None
        if opening.cancelled():
            return
        error = opening.exception()
        if error is None:
            self._writer = opening.result()
            for record in self._early:
                self._writer.append(*record)
            if self._early_dropped:
                note = json.dumps({"event": "overflow", "dropped": self._early_dropped}).encode()
                self._writer.append(Kind.CONTROL, note, *self._early[-1][2:])
        self._early = []
        self._check(error)

    def _committed(self, committing: "asyncio.Future[None]") -> None:
        self._busy = None
        if not committing.cancelled():
            self._check(committing.exception())

    def _check(self, error: BaseException | None) -> None:
        if error is not None:
            known = isinstance(error, OSError)
            self._owner.on_failed(error if isinstance(error, OSError) else OSError(errno.EIO, repr(error)))
            if not known:
                logger.error("journal of %s broke", self.publication_id, exc_info=error)

    def detach(self) -> None:
        """Take nothing more; `close` must follow."""
        self._stream.tap = self._stream.tap_report = None
        self._keyframe_due = None

    async def close(self, reason: str) -> ClosedPart | None:
        """Write what is left and the end block. None when no file was made."""
        self.detach()
        if self._busy is not None:
            await asyncio.wait([self._busy], timeout=STALLED_AFTER)
            await asyncio.sleep(0)  # its callback comes first
        writer, summary = self._writer, None
        if writer is None:
            return None
        if self._busy is None:
            try:
                summary = await self._owner.in_thread(partial(writer.close, reason))
            except OSError as error:
                self._owner.on_failed(error)
        return ClosedPart(self.publication_id, self.number, writer.path, summary)

    # In a thread

    def _create(self) -> JournalWriter:
        """The next part's file. Parts of an earlier worker count too."""
        directory = self._owner.directory / self.publication_id
        directory.mkdir(parents=True, exist_ok=True)
        taken = [int(path.stem) for path in directory.glob("*.journal") if path.stem.isdigit()]
        for number in range(max(taken, default=0) + 1, MAX_PART + 1):
            header = replace(self._header, part=number)
            try:
                writer = JournalWriter.create(directory / f"{number:04d}.journal", header, self._owner.key)
            except FileExistsError:
                continue
            self.number = number
            return writer
        raise OSError(errno.EMLINK, f"{self.publication_id} has {MAX_PART} parts already")
