"""A recording from its first byte to its seal and after: begin, note what happens, finish, mend, read, check,
export.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings import seal
from recordings.bag_reader import BagReader, StoredSize
from recordings.collect import collect
from recordings.dossier import Dossier
from recordings.errors import RecordingError
from recordings.export import write_bag
from recordings.models import OPEN, UNSEALED, Bag, BagFile, DataKey, Recording, RecordingState, move, recording
from recordings.seal import SealKey
from recordings.sealing import Sealed, Sealer, note, unwrap_key
from recordings.store import Store
from recordings.vault import Vault
from recordings.verify import Line, Verdict, unreadable, verify_contents
from scheduler.clock import Clock
from scheduler.consultations import consultations_in_progress
from scheduler.db import Sessions
from scheduler.errors import Conflict, NotFound
from scheduler.ids import ConsultationId, OrgId, PersonId, new_id

logger = logging.getLogger(__name__)
_S = RecordingState


@dataclass(frozen=True)
class Begun:
    """What a media worker is told: the key is 32 bytes and lives in memory only; `directory` takes the journals."""

    recording_id: str
    key: bytes
    directory: Path


@dataclass(frozen=True)
class Recovered:
    """`failed`: the ids of recordings that are still to be sealed; `recover` tries them again."""

    sealed: list[Sealed]
    failed: list[str]


class Archive:
    """Owns its transactions. What takes processor or disk runs in threads and in a process of its own."""

    def __init__(
        self,
        sessions: Sessions,
        reads: Sessions,
        clock: Clock,
        vault: Vault,
        store: Store,
        seal_key: SealKey,
        journals: Path,
        organisation: str,
    ) -> None:
        """`reads`: sessions for looking only, which wait for no writer; `journals`: the directory under which workers
        write; `organisation`: the centre's name for bag-info.txt.
        """
        self._sessions = sessions
        self._reads = reads
        self._clock = clock
        self._vault = vault
        self._store = store
        self._seal_key = seal_key
        self._journals = journals.absolute()
        self._sealer = Sealer(sessions, reads, clock, vault, store, seal_key, self._journals, organisation)

    async def begin(self, consultation_id: ConsultationId, org_id: OrgId, person_id: PersonId | None = None) -> Begun:
        """The consultation's recording, made with its data key if there is none yet; nothing is recorded before this.

        Raises Conflict when it is being sealed or was sealed already.
        """
        async with self._sessions.begin() as db:
            found = await db.scalar(select(Recording).where(Recording.consultation_id == consultation_id))
            if found is None:
                found = await self._create(db, consultation_id, org_id, person_id)
            elif found.state not in OPEN:
                raise Conflict("这次会话的录像已经结束，不能再录。", found.state)
            key = await unwrap_key(db, self._vault, found.id)
        return Begun(found.id, key, self._journals / found.id)

    async def key_for(self, recording_id: str) -> bytes:
        """The data key, for a worker that goes on recording. Raises KeyUnavailable."""
        async with self._reads() as db:
            return await unwrap_key(db, self._vault, recording_id)

    async def note_state(self, recording_id: str, state: RecordingState, cause: str | None = None) -> None:
        """What the worker has confirmed: `recording`, `paused`, or `idle` (stopped, not yet finished). Audited.

        The cause `withdrawn` bars the recording from replay for good. Raises Conflict when it is no longer open.
        """
        async with self._sessions.begin() as db:
            found = await recording(db, recording_id)
            values: dict[str, Any] = {"cause": cause}
            if cause == "withdrawn":
                values["barred"] = True
            if found.state != state:
                sources = [source for source in OPEN - {state}]
                found = await move(db, recording_id, sources, state, **values)
            elif found.cause == cause:
                return
            else:
                found.cause, found.barred = cause, found.barred or cause == "withdrawn"
                await db.flush()
            await note(db, self._clock.now(), found, "recording.state", {"state": state, "cause": cause})

    async def finish(self, recording_id: str, dossier: Dossier) -> Sealed:
        """Seal a recording whose workers have stopped. Called again it goes on where it was, or returns what is sealed.

        Raises StorageFull, SealingFailed, KeyUnavailable: the journals stay, and the next call or `recover` tries
        again.
        """
        async with self._sessions.begin() as db:
            found = await recording(db, recording_id)
            if found.state in OPEN:
                found = await move(
                    db, recording_id, OPEN, _S.CLOSING, dossier=dossier.dump(), ended_at=dossier.ended_at
                )
                await note(db, self._clock.now(), found, "recording.state", {"state": _S.CLOSING, "cause": found.cause})
        return await self._sealer.seal(recording_id)

    async def recover(self) -> Recovered:
        """At the server's start: seal what a crash left, but for consultations that are still in progress.

        Whatever one recording raises is logged and keeps none of the others from being sealed.
        """
        await self._sealer.clean()
        recovered = Recovered([], [])
        for recording_id in await self._left():
            try:
                await self._close_left(recording_id)
                recovered.sealed.append(await self._sealer.seal(recording_id))
            except Exception as error:
                expected = isinstance(error, RecordingError | OSError)
                logger.error("recording %s is not sealed yet: %s", recording_id, error, exc_info=not expected)
                recovered.failed.append(recording_id)
        return recovered

    async def seal_text(self, dossier: Dossier, record: Mapping[str, Any]) -> str:
        """The bag of a consultation's text record, also when nothing was recorded; returns its id. Once per
        consultation. Raises NotYet while the recording's own bag is to be sealed.
        """
        return await self._sealer.seal_text(dossier, record)

    async def reader(self, bag_id: str) -> BagReader:
        """The stored bag of a recording (by the recording's id) or of a text record. Raises NotFound,
        KeyUnavailable.
        """
        async with self._reads() as db:
            columns = (BagFile.path, BagFile.bytes, BagFile.sealed_bytes)
            rows = (await db.execute(select(*columns).where(BagFile.bag_id == bag_id))).all()
            if not rows:
                raise NotFound("这份录像还没有封存。")
            key = await unwrap_key(db, self._vault, bag_id)
        return BagReader(self._store, bag_id, key, {path: StoredSize(*sizes) for path, *sizes in rows})

    async def check(self, bag_id: str) -> Verdict:
        """Read back everything in the store and compare it with the seal, and the seal with the table."""
        async with self._reads() as db:
            found = await db.get(Bag, bag_id)
        if found is None:
            raise NotFound("这份录像还没有封存。")
        try:
            contents = await (await self.reader(bag_id)).contents()
        except RecordingError as error:
            return unreadable(str(error))
        verdict = await asyncio.to_thread(verify_contents, contents, self._seal_key.fingerprint)
        if contents.texts.get(seal.HEAD) != found.head.encode():
            verdict.verdict = "altered"
            verdict.findings.append("封存头与登记的不同")
            verdict.lines[1] = Line(False, "封存签名", "封存头与登记的不同")
        return verdict

    async def export(
        self, recording_id: str, directory: Path, person_id: PersonId | None = None, reason: str = ""
    ) -> Path:
        """A plain bag in `directory`, which must be new or empty. Audited. Raises NotFound, Damaged, ExportRefused."""
        reader = await self.reader(recording_id)
        async with self._sessions.begin() as db:
            found = await recording(db, recording_id)
            await note(db, self._clock.now(), found, "recording.export", {}, person_id, reason)
        await write_bag(reader, directory)
        return directory

    async def _create(
        self, db: AsyncSession, consultation_id: ConsultationId, org_id: OrgId, person_id: PersonId | None
    ) -> Recording:
        now = self._clock.now()
        recording_id = new_id()
        _, wrapped = self._vault.new_key(recording_id)
        found = Recording(
            id=recording_id, consultation_id=consultation_id, org_id=org_id, state=_S.IDLE, created_at=now
        )
        db.add_all([found, DataKey(owner_id=recording_id, wrapped=wrapped, created_at=now)])
        await db.flush()
        await note(db, now, found, "recording.begin", {}, person_id)
        return found

    async def _left(self) -> list[str]:
        """What is to be sealed now, oldest first."""
        async with self._reads() as db:
            live = set(await consultations_in_progress(db))
            query = select(Recording).where(Recording.state.in_(UNSEALED)).order_by(Recording.id)
            return [found.id for found in await db.scalars(query) if found.consultation_id not in live]

    async def _close_left(self, recording_id: str) -> None:
        """A recording that nobody finished gets its dossier from the system of record."""
        now = self._clock.now()
        async with self._sessions.begin() as db:
            found = await recording(db, recording_id)
            if found.state in OPEN:
                dossier = await collect(db, found.consultation_id, now, found.id)
                await move(db, found.id, OPEN, _S.CLOSING, dossier=dossier.dump(), ended_at=now)
                await note(db, self._clock.now(), found, "recording.state", {"state": _S.CLOSING, "cause": "crash"})
