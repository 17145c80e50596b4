from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.cases import VisitFields, delete_visit, visit_of
from scheduler.clock import local_day
from scheduler.consents import Answer
from scheduler.consultations import Mode
from scheduler.endings import fail
from scheduler.errors import NotFound
from scheduler.estimates import Estimate
from scheduler.evaluations import Grades, evaluate
from scheduler.ids import ConsultationId, OfferId
from scheduler.intake import cancel, station_gone, to_callback
from scheduler.overviews import (
    ConsultationRef,
    VisitRow,
    consultation_ref,
    is_first_visit,
    latest_consultation,
    line_rows,
    line_summary,
    offer_view,
    visit_rows,
)
from scheduler.terms import Group
from scheduler.waiting import EntryState
from tests.support.clock import ManualClock
from tests.support.database import Database
from tests.support.district import LOAN, District, make_district


async def ref(district: District, consultation_id: ConsultationId) -> ConsultationRef:
    async with district.database.reads() as db:
        return await consultation_ref(db, consultation_id, district.clock.now())


async def rows(district: District, station: int = 0) -> list[VisitRow]:
    async with district.database.reads() as db:
        return await visit_rows(db, district.clerks[station].org_id, local_day(district.clock.now()))


async def test_a_place_with_its_names_and_its_estimate(database: Database, clock: ManualClock) -> None:
    crowd = await make_district(database, clock, stations=6, lawyers=2)
    names = ["张桂兰", "李四", "", "欧阳慧兰", "赵六", "孙七"]
    ids = []
    for station, name in enumerate(names):
        ids.append(await crowd.join_line(station, replace(LOAN, name=name)))
        clock.advance(10)
    last = await ref(crowd, ids[5])
    assert last.entry is not None
    assert (last.entry.position, list(last.entry.ahead)) == (6, ["张*兰", "李*", "身份不公开"])
    assert (last.entry.estimate, last.entry.waited_s) == (None, 10)
    await crowd.set_presence(0)
    last = await ref(crowd, ids[5])
    assert last.entry is not None
    assert last.entry.estimate is not None
    assert last.entry.estimate.low_min < last.entry.estimate.high_min
    async with database.reads() as db:
        summary = await line_summary(db, clock.now())
        assert (summary.open, summary.reason, summary.lawyers_on_duty, summary.ahead) == (True, None, 1, 6)
        table = await line_rows(db, clock.now())
    assert [(row.position, row.street, row.waited_s) for row in table][:2] == [(1, "第0街道", 60), (2, "第1街道", 50)]
    assert {row.category_name for row in table} == {"合同借贷"}


async def test_nobody_on_duty_is_said(district: District) -> None:
    async with district.database.reads() as db:
        summary = await line_summary(db, district.clock.now())
    assert (summary.open, summary.reason, summary.estimate) == (False, "nobody_on_duty", None)
    await district.set_presence(0)
    async with district.database.reads() as db:
        assert (await line_summary(db, district.clock.now())).estimate == Estimate(0, 1)


async def test_after_five_minutes_a_callback_is_offered(district: District) -> None:
    consultation_id = await district.join_line()
    district.clock.advance(299)
    entry = (await ref(district, consultation_id)).entry
    assert entry is not None
    assert not entry.callback_offered
    district.clock.advance(1)
    entry = (await ref(district, consultation_id)).entry
    assert entry is not None
    assert entry.callback_offered
    async with district.database.sessions.begin() as db:
        await to_callback(db, district.clerks[0], consultation_id, district.clock.now())
    told = await ref(district, consultation_id)
    assert told.entry is not None
    assert (told.mode, told.entry.state, told.entry.position) == (Mode.CALLBACK, EntryState.CALLBACK, 1)
    assert not told.entry.callback_offered


async def test_a_clock_set_back_shows_no_negative_wait(district: District) -> None:
    consultation_id = await district.join_line()
    district.clock.set_wall(district.clock.now() - timedelta(hours=1))
    entry = (await ref(district, consultation_id)).entry
    assert entry is not None
    assert entry.waited_s == 0


