from datetime import timedelta

from scheduler.evaluations import Grades, evaluate
from scheduler.presence import PresenceState
from scheduler.statistics import SHOWN_FROM, LawyerHome, lawyer_home
from tests.support.district import District


async def home(district: District, lawyer: int = 0) -> LawyerHome:
    async with district.database.reads() as db:
        return await lawyer_home(db, district.lawyers[lawyer].person_id, district.clock.now())


async def test_a_day_that_has_not_begun(district: District) -> None:
    found = await home(district)
    assert (found.presence.state, found.open_forms, found.consultation) == (PresenceState.OFFLINE, [], None)
    assert (found.today.answered, found.today.average_s, found.today.satisfaction) == (0, None, None)


async def test_todays_figures_and_open_forms(district: District) -> None:
    closed = await district.talk()
    district.clock.advance(600)
    await district.end(closed)
    await district.close(closed)
    written = await district.talk()
    district.clock.advance(300)
    await district.end(written)
    await district.set_presence(0)
    current = await district.talk()
    found = await home(district)
    assert (found.today.answered, found.today.closed, found.today.open_forms) == (3, 1, 1)
    assert found.today.average_s == 450
    assert [(form.consultation_id, form.visitor) for form in found.open_forms] == [(written, "张桂兰")]
    assert found.consultation is not None
    assert found.consultation.id == current
    district.clock.advance(86_400)
    assert (await home(district)).today.answered == 0
    assert (await home(district)).today.open_forms == 1


async def test_the_line_is_shown_to_who_is_on_duty(district: District) -> None:
    await district.join_line()
    assert await district.match() == []
    assert (await home(district)).line == []
    await district.set_presence(0, PresenceState.ON_BREAK)
    assert len((await home(district)).line) == 1


async def test_satisfaction_is_last_months_and_never_of_few(district: District) -> None:
    for number in range(SHOWN_FROM):
        consultation_id = await district.talk()
        await district.end(consultation_id)
        await district.close(consultation_id)
        async with district.database.sessions.begin() as db:
            grades = Grades(False, 5 if number else 3)
            await evaluate(db, district.clerks[0], consultation_id, grades, district.clock.now())
        if number == SHOWN_FROM - 2:
            month = district.clock.now()
            district.clock.set_wall(month + timedelta(days=30))
            assert (await home(district)).today.satisfaction is None
            district.clock.set_wall(month)
    assert (await home(district)).today.satisfaction is None, "not before the month is over"
    district.clock.advance(30 * 86_400)
    assert (await home(district)).today.satisfaction == 4.6
    district.clock.advance(31 * 86_400)
    assert (await home(district)).today.satisfaction is None
