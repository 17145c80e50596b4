"""An archive on a fresh database with one station, one lawyer, one auditor, and consultations to record."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from recordings.archive import Archive
from recordings.dossier import Dossier, Event, Participant
from recordings.models import Recording
from recordings.seal import SealKey, make_seal_key
from recordings.store import Store
from recordings.vault import Vault, make_master_key
from scheduler.access import Viewer
from scheduler.audit import AuditEntry, verify_chain
from scheduler.cases import CaseRecord, VisitRegistration
from scheduler.consents import Answer, Consent, Method, Purpose, Subject
from scheduler.consultations import Consultation, ConsultationState, ParticipantRole
from scheduler.consultations import Participant as ParticipantTable
from scheduler.ids import CaseId, ConsentId, ConsultationId, LogInId, OrgId, ParticipantId, PersonId, VisitId, new_id
from scheduler.organisations import OrgKind, add_organisation
from scheduler.people import Language, Person, Role
from scheduler.records import ConsultationRecord
from scheduler.terms import MatterCategory, Outcome
from tests.support.clock import ManualClock
from tests.support.database import Database, fresh_database
from tests.support.rtp import START_US, Source, write_journal

STARTED_AT = datetime.fromtimestamp(START_US / 1e6, UTC)
EBML = bytes.fromhex("1a45dfa3")


@dataclass
class World:
    """Everything a test of recordings needs; `directory` is the whole data directory."""

    directory: Path
    database: Database
    clock: ManualClock
    store: Store
    archive: Archive
    org_id: OrgId
    org_path: str
    clerk_id: PersonId
    lawyer_id: PersonId
    auditor: Viewer

    @property
    def journals(self) -> Path:
        return self.directory / "journals"

    def reopen(self) -> Archive:
        """The archive of a server that has just been started again on the same data."""
        return make_archive(self.directory, self.database, self.clock, self.store)

    async def consultation(
        self,
        state: ConsultationState = ConsultationState.WRAP_UP,
        visitor: str = "张三丰",
        facts: str = "邻居占用通道",
        answer: Answer = Answer.GIVEN,
        category: MatterCategory = MatterCategory.NEIGHBOUR,
    ) -> ConsultationId:
        """A consultation as the scheduler leaves it, with case, visit, participants, record and the visitor's
        consent.
        """
        now = self.clock.now()
        case_id, visit_id, consultation_id = CaseId(new_id()), VisitId(new_id()), ConsultationId(new_id())
        async with self.database.sessions.begin() as db:
            db.add(
                CaseRecord(
                    id=case_id,
                    case_no=f"金法援〔2026〕{case_id[-6:]}号",
                    org_id=self.org_id,
                    category=category,
                    created_at=now,
                )
            )
            await db.flush()
            db.add(VisitRegistration(
                id=visit_id, no=visit_id[-8:], org_id=self.org_id, case_id=case_id, name=visitor, facts=facts,
                arrived_at=now, saved_at=now, created_by=self.clerk_id, created_at=now, groups=[],
            ))  # fmt: skip
            await db.flush()
            db.add(Consultation(
                id=consultation_id, visit_id=visit_id, case_id=case_id, org_id=self.org_id, clerk_id=self.clerk_id,
                lawyer_id=self.lawyer_id, state=state, category=category, ticket="A001", created_at=now,
                accepted_at=now, started_at=now, ended_at=now + timedelta(minutes=10),
            ))  # fmt: skip
            await db.flush()
            for role, person in ((ParticipantRole.CLERK, self.clerk_id), (ParticipantRole.LAWYER, self.lawyer_id)):
                db.add(ParticipantTable(
                    id=ParticipantId(new_id()), consultation_id=consultation_id, person_id=person, role=role,
                    name="王窗口" if role is ParticipantRole.CLERK else "李律师", created_at=now,
                ))  # fmt: skip
            db.add(Consent(
                id=ConsentId(new_id()), consultation_id=consultation_id, subject=Subject.VISITOR,
                purpose=Purpose.RECORDING, answer=answer, method=Method.SPOKEN, text_version="1", text_sha256="0" * 64,
                created_at=now,
            ))  # fmt: skip
            db.add(ConsultationRecord(
                consultation_id=consultation_id, visit_id=visit_id, org_id=self.org_id, lawyer_id=self.lawyer_id,
                category=category, facts=facts, advice="先找社区调解", outcome=Outcome.ANSWERED,
                created_by=self.lawyer_id, created_at=now,
            ))  # fmt: skip
        return consultation_id

    async def record(self, consultation_id: ConsultationId, *sources: Source, close: str | None = "ended") -> str:
        """Begin a recording and write the journals of `sources` as a worker would; returns its id."""
        begun = await self.archive.begin(consultation_id, self.org_id)
        for source in sources:
            path = begun.directory / source.publication_id / f"{source.part:04d}.journal"
            await asyncio.to_thread(write_journal, path, source, begun.key, close, begun.recording_id)
        return begun.recording_id

    async def recording(self, recording_id: str) -> Recording:
        async with self.database.reads() as db:
            return await db.get_one(Recording, recording_id)

    async def audited(self) -> list[tuple[str, str | None]]:
        """(action, state) of every audit entry, in order; the chain is checked on the way."""
        async with self.database.reads() as db:
            rows = (await db.scalars(select(AuditEntry).order_by(AuditEntry.seq))).all()
            assert (await verify_chain(db)).ok
        return [(row.action, row.detail.get("state")) for row in rows]

    def plain_bytes_on_disk(self) -> list[Path]:
        """Files under the data directory that hold anything of a WebM file or of generated media."""
        return [path for path in files_under(self.directory) if holds_media(path.read_bytes())]


def holds_media(content: bytes) -> bool:
    return EBML in content or b"A_OPUS" in content or b"V_VP8" in content or b"OpusHead" in content


def files_under(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield path


def dossier(consultation_id: ConsultationId, minutes: float = 1.0) -> Dossier:
    """What the live consultation hands over at its end."""
    return Dossier(
        consultation_id=consultation_id,
        case_no="金法援〔2026〕1号",
        started_at=STARTED_AT,
        ended_at=STARTED_AT + timedelta(minutes=minutes),
        events=(
            Event(STARTED_AT, "joined", "王窗口进入会话"),
            Event(STARTED_AT + timedelta(seconds=1), "joined", "李律师进入会话"),
            Event(STARTED_AT + timedelta(seconds=2), "ended", "会话结束"),
        ),
        chat=({"id": "m1", "from": "clerk", "name": "王窗口", "text": "材料已放好", "at": "2023-11-14T22:13:21Z"},),
        points=({"id": "p1", "text": "保留证据", "at": "2023-11-14T22:13:22Z"},),
        consents=({"answer": "given", "text_version": "1", "given_at": "2023-11-14T22:13:00Z"},),
        participants=(Participant("clerk", "王窗口", "clerk"), Participant("lawyer", "李律师", "lawyer")),
        provenance={"software": "LawLink"},
    )


def make_archive(directory: Path, database: Database, clock: ManualClock, store: Store) -> Archive:
    vault = Vault.from_files([directory / "master.key"])
    key = SealKey.from_file(directory / "seal.pem")
    return Archive(
        database.sessions, database.reads, clock, vault, store, key, directory / "journals", "金水区公共法律服务中心"
    )


@asynccontextmanager
async def fresh_world(directory: Path) -> AsyncIterator[World]:
    clock = ManualClock(STARTED_AT)
    async with fresh_database(directory) as database:
        await asyncio.to_thread(make_master_key, directory / "master.key")
        await asyncio.to_thread(make_seal_key, directory / "seal.pem")
        store = Store(directory / "store")
        async with database.sessions.begin() as db:
            district = await add_organisation(
                db, name="金水区公共法律服务中心", kind=OrgKind.DISTRICT, parent_id=None, now=clock.now()
            )
            street = await add_organisation(
                db, name="花园路街道", kind=OrgKind.STREET, parent_id=district.id, now=clock.now()
            )
            people = [PersonId(new_id()) for _ in range(3)]
            for person_id, account, name, org in zip(
                people,
                ("station01", "lawyer01", "auditor01"),
                ("王窗口", "李律师", "赵审计"),
                (street.id, district.id, district.id),
                strict=True,
            ):
                db.add(Person(id=person_id, org_id=org, account=account, name=name, created_at=clock.now()))
        auditor = Viewer(
            people[2], "auditor01", "赵审计", frozenset({Role.AUDITOR}), district.id, district.name, OrgKind.DISTRICT,
            "", district.path, False, Language.ZH_CN, LogInId("l"),
        )  # fmt: skip
        archive = make_archive(directory, database, clock, store)
        yield World(directory, database, clock, store, archive, street.id, street.path, people[0], people[1], auditor)
