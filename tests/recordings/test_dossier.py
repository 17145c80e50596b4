"""Dossiers: kept as JSON without loss, collected from the system of record; and the tables they and their bags need."""

from datetime import timedelta

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from recordings.collect import collect
from recordings.dossier import Dossier, Event, documents, parse_stamp, stamp
from recordings.models import (
    Bag,
    BagFile,
    DataKey,
    Recording,
    RecordingPart,
    RecordingState,
    Replay,
    ReplayNote,
    ReplaySpan,
)
from scheduler import records, tables
from scheduler.consultations import ConsultationState
from scheduler.ids import ConsultationId
from tests.support.archive import STARTED_AT, World, dossier

MODELS = (Bag, BagFile, DataKey, Recording, RecordingPart, Replay, ReplayNote, ReplaySpan)


def test_a_dossier_survives_its_table() -> None:
    made = dossier(ConsultationId("c1"))
    assert Dossier.load(made.dump()) == made
    assert parse_stamp(stamp(STARTED_AT)) == STARTED_AT and stamp(STARTED_AT).endswith("Z")


def test_every_consent_is_a_file_of_its_own() -> None:
    files = documents(dossier(ConsultationId("c1")))
    assert {"data/consent/1.json", "data/events.jsonl", "data/chat.jsonl", "data/provenance.json"} <= files.keys()
    assert all(content.endswith(b"\n") for content in files.values())


async def test_collecting_takes_everything_the_system_of_record_knows(world: World) -> None:
    consultation_id = await world.consultation(ConsultationState.ACTIVE, facts="邻居占用通道")
    recording_id = (await world.archive.begin(consultation_id, world.org_id)).recording_id
    await world.archive.note_state(recording_id, RecordingState.RECORDING)
    now = world.clock.advance(60)
    await world.archive.note_state(recording_id, RecordingState.PAUSED, "participant_away")
    async with world.database.sessions.begin() as db:
        await records.add_message(db, consultation_id, world.clerk_id, "材料已放好", now)
        await records.add_point(db, consultation_id, world.lawyer_id, "保留证据", now)
    live = Event(STARTED_AT + timedelta(seconds=30), "joined", "李律师进入会话")
    async with world.database.reads() as db:
        found = await collect(db, consultation_id, now, recording_id, [live], {"software": "LawLink"})
    assert [event.text for event in found.events] == ["录制开始", "李律师进入会话", "录制暂停（participant_away）"]
    assert [one["text"] for one in (*found.chat, *found.points)] == ["材料已放好", "保留证据"]
    assert [one["answer"] for one in found.consents] == ["given"]
    assert {one.role for one in found.participants} == {"clerk", "lawyer"}
    assert found.provenance["software"] == "LawLink" and found.case_no.startswith("金法援")
    assert (found.started_at, found.ended_at) == (STARTED_AT, now)
    assert Dossier.load(found.dump()) == found


async def test_migrations_make_the_tables_of_the_models(world: World) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))

    assert {model.__tablename__ for model in MODELS} <= tables.metadata.tables.keys()
    async with world.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
