import asyncio
from dataclasses import replace
from datetime import date

import pytest

from scheduler.cases import VisitFields, VisitState, save_visit, visit_of
from scheduler.consent_texts import BUILT_IN, Audience, text_of_version
from scheduler.consents import Answer, Subject, history
from scheduler.consultations import ConsultationState, Mode, consultation, open_consultation_of_station
from scheduler.errors import Conflict, Denied, Invalid, NotFound
from scheduler.ids import ConsultationId, VisitId
from scheduler.intake import CallRequest, call, cancel, station_back, station_gone, to_callback
from scheduler.offers import open_offer_of
from scheduler.presence import PresenceState, presence
from scheduler.terms import Group, MatterCategory
from scheduler.waiting import EntryState, entry_of, line, place
from tests.support.district import LOAN, District

CHILD = replace(LOAN, name="李明轩", birth_date=date(2016, 9, 2), companion="妈妈")


async def call_once(district: District, visit_id: VisitId, request: CallRequest, station: int = 0) -> ConsultationId:
    async with district.database.sessions.begin() as db:
        clerk, now = district.clerks[station], district.clock.now()
        return await call(db, district.cipher, clerk, visit_id, request, now)


async def gaps(district: District, fields: VisitFields, request: CallRequest) -> set[str]:
    visit_id = await district.register(fields=fields)
    with pytest.raises(Invalid) as refused:
        await call_once(district, visit_id, request)
    return set(refused.value.fields)


async def states(district: District, consultation_id: ConsultationId) -> tuple[str, str, str]:
    async with district.database.reads() as db:
        found = await consultation(db, consultation_id)
        entry = await entry_of(db, consultation_id)
        visit = await visit_of(db, district.clerks[0], found.visit_id)
        assert entry is not None
        return found.state.value, entry.state.value, visit.state.value


async def test_consent_consultation_and_place_come_together(district: District) -> None:
    consultation_id = await district.join_line(fields=replace(LOAN, companion="女儿"))
    assert await states(district, consultation_id) == ("waiting", "waiting", "called")
    async with district.database.reads() as db:
        found = await consultation(db, consultation_id)
        assert (found.ticket, found.mode, found.category) == ("A001", Mode.VIDEO, MatterCategory.CONTRACT_LOAN)
        rows = await history(db, consultation_id)
        assert [(row.subject, row.subject_key, row.answer) for row in rows] == [
            (Subject.VISITOR, "", Answer.GIVEN),
            (Subject.COMPANION, "女儿", Answer.GIVEN),
        ]
        kept = await text_of_version(db, rows[0].text_version)
        assert kept.sha256 == rows[0].text_sha256
        assert await open_consultation_of_station(db, district.clerks[0].org_id) == consultation_id


async def test_every_gap_is_named_at_once(district: District) -> None:
    nothing = CallRequest(None, "", "")
    assert await gaps(district, VisitFields(), nothing) == {"category", "recording"}
    wrong = VisitFields(
        phone="找我儿子", birth_date=date(2030, 1, 1), id_number="110105", category=MatterCategory.OTHER
    )
    request = await district.request(wrong)
    assert await gaps(district, wrong, request) == {"phone", "birth_date", "id_number", "guardian_name"}


async def test_an_outdated_or_altered_text_is_refused(district: District) -> None:
    good = await district.request()
    for bad in (replace(good, text_version="recording-adult-0"), replace(good, text_sha256="0" * 64)):
        assert await gaps(district, LOAN, bad) == {"recording"}
    guardian = BUILT_IN[Audience.GUARDIAN]
    assert await gaps(district, LOAN, replace(good, text_version=guardian.version, text_sha256=guardian.sha256)) == {
        "recording"
    }


async def test_withdrawn_is_no_answer_to_the_question(district: District) -> None:
    assert await gaps(district, LOAN, await district.request(answer=Answer.WITHDRAWN)) == {"recording"}


@pytest.mark.parametrize("answer", [Answer.GIVEN, Answer.REFUSED])
async def test_under_fourteen_the_guardian_answers(district: District, answer: Answer) -> None:
    assert await gaps(district, CHILD, await district.request(CHILD, answer)) == {"guardian_name"}
    visit_id = await district.register(fields=CHILD)
    consultation_id = await call_once(district, visit_id, await district.request(CHILD, answer, "王丽"))
    async with district.database.reads() as db:
        rows = await history(db, consultation_id)
    assert {(row.guardian_name, row.text_version) for row in rows} == {("王丽", "recording-guardian-1")}


async def test_the_identity_number_tells_that_a_child_needs_a_guardian(district: District) -> None:
    fields = replace(LOAN, id_number="410105201609020010")
    body = fields.id_number or ""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(w * int(d) for w, d in zip(weights, body[:17], strict=True)) % 11]
    child = replace(fields, id_number=body[:17] + check)
    assert "guardian_name" in await gaps(district, child, await district.request(CHILD))


async def test_refusing_identity_and_recording_is_an_ordinary_answer(district: District) -> None:
    nameless = VisitFields(id_refused=True, category=MatterCategory.FAMILY)
    consultation_id = await district.join_line(fields=nameless, answer=Answer.REFUSED)
    assert await states(district, consultation_id) == ("waiting", "waiting", "called")


async def test_a_station_has_one_consultation_at_a_time(district: District) -> None:
    await district.join_line()
    with pytest.raises(Conflict) as refused:
        await district.join_line()
    assert refused.value.state == "busy"
    await district.join_line(station=1)


