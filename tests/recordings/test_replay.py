"""Replays: only with a reason, one's own alone, in ranges, with notes and spans; and the search that leads to them."""

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from recordings.models import Recording, RecordingState, ReplaySpan, bar
from recordings.replay import NOTES_PER_RECORDING, SPANS_PER_REQUEST, Replays
from recordings.search import Criteria, Page, search
from scheduler.access import Viewer
from scheduler.audit import AuditEntry
from scheduler.clock import local_day
from scheduler.consent_texts import Audience, current_text
from scheduler.consents import Answer, Method, Subject, record_answer, set_standing
from scheduler.consultations import participants
from scheduler.errors import Conflict, Denied, Invalid, NotFound
from scheduler.ids import ConsultationId, LogInId
from scheduler.organisations import OrgKind
from scheduler.people import Language, Role
from scheduler.records import ChatMessage
from scheduler.terms import MatterCategory
from tests.support.archive import World, dossier
from tests.support.rtp import AUDIO, CAMERA
from tests.support.webm import decode_pictures

REASON = "投诉核查：当事人反映答复有误"


def replays(world: World) -> Replays:
    return Replays(world.database.sessions, world.database.reads, world.clock, world.archive)


async def sealed(world: World) -> tuple[ConsultationId, str]:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA)
    await world.archive.finish(recording_id, dossier(consultation_id))
    return consultation_id, recording_id


def somebody(world: World, role: Role, path: str | None = None) -> Viewer:
    return Viewer(
        world.clerk_id if role is Role.STATION_CLERK else world.lawyer_id, "x", "某人", frozenset({role}), world.org_id,
        "", OrgKind.STREET, "", path or world.auditor.org_path, False, Language.ZH_CN, LogInId("l"),
    )  # fmt: skip


async def actions(world: World) -> list[str]:
    async with world.database.reads() as db:
        return list(await db.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)))


async def test_manifest_names_tracks_gaps_and_events_on_one_clock(world: World) -> None:
    consultation_id, recording_id = await sealed(world)
    record = {"case_no": "1", "advice": "先找社区调解"}
    await world.archive.seal_text(dossier(consultation_id), record)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    manifest = await desk.manifest(world.auditor, replay_id)
    assert [(track["participant"], track["role"], track["source"]) for track in manifest["tracks"]] == [
        ("王窗口", "clerk", "audio"),
        ("王窗口", "clerk", "camera"),
    ]
    assert manifest["events"][1] == {"at_s": pytest.approx(0.98), "kind": "joined", "text": "李律师进入会话"}
    assert manifest["record"] == record
    assert (manifest["complete"], manifest["state"], manifest["check"]) == (True, "sealed", None)
    assert manifest["chat"][0]["text"] == "材料已放好" and manifest["points"][0]["at_s"] == pytest.approx(1.98)
    assert json.loads(json.dumps(manifest)) == manifest
    part = manifest["tracks"][1]["parts"][0]
    assert part["url"] == f"/api/audit/replays/{replay_id}/media/clerk.camera/1.webm"


async def test_media_is_read_in_ranges_and_decodes(world: World) -> None:
    _, recording_id = await sealed(world)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    media = await desk.media(world.auditor, replay_id, "clerk.camera", 1)
    whole = b"".join([chunk async for chunk in media.stream(0, media.size)])
    assert len(whole) == media.size
    assert b"".join([chunk async for chunk in media.stream(70_000, 70_010)]) == whole[70_000:70_010]
    assert len(decode_pictures(whole).times_s) == 120
    with pytest.raises(NotFound):
        await desk.media(world.auditor, replay_id, "clerk.camera", 2)
    with pytest.raises(NotFound):
        await desk.media(world.auditor, replay_id, "../../x", 1)


@pytest.mark.parametrize("reason", ["", "太短", "字" * 501, "  。  " * 3])
async def test_a_replay_needs_a_reason(world: World, reason: str) -> None:
    _, recording_id = await sealed(world)
    with pytest.raises(Invalid):
        await replays(world).open(world.auditor, recording_id, reason)
    assert "replay.open" not in await actions(world)


async def test_only_auditors_of_the_branch_replay(world: World) -> None:
    _, recording_id = await sealed(world)
    for viewer in (
        somebody(world, Role.DUTY_LAWYER),
        somebody(world, Role.STATION_CLERK),
        somebody(world, Role.ADMIN),
        somebody(world, Role.AUDITOR, "/elsewhere/"),
    ):
        with pytest.raises(Denied):
            await replays(world).open(viewer, recording_id, REASON)
    with pytest.raises(NotFound):
        await replays(world).open(world.auditor, "nothing", REASON)


