import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from scheduler.errors import Conflict, Denied, Invalid
from scheduler.evaluations import Evaluation, Grades, evaluate, evaluation_of
from scheduler.ids import ConsultationId
from scheduler.people import Role
from scheduler.statistics import lawyer_home
from tests.support.district import District


async def give(district: District, consultation_id: ConsultationId, grades: Grades) -> None:
    async with district.database.sessions.begin() as db:
        await evaluate(db, district.clerks[0], consultation_id, grades, district.clock.now())


async def stored(district: District, consultation_id: ConsultationId) -> Evaluation:
    async with district.database.reads() as db:
        found = await evaluation_of(db, consultation_id)
    assert found is not None
    return found


@pytest.fixture
async def ended(district: District) -> ConsultationId:
    consultation_id = await district.talk()
    await district.end(consultation_id)
    return consultation_id


async def test_five_grades(district: District, ended: ConsultationId) -> None:
    await give(district, ended, Grades(False, 4, 5, 4, 3, 5, " 讲得清楚 "))
    found = await stored(district, ended)
    assert (found.overall, found.attitude, found.policy, found.comment) == (4, 5, 3, "讲得清楚")
    assert found.rectify_due_at is None


@pytest.mark.parametrize("overall", [1, 2])
async def test_a_poor_grade_is_to_be_put_right(district: District, ended: ConsultationId, overall: int) -> None:
    await give(district, ended, Grades(False, overall))
    assert (await stored(district, ended)).rectify_due_at is not None


async def test_declining_is_an_answer_and_keeps_nothing_else(district: District, ended: ConsultationId) -> None:
    await give(district, ended, Grades(True, 1, comment="不该留下"))
    found = await stored(district, ended)
    assert (found.declined, found.overall, found.comment, found.rectify_due_at) == (True, None, "", None)


@pytest.mark.parametrize("grades", [Grades(False), Grades(False, 0), Grades(False, 6), Grades(False, 5, policy=9)])
async def test_grades_outside_the_scale(district: District, ended: ConsultationId, grades: Grades) -> None:
    with pytest.raises(Invalid):
        await give(district, ended, grades)


async def test_a_comment_too_long(district: District, ended: ConsultationId) -> None:
    with pytest.raises(Invalid):
        await give(district, ended, Grades(False, 5, comment="长" * 501))


async def test_once_and_only_after_the_end(district: District, ended: ConsultationId) -> None:
    presses = [give(district, ended, Grades(False, 5)) for _ in range(3)]
    answers = await asyncio.gather(*presses, return_exceptions=True)
    assert answers.count(None) == 1
    assert all(answer is None or isinstance(answer, Conflict | IntegrityError) for answer in answers)
    await district.close(ended)
    talking = await district.talk()
    with pytest.raises(Conflict):
        await give(district, talking, Grades(False, 5))


async def test_the_rated_lawyer_sees_no_single_grade(district: District, ended: ConsultationId) -> None:
    await give(district, ended, Grades(False, 1))
    async with district.database.reads() as db:
        home = await lawyer_home(db, district.lawyers[0].person_id, district.clock.now())
    assert home.today.satisfaction is None


async def test_only_the_station_gives_it(district: District, ended: ConsultationId) -> None:
    async with district.database.sessions.begin() as db:
        for viewer in (district.lawyers[0], district.others[Role.AUDITOR]):
            with pytest.raises(Denied):
                await evaluate(db, viewer, ended, Grades(False, 5), district.clock.now())