async def test_two_presses_at_once_join_the_line_once(district: District) -> None:
    visit_id = await district.register()
    request = await district.request()
    answers = await asyncio.gather(*[call_once(district, visit_id, request) for _ in range(6)], return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    async with district.database.reads() as db:
        assert len(await line(db)) == 1


async def test_only_the_own_clerk_calls(district: District) -> None:
    visit_id = await district.register()
    request = await district.request()
    with pytest.raises(NotFound):
        await call_once(district, visit_id, request, station=1)
    async with district.database.sessions.begin() as db:
        with pytest.raises(Denied):
            await call(db, district.cipher, district.lawyers[0], visit_id, request, district.clock.now())


async def test_cancelling_gives_the_draft_back_and_the_next_call_keeps_the_case(district: District) -> None:
    first = await district.join_line()
    async with district.database.sessions.begin() as db:
        assert await cancel(db, district.clerks[0], first, district.clock.now()) is None
        assert await cancel(db, district.clerks[0], first, district.clock.now()) is None, "twice is fine"
    assert await states(district, first) == ("abandoned", "cancelled", "draft")
    async with district.database.sessions.begin() as db:
        found = await consultation(db, first)
        await save_visit(
            db,
            district.cipher,
            district.clerks[0],
            found.visit_id,
            1,
            replace(LOAN, facts="改过"),
            district.clock.now(),
        )
    second = await call_once(district, found.visit_id, await district.request())
    async with district.database.reads() as db:
        again = await consultation(db, second)
        assert (again.case_id, again.visit_id) == (found.case_id, found.visit_id)


async def test_cancelling_an_offer_frees_the_lawyer_who_keeps_the_turn(district: District) -> None:
    consultation_id = await district.join_line()
    await district.set_presence(0)
    [offer] = await district.match()
    district.clock.advance(5)
    async with district.database.sessions.begin() as db:
        withdrawn = await cancel(db, district.clerks[0], consultation_id, district.clock.now())
        assert withdrawn is not None
        assert (withdrawn.offer_id, withdrawn.lawyer_id) == (offer.offer_id, district.lawyers[0].person_id)
        state = await presence(db, district.lawyers[0].person_id, district.clock.now())
        assert (state.state, state.missed) == (PresenceState.AVAILABLE, 0)
    with pytest.raises(Conflict):
        await district.accept(offer.offer_id)


async def test_a_callback_keeps_the_place_and_frees_the_station(district: District) -> None:
    first = await district.join_line()
    district.clock.advance(10)
    await district.join_line(station=1)
    async with district.database.sessions.begin() as db:
        await to_callback(db, district.clerks[0], first, district.clock.now())
        await to_callback(db, district.clerks[0], first, district.clock.now())
        where = await place(db, first)
        assert where is not None
        assert where.position == 1
        assert await open_consultation_of_station(db, district.clerks[0].org_id) is None
    assert await states(district, first) == ("callback", "callback", "called")
    await district.join_line(fields=replace(LOAN, name="李四"))
    await district.set_presence(0)
    [offer] = await district.match()
    assert offer.consultation_id == first
    assert await district.accept(offer.offer_id) == first
    async with district.database.reads() as db:
        found = await consultation(db, first)
    assert (found.mode, found.state) == (Mode.CALLBACK, ConsultationState.ACTIVE)


async def test_a_callback_needs_a_number_to_phone(district: District) -> None:
    consultation_id = await district.join_line(fields=replace(LOAN, phone=""))
    async with district.database.sessions.begin() as db:
        with pytest.raises(Invalid) as refused:
            await to_callback(db, district.clerks[0], consultation_id, district.clock.now())
    assert set(refused.value.fields) == {"phone"}


async def test_a_gone_station_keeps_the_place_but_is_not_offered(district: District) -> None:
    first = await district.join_line()
    district.clock.advance(1)
    second = await district.join_line(station=1)
    await district.set_presence(0)
    [offer] = await district.match()
    async with district.database.sessions.begin() as db:
        withdrawn = await station_gone(db, first, district.clock.now())
        assert withdrawn is not None
        assert await station_gone(db, first, district.clock.now()) is None
        assert await open_offer_of(db, district.lawyers[0].person_id) is None
    assert await states(district, first) == ("waiting", "absent", "called")
    [other] = await district.match()
    assert (other.consultation_id, other.lawyer_id) == (second, offer.lawyer_id)
    async with district.database.sessions.begin() as db:
        await station_back(db, first)
        await station_back(db, first)
        assert [entry.consultation_id for entry in await line(db)] == [first, second]
    assert await states(district, first) == ("waiting", "waiting", "called")


async def test_the_other_station_cannot_cancel(district: District) -> None:
    consultation_id = await district.join_line()
    async with district.database.sessions.begin() as db:
        with pytest.raises(NotFound):
            await cancel(db, district.clerks[1], consultation_id, district.clock.now())
        with pytest.raises(Denied):
            await cancel(db, district.lawyers[0], consultation_id, district.clock.now())


async def test_what_is_in_progress_cannot_be_cancelled(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict):
            await cancel(db, district.clerks[0], consultation_id, district.clock.now())
    assert await states(district, consultation_id) == ("active", "serving", "called")


async def test_needs_move_forward_within_bounds(district: District) -> None:
    ordinary = await district.join_line()
    district.clock.advance(60)
    needy = await district.join_line(station=1, fields=replace(LOAN, groups=list(Group)))
    async with district.database.reads() as db:
        assert [entry.consultation_id for entry in await line(db)] == [needy, ordinary]
        entry = await entry_of(db, needy)
        assert entry is not None
        assert entry.state is EntryState.WAITING
    assert (await consultation_visit_state(district, needy)) is VisitState.CALLED


async def consultation_visit_state(district: District, consultation_id: ConsultationId) -> VisitState:
    async with district.database.reads() as db:
        found = await consultation(db, consultation_id)
        return (await visit_of(db, district.clerks[1], found.visit_id)).state
