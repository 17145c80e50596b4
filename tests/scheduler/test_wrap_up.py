import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.consultations import ConsultationState, consultation
from scheduler.errors import Changed, Conflict, Denied, Invalid, NotFound
from scheduler.ids import ConsultationId
from scheduler.presence import EXTENSION, PROTECTED, PresenceState, presence
from scheduler.records import add_point
from scheduler.wrap_up import WrapUp, WrapUpFields, close, extend, read_wrap_up, save_wrap_up
from tests.support.district import DONE, District


async def ended(district: District) -> ConsultationId:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        for text in ("借条有效。", "准备好转账记录。"):
            await add_point(db, consultation_id, district.lawyers[0].person_id, text, district.clock.advance(10))
    await district.end(consultation_id)
    return consultation_id


async def read(district: District, consultation_id: ConsultationId) -> WrapUp:
    async with district.database.reads() as db:
        return await read_wrap_up(db, district.lawyers[0], consultation_id)


async def state_of(district: District) -> PresenceState:
    async with district.database.reads() as db:
        return (await presence(db, district.lawyers[0].person_id, district.clock.now())).state


async def test_the_form_starts_with_the_points_and_keeps_what_was_typed(district: District) -> None:
    consultation_id = await ended(district)
    form = await read(district, consultation_id)
    assert form.advice == "1. 借条有效。\n2. 准备好转账记录。"
    assert form.protected_until == district.clock.now() + PROTECTED
    async with district.database.sessions.begin() as db:
        typed = WrapUpFields("", " 民法典 ", False, None)
        saved = await save_wrap_up(db, district.lawyers[0], consultation_id, form.version, typed)
    assert (saved.version, saved.advice, saved.law_cited) == (form.version + 1, "", "民法典")
    assert await read(district, consultation_id) == saved, "an emptied draft stays empty"
    async with district.database.sessions.begin() as db:
        with pytest.raises(Changed) as refused:
            await save_wrap_up(db, district.lawyers[0], consultation_id, form.version, DONE)
        assert refused.value.version == saved.version


@pytest.mark.parametrize(
    ("fields", "gaps"),
    [
        (WrapUpFields(), {"advice", "aid_rights_told", "outcome"}),
        (replace(DONE, advice="  "), {"advice"}),
        (replace(DONE, aid_rights_told=False), {"aid_rights_told"}),
        (replace(DONE, outcome=None), {"outcome"}),
        (replace(DONE, advice="长" * 8001), {"advice"}),
        (replace(DONE, law_cited="长" * 1001), {"law_cited"}),
    ],
)
async def test_gaps_keep_it_open(district: District, fields: WrapUpFields, gaps: set[str]) -> None:
    consultation_id = await ended(district)
    with pytest.raises(Invalid) as refused:
        await district.close(consultation_id, fields=fields)
    assert set(refused.value.fields) == gaps
    assert (await read(district, consultation_id)).version == 1


async def test_closed_frees_the_lawyer_and_is_final(district: District) -> None:
    consultation_id = await ended(district)
    await district.close(consultation_id)
    assert await state_of(district) is PresenceState.AVAILABLE
    async with district.database.sessions.begin() as db:
        assert (await consultation(db, consultation_id)).state is ConsultationState.CLOSED
        await close(db, district.lawyers[0], consultation_id, 1, DONE, district.clock.now())
        with pytest.raises(Conflict):
            await save_wrap_up(db, district.lawyers[0], consultation_id, 2, DONE)
        with pytest.raises(Conflict) as refused:
            await read_wrap_up(db, district.lawyers[0], consultation_id)
        assert refused.value.state is ConsultationState.CLOSED


async def test_two_windows_close_once(district: District) -> None:
    consultation_id = await ended(district)
    answers = await asyncio.gather(*[district.close(consultation_id) for _ in range(3)], return_exceptions=True)
    assert None in answers
    assert all(answer is None or isinstance(answer, Changed | Conflict) for answer in answers)


async def test_two_minutes_more_once(district: District) -> None:
    consultation_id = await ended(district)
    until = district.clock.now() + PROTECTED + EXTENSION
    async with district.database.sessions.begin() as db:
        assert await extend(db, district.lawyers[0], consultation_id, district.clock.advance(60)) == until
        assert await extend(db, district.lawyers[0], consultation_id, district.clock.advance(60)) == until
        state = await presence(db, district.lawyers[0].person_id, district.clock.now())
    assert state.protected_until == until
    assert (await read(district, consultation_id)).extended


async def test_no_more_time_when_it_is_over(district: District) -> None:
    consultation_id = await ended(district)
    district.clock.advance(PROTECTED.total_seconds())
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict):
            await extend(db, district.lawyers[0], consultation_id, district.clock.now())


async def test_a_late_form_does_not_touch_the_next_consultation(district: District) -> None:
    late = await ended(district)
    district.clock.advance(PROTECTED.total_seconds())
    await district.set_presence(0, PresenceState.OFFLINE)
    current = await district.talk()
    await district.close(late)
    assert await state_of(district) is PresenceState.IN_CONSULTATION
    async with district.database.reads() as db:
        assert (await consultation(db, current)).state is ConsultationState.ACTIVE


async def test_only_the_lawyer_of_it_and_only_after_it(district: District) -> None:
    talking = await district.talk()
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict):
            await read_wrap_up(db, district.lawyers[0], talking)
        for stranger in (district.lawyers[1], district.clerks[0]):
            with pytest.raises(Denied):
                await close(db, stranger, talking, 1, DONE, district.clock.now() + timedelta(minutes=1))
        with pytest.raises(NotFound):
            await read_wrap_up(db, district.lawyers[0], ConsultationId("none"))