async def test_the_wait_stands_still_once_a_lawyer_has_answered(district: District) -> None:
    consultation_id = await district.join_line()
    district.clock.advance(45)
    await district.set_presence(0)
    [offer] = await district.match()
    district.clock.advance(5)
    await district.accept(offer.offer_id)
    district.clock.advance(500)
    told = await ref(district, consultation_id)
    assert told.entry is not None
    assert (told.entry.waited_s, told.entry.position, told.entry.estimate) == (50, None, None)
    assert told.lawyer is not None
    assert told.lawyer.name == "王立新0"


async def test_what_a_lawyer_is_told_with_an_offer(district: District) -> None:
    await district.join_line(
        fields=replace(LOAN, opposing_party="李某", groups=[Group.DISABLED]), answer=Answer.REFUSED
    )
    await district.set_presence(0)
    [offer] = await district.match()
    district.clock.advance(7.5)
    async with district.database.reads() as db:
        told = await offer_view(db, offer.offer_id, district.clock.now())
        with pytest.raises(NotFound):
            await offer_view(db, OfferId("none"), district.clock.now())
    assert (told.street, told.category_name, told.groups) == ("第0街道", "合同借贷", [Group.DISABLED])
    assert (told.facts, told.opposing_party, told.first_visit) == (LOAN.facts, "李某", True)
    assert (told.recording_consent, told.seconds, told.total_s) == (Answer.REFUSED, 22.5, 30)
    assert LOAN.name not in repr(told), "an offer names nobody"


async def test_todays_visits_of_a_station(district: District) -> None:
    district.clock.advance(1)
    unrated = await district.talk()
    await district.end(unrated)
    await district.close(unrated)
    district.clock.advance(60)
    rated = await district.talk()
    await district.end(rated)
    await district.close(rated)
    async with district.database.sessions.begin() as db:
        await evaluate(db, district.clerks[0], rated, Grades(True), district.clock.now())
    district.clock.advance(60)
    draft = await district.register(fields=VisitFields())
    district.clock.advance(60)
    waiting = await district.join_line()
    found = await rows(district)
    assert [(row.state, row.consultation_id) for row in found] == [
        ("draft", None),
        ("closed", unrated),
        ("waiting", waiting),
        ("closed", rated),
    ]
    assert (found[0].id, found[0].name_masked, found[0].category_name) == (draft, "身份不公开", "")
    assert [row.rated for row in found] == [False, False, False, True]
    assert [row.position for row in found] == [None, None, 1, None]
    assert await rows(district, station=1) == []


async def test_rows_of_cancelled_failed_deleted_and_old_visits(district: District) -> None:
    cancelled = await district.join_line()
    async with district.database.sessions.begin() as db:
        await cancel(db, district.clerks[0], cancelled, district.clock.now())
    failed = await district.talk()
    async with district.database.sessions.begin() as db:
        await fail(db, failed, district.clock.now(), cause="worker_lost")
    deleted = await district.register()
    async with district.database.sessions.begin() as db:
        await delete_visit(db, district.clerks[0], deleted, district.clock.now())
    assert sorted(row.state for row in await rows(district)) == ["draft", "failed"]
    district.clock.advance(3 * 86_400)
    assert await rows(district) == []


async def test_an_absent_place_still_shows_as_waiting(district: District) -> None:
    consultation_id = await district.join_line()
    async with district.database.sessions.begin() as db:
        await station_gone(db, consultation_id, district.clock.now())
    [row] = await rows(district)
    assert (row.state, row.position) == ("waiting", 1)


@pytest.mark.parametrize(
    ("again", "first"),
    [
        (LOAN, False),
        (replace(LOAN, phone="13900000000"), True),
        (replace(LOAN, phone="", id_number="11010519491231002X"), False),
        (replace(LOAN, phone=""), True),
    ],
)
async def test_who_has_been_here_before(district: District, again: VisitFields, first: bool) -> None:
    before = await district.talk(fields=replace(LOAN, id_number="11010519491231002X"))
    await district.end(before)
    visit_id = await district.register(station=1, fields=again)
    async with district.database.reads() as db:
        assert await is_first_visit(db, await visit_of(db, district.clerks[1], visit_id)) is first
        assert await latest_consultation(db, visit_id) is None