async def test_a_replay_belongs_to_whoever_opened_it(world: World) -> None:
    _, recording_id = await sealed(world)
    replay_id = await replays(world).open(world.auditor, recording_id, REASON)
    other = somebody(world, Role.AUDITOR)
    with pytest.raises(NotFound):
        await replays(world).manifest(other, replay_id)
    with pytest.raises(NotFound):
        await replays(world).media(other, replay_id, "clerk.audio", 1)


@pytest.mark.parametrize("state", list(RecordingState))
async def test_a_recording_is_barred_in_every_state_and_that_is_audited_once(
    world: World, state: RecordingState
) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id)
    async with world.database.sessions.begin() as db:
        (await db.get_one(Recording, recording_id)).state = state
    for _ in range(2):
        async with world.database.sessions.begin() as db:
            await bar(db, consultation_id, world.clock.now(), world.clerk_id)
    assert (await world.recording(recording_id)).barred
    assert (await actions(world)).count("recording.barred") == 1


async def test_a_withdrawal_among_the_consents_bars_replay_whatever_the_recording_says(world: World) -> None:
    consultation_id, recording_id = await sealed(world)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    async with world.database.sessions.begin() as db:
        text = await current_text(db, Audience.ADULT)
        for answer in (Answer.WITHDRAWN, Answer.GIVEN):
            await record_answer(
                db, subject=Subject.VISITOR, answer=answer, method=Method.SPOKEN, text=text, now=world.clock.now(),
                created_by=world.clerk_id, consultation_id=consultation_id,
            )  # fmt: skip
    assert not (await world.recording(recording_id)).barred
    for refused in (
        desk.open(world.auditor, recording_id, REASON),
        desk.manifest(world.auditor, replay_id),
        desk.media(world.auditor, replay_id, "clerk.camera", 1),
        desk.notes(world.auditor, replay_id),
    ):
        with pytest.raises(Denied, match="撤回"):
            await refused


async def test_a_standing_consent_withdrawn_afterwards_bars_nothing(world: World) -> None:
    _, recording_id = await sealed(world)
    async with world.database.sessions.begin() as db:
        await set_standing(db, world.lawyer_id, Answer.WITHDRAWN, world.clock.now())
    assert await replays(world).open(world.auditor, recording_id, REASON)


async def test_watching_waits_for_no_writer(world: World) -> None:
    _, recording_id = await sealed(world)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    async with world.database.sessions.begin() as db, asyncio.timeout(5):
        await set_standing(db, world.lawyer_id, Answer.GIVEN, world.clock.now())
        await desk.manifest(world.auditor, replay_id)
        await desk.media(world.auditor, replay_id, "clerk.camera", 1)
        assert await desk.notes(world.auditor, replay_id) == []
        assert (await world.archive.check(recording_id)).verdict == "intact"
        assert len(await world.archive.key_for(recording_id)) == 32


async def test_there_may_be_nothing_to_bar(world: World) -> None:
    consultation_id = await world.consultation()
    async with world.database.sessions.begin() as db:
        await bar(db, consultation_id, world.clock.now(), world.clerk_id)
    assert "recording.barred" not in await actions(world)


async def test_unsealed_and_withdrawn_recordings_are_not_replayed(world: World) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO)
    with pytest.raises(Conflict):
        await replays(world).open(world.auditor, recording_id, REASON)
    await world.archive.note_state(recording_id, RecordingState.RECORDING)
    await world.archive.note_state(recording_id, RecordingState.IDLE, "withdrawn")
    await world.archive.finish(recording_id, dossier(consultation_id))
    with pytest.raises(Denied, match="撤回"):
        await replays(world).open(world.auditor, recording_id, REASON)


async def test_checks_are_kept_and_audited(world: World) -> None:
    _, recording_id = await sealed(world)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    check = await desk.check(world.auditor, replay_id)
    assert (check["ok"], check["verdict"], len(check["lines"])) == (True, "intact", 4)
    assert (await desk.manifest(world.auditor, replay_id))["check"] == check
    assert (await actions(world))[-2:] == ["replay.open", "recording.check"]


