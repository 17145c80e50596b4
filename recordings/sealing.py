"""The steps from journals to a sealed bag in the store; each may be begun again after a crash."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from media.journal import JournalBusy, JournalError, recover
from recordings.assembly import Assembled, Subject, assemble
from recordings.dossier import Dossier, documents, dump_json
from recordings.errors import KeyUnavailable, NotYet, RecordingError, SealingFailed
from recordings.index import build_index
from recordings.models import (
    DONE,
    OPEN,
    UNSEALED,
    Bag,
    BagFile,
    BagKind,
    DataKey,
    Recording,
    RecordingPart,
    RecordingState,
    move,
    recording,
)
from recordings.parts import Remuxed
from recordings.remux_process import run_remux
from recordings.seal import SealKey
from recordings.store import Store
from recordings.vault import Vault
from recordings.verify import INDEX
from scheduler import audit
from scheduler.clock import Clock
from scheduler.db import Sessions
from scheduler.ids import ConsultationId, PersonId, new_id

_S = RecordingState


@dataclass(frozen=True)
class Sealed:
    """A recording at its end. `complete` is false when something that should have been recorded is missing."""

    recording_id: str
    state: RecordingState
    duration_s: float
    complete: bool


class Sealer:
    """Seals one recording at a time, so that live media never waits. Owns its transactions."""

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
        self._sessions = sessions
        self._reads = reads
        self._clock = clock
        self._vault = vault
        self._store = store
        self._seal_key = seal_key
        self._journals = journals
        self._staging = journals / ".staging"
        self._organisation = organisation
        self._sealing = asyncio.Lock()

    async def seal(self, recording_id: str) -> Sealed:
        """Seal it, unless it is; then remove its journals. Raises StorageFull, SealingFailed, KeyUnavailable,
        OSError.
        """
        async with self._sealing:
            async with self._reads() as db:
                found = await recording(db, recording_id)
            if found.state not in DONE:
                try:
                    found = await self._seal_now(found)
                except Exception as error:
                    await self._note_failure(recording_id, error)
                    raise
            if not found.error:
                await asyncio.to_thread(self._clean, recording_id)
        return Sealed(found.id, found.state, found.duration_s or 0.0, bool(found.complete))

    async def _seal_now(self, found: Recording) -> Recording:
        if found.dossier is None or found.ended_at is None:
            raise SealingFailed(f"recording {found.id} has no dossier: finish it")
        key = await self._key(found.id)
        journals = await asyncio.to_thread(_mend_journals, self._journals / found.id, key)
        async with self._sessions.begin() as db:
            await move(db, found.id, UNSEALED - OPEN, _S.REMUXING, error="")
        staging = self._staging / found.id
        await asyncio.to_thread(shutil.rmtree, staging, True)
        remuxed = await run_remux(found.id, key, journals, staging)
        dossier = Dossier.load(found.dossier)
        index = build_index(found.id, remuxed, _us(found.created_at), _us(found.ended_at))
        parts = [part.stored for part in remuxed.parts if part.stored]
        subject = self._subject(found, dossier, index, remuxed)
        files = {**documents(dossier), INDEX: dump_json(index)}
        now = self._clock.now()
        made = await asyncio.to_thread(assemble, subject, files, parts, key, self._seal_key, now)
        await self._put(found.id, made, staging)
        return await self._commit(found, subject, made, index, remuxed, now)

    def _subject(self, found: Recording, dossier: Dossier, index: Mapping[str, Any], remuxed: Remuxed) -> Subject:
        head = {
            "recording_id": found.id,
            "case_no": dossier.case_no,
            "complete": index["complete"],
            "duration_s": index["duration_s"],
            "consents": len(dossier.consents),
            "chat": len(dossier.chat),
            "gaps": len(index["gaps"]),
            "journals": [
                {"publication_id": part.publication_id, "part": part.part, "head": part.journal["head"]}
                for part in remuxed.parts
            ],
        }
        return Subject(found.id, BagKind.MEDIA, found.consultation_id, self._organisation, head)

    async def _put(self, bag_id: str, made: Assembled, staging: Path | None) -> None:
        for file in made.files:
            content = made.objects.get(file.path)
            if content is None and staging is not None:
                await self._store.put(f"{bag_id}/{file.path}", staging / file.path)
            elif content is not None:
                await self._store.put(f"{bag_id}/{file.path}", content)
        wanted = {f"{bag_id}/{file.path}" for file in made.files}
        await self._store.delete(one.path for one in await self._store.list(bag_id) if one.path not in wanted)
        await self._store.sync(bag_id)

    async def _commit(
        self,
        found: Recording,
        subject: Subject,
        made: Assembled,
        index: Mapping[str, Any],
        remuxed: Remuxed,
        now: datetime,
    ) -> Recording:
        state = _S.SEALED if index["complete"] else _S.INCOMPLETE
        async with self._sessions.begin() as db:
            done = await move(
                db,
                found.id,
                [_S.REMUXING],
                state,
                sealed_at=now,
                started_at=datetime.fromisoformat(index["started_at"]),
                duration_s=index["duration_s"],
                expected_s=index["expected_s"],
                complete=index["complete"],
                # A damaged journal is kept beside the bag: somebody may want to look at it.
                error="；".join(damages(remuxed))[:500],
                # It lies in the bag now, and only there.
                dossier=None,
            )
            await self._add_bag(db, subject, made, found.id, now)
            await self._add_parts(db, found.id, index)
            detail = {"state": state, "head_sha256": _sha256(made.head.decode()), "gaps": len(index["gaps"])}
            await note(db, self._clock.now(), done, "recording.sealed", detail)
        return done

    async def _add_bag(
        self, db: AsyncSession, subject: Subject, made: Assembled, recording_id: str | None, now: datetime
    ) -> None:
        db.add(
            Bag(
                id=subject.bag_id,
                kind=subject.kind,
                consultation_id=ConsultationId(subject.consultation_id),
                recording_id=recording_id,
                sealed_at=now,
                head=made.head.decode(),
                fingerprint=self._seal_key.fingerprint,
            )
        )
        await db.flush()
        await db.execute(insert(BagFile), [{"bag_id": subject.bag_id, **vars(file)} for file in made.files])

    async def _add_parts(self, db: AsyncSession, recording_id: str, index: Mapping[str, Any]) -> None:
        rows = [
            {
                "recording_id": recording_id,
                **{name: track[name] for name in ("publication_id", "participant_id", "source", "codec")},
                **{name: part[name] for name in ("part", "from_s", "to_s", "path")},
                "journal_head": part["journal"]["head"],
            }
            for track in index["tracks"]
            for part in track["parts"]
        ]
        if rows:
            await db.execute(insert(RecordingPart), rows)

    async def clean(self) -> None:
        """Remove what a crash between sealing and removing has left: journals of sealed recordings, staging files."""
        names = await asyncio.to_thread(_directories, self._journals)
        async with self._sealing, self._reads() as db:
            query = select(Recording.id).where(
                Recording.state.in_(DONE), Recording.error == "", Recording.id.in_(names)
            )
            done = (await db.scalars(query)).all()
        for recording_id in done:
            await asyncio.to_thread(self._clean, recording_id)

    async def seal_text(self, dossier: Dossier, record: Mapping[str, Any]) -> str:
        """The bag of a consultation's text record, also when nothing was recorded; returns its id. Once per
        consultation.

        It names the bag of the recording. Raises NotYet while that is to be sealed.
        """
        consultation_id = ConsultationId(dossier.consultation_id)
        of_consultation = Bag.consultation_id == consultation_id
        async with self._reads() as db:
            former = await db.scalar(select(Bag).where(of_consultation, Bag.kind == BagKind.TEXT))
            media = await db.scalar(select(Bag).where(of_consultation, Bag.kind == BagKind.MEDIA))
            state = await db.scalar(select(Recording.state).where(Recording.consultation_id == consultation_id))
        if former is not None:
            return former.id
        if state in UNSEALED:
            raise NotYet(f"the recording of {consultation_id} is {state}: its bag is sealed first")
        bag_id = new_id()
        key, wrapped = self._vault.new_key(bag_id)
        linked = {"bag_id": media.id, "head_sha256": _sha256(media.head)} if media else None
        files = {**documents(dossier), "data/record.json": dump_json(record)}
        head = {"case_no": dossier.case_no, "consents": len(dossier.consents), "linked": linked}
        subject = Subject(bag_id, BagKind.TEXT, consultation_id, self._organisation, head)
        now = self._clock.now()
        made = await asyncio.to_thread(assemble, subject, files, (), key, self._seal_key, now)
        await self._put(bag_id, made, None)
        async with self._sessions.begin() as db:
            db.add(DataKey(owner_id=bag_id, wrapped=wrapped, created_at=now))
            await self._add_bag(db, subject, made, media.recording_id if media else None, now)
            detail = {"bag_id": bag_id, "head_sha256": _sha256(made.head.decode())}
            await audit.append(
                db,
                at=now,
                action="record.sealed",
                subject_kind="consultation",
                subject_id=consultation_id,
                detail=detail,
            )
        return bag_id

    async def _note_failure(self, recording_id: str, error: Exception) -> None:
        async with self._sessions.begin() as db:
            found = await recording(db, recording_id)
            if found.state is _S.REMUXING:
                # The texts of other errors may quote what was bound to a statement.
                text = str(error) if isinstance(error, RecordingError | OSError) else type(error).__name__
                found = await move(db, recording_id, [_S.REMUXING], _S.FAILED, error=text[:500])
                await note(db, self._clock.now(), found, "recording.failed", {"error": type(error).__name__})

    async def _key(self, owner_id: str) -> bytes:
        async with self._reads() as db:
            return await unwrap_key(db, self._vault, owner_id)

    def _clean(self, recording_id: str) -> None:
        shutil.rmtree(self._staging / recording_id, ignore_errors=True)
        shutil.rmtree(self._journals / recording_id, ignore_errors=True)


async def unwrap_key(db: AsyncSession, vault: Vault, owner_id: str) -> bytes:
    """The data key of a recording or bag. Raises KeyUnavailable."""
    row = await db.get(DataKey, owner_id)
    if row is None:
        raise KeyUnavailable(f"there is no key for {owner_id}")
    return vault.unwrap(row.wrapped, owner_id)


async def note(
    db: AsyncSession,
    at: datetime,
    found: Recording,
    action: str,
    detail: Mapping[str, Any],
    person_id: PersonId | None = None,
    reason: str = "",
) -> None:
    """An audit entry about a recording, in the caller's transaction."""
    await audit.append(
        db,
        at=at,
        action=action,
        subject_kind="recording",
        subject_id=found.id,
        person_id=person_id,
        org_id=found.org_id,
        reason=reason,
        detail={"consultation_id": found.consultation_id, **detail},
    )


def _mend_journals(directory: Path, key: bytes) -> list[Path]:
    """Every journal of a recording, closed or recovered. What is damaged stays as it is: the remux lists it."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in paths:
        try:
            recover(path, key)
        except JournalBusy as error:
            raise SealingFailed(str(error)) from error
        except JournalError:
            continue
    return paths


def damages(remuxed: Remuxed) -> list[str]:
    """What is wrong with the journals, one text each."""
    return [one["text"] for one in remuxed.unreadable] + [
        part.journal["damage"] for part in remuxed.parts if part.journal["damage"]
    ]


def _directories(top: Path) -> list[str]:
    return [path.name for path in top.iterdir() if path.is_dir()] if top.is_dir() else []


def _us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