async def test_watched_spans_are_kept_within_the_recording(world: World) -> None:
    _, recording_id = await sealed(world)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    await desk.watched(world.auditor, replay_id, [(0.0, 1.5), (2.0, 3.9)])
    await desk.watched(world.auditor, replay_id, [])
    async with world.database.reads() as db:
        assert [(row.from_s, row.to_s) for row in await db.scalars(select(ReplaySpan))] == [(0.0, 1.5), (2.0, 3.9)]
    for spans in (
        [(-1.0, 1.0)],
        [(1.0, 1.0)],
        [(0.0, 60.0)],
        [(0.0, 1.0)] * (SPANS_PER_REQUEST + 1),
        [(float("nan"), 1.0)],
    ):
        with pytest.raises(Invalid):
            await desk.watched(world.auditor, replay_id, spans)


async def test_notes_are_shared_and_deleted_by_their_author_alone(world: World) -> None:
    _, recording_id = await sealed(world)
    desk = replays(world)
    replay_id = await desk.open(world.auditor, recording_id, REASON)
    later = await desk.add_note(world.auditor, replay_id, 3.0, " 这里答复含糊 ")
    first = await desk.add_note(world.auditor, replay_id, 1.0, "开场告知完整")
    assert await desk.notes(world.auditor, replay_id) == [first, later]
    assert (later.text, later.by) == ("这里答复含糊", "赵审计")
    other = somebody(world, Role.AUDITOR)
    others_replay = await desk.open(other, recording_id, REASON)
    assert len(await desk.notes(other, others_replay)) == 2
    with pytest.raises(NotFound):
        await desk.delete_note(other, others_replay, later.id)
    await desk.delete_note(world.auditor, replay_id, later.id)
    assert await desk.notes(world.auditor, replay_id) == [first]
    for at_s, text in ((1.0, ""), (1.0, "字" * 1001), (-1.0, "x"), (999.0, "x")):
        with pytest.raises(Invalid):
            await desk.add_note(world.auditor, replay_id, at_s, text)
    assert NOTES_PER_RECORDING > 2


async def find(world: World, **criteria: object) -> Page:
    async with world.database.reads() as db:
        return await search(db, world.auditor, Criteria(**criteria))  # type: ignore[arg-type]


async def test_search_finds_by_every_text(world: World) -> None:
    consultation_id, recording_id = await sealed(world)
    other = await world.consultation(
        visitor="欧阳修", facts="拖欠工资三个月", answer=Answer.REFUSED, category=MatterCategory.WAGES
    )
    async with world.database.sessions.begin() as db:
        clerk = (await participants(db, other))[0]
        db.add(ChatMessage(
            id="m", consultation_id=other, participant_id=clerk.id, name="王", text="工资条100%齐了",
            at=world.clock.now(),
        ))  # fmt: skip
    page = await find(world)
    assert [hit.consultation_id for hit in page.items] == [other, consultation_id]
    assert (page.total, page.next) == (2, None) and page.took_ms > 0
    newest, oldest = page.items
    assert (newest.visitor_masked, newest.consent, newest.recording_id) == ("欧*修", "refused", None)
    assert (oldest.recording_id, oldest.recording_state) == (recording_id, "sealed")
    assert oldest.recording_duration_s == pytest.approx(4.0, abs=0.1)
    for q, expected in {
        "欧阳": [other],
        "李律师": [other, consultation_id],
        "花园路": [other, consultation_id],
        "通道": [consultation_id],
        "拖欠 欧阳": [other],
        "拖欠 通道": [],
        "100%": [other],
        "100_": [],
        "%": [other],
        newest.case_no: [other],
    }.items():
        assert [hit.consultation_id for hit in (await find(world, q=q)).items] == expected, q


async def test_search_filters_by_day_place_and_category(world: World) -> None:
    first = await world.consultation(category=MatterCategory.WAGES)
    world.clock.advance(timedelta(days=2).total_seconds())
    second = await world.consultation()
    today = local_day(world.clock.now())
    assert [hit.consultation_id for hit in (await find(world, first_day=today)).items] == [second]
    assert [hit.consultation_id for hit in (await find(world, last_day=today - timedelta(days=1))).items] == [first]
    assert [hit.consultation_id for hit in (await find(world, category=MatterCategory.WAGES)).items] == [first]
    assert (await find(world, org_id=world.org_id)).total == 2
    with pytest.raises(Invalid):
        await find(world, q="字" * 101)
    with pytest.raises(Denied):
        async with world.database.reads() as db:
            await search(db, somebody(world, Role.DUTY_LAWYER), Criteria())


async def test_search_pages_by_key(world: World) -> None:
    made = [await world.consultation() for _ in range(53)]
    first = await find(world)
    assert first.next is not None and len(first.items) == 50
    second = await find(world, cursor=first.next)
    assert [hit.consultation_id for hit in [*first.items, *second.items]] == made[::-1]
    assert (second.next, second.total) == (None, 53)
