from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from scheduler.consents import Answer
from scheduler.errors import Denied, Refused
from scheduler.evaluations import Grades, evaluate
from scheduler.ids import ConsultationId
from scheduler.people import Role
from scheduler.presence import PresenceState
from scheduler.search import SearchPage, SearchQuery, search_consultations
from scheduler.terms import MatterCategory, Outcome
from tests.support.district import LOAN, District

NUMBER = "11010519491231002X"


@pytest.fixture
async def three(district: District) -> list[ConsultationId]:
    """Zhang at station 0, Li at station 1 two days later, and one more in progress; one only waits."""
    made = []
    for station, fields, answer in (
        (0, replace(LOAN, id_number=NUMBER), Answer.GIVEN),
        (1, replace(LOAN, name="李四", phone="13900001111", category=MatterCategory.FAMILY), Answer.REFUSED),
    ):
        made.append(await district.talk(station, station, fields, answer))
        district.clock.advance(600)
        await district.end(made[-1])
        await district.close(made[-1], station)
        await district.set_presence(station, PresenceState.OFFLINE)
        district.clock.advance(2 * 86_400)
    async with district.database.sessions.begin() as db:
        await evaluate(db, district.clerks[1], made[1], Grades(True), district.clock.now())
    made.append(await district.talk(0, 0, replace(LOAN, name="王五")))
    await district.join_line(1)
    return made


async def search(district: District, limit: int = 30, **wanted: Any) -> SearchPage:
    query = SearchQuery(**wanted)
    async with district.database.reads() as db:
        return await search_consultations(db, district.cipher, district.others[Role.AUDITOR], query, limit)


async def test_newest_first_with_what_the_list_shows(district: District, three: list[ConsultationId]) -> None:
    page = await search(district)
    assert [hit.consultation_id for hit in page.items] == three[::-1]
    assert (page.total, page.next) == (3, None)
    zhang, li = page.items[2], page.items[1]
    assert (zhang.visitor_masked, zhang.street, zhang.lawyer, zhang.category_name) == (
        "张*兰",
        "第0街道",
        "王立新0",
        "合同借贷",
    )
    assert (zhang.duration_s, zhang.outcome, zhang.evaluation, zhang.consent) == (
        600,
        Outcome.ANSWERED,
        None,
        Answer.GIVEN,
    )
    assert (li.evaluation, li.consent) == ("declined", Answer.REFUSED)
    assert (page.items[0].duration_s, page.items[0].outcome) == (None, None)


WANTED: list[tuple[dict[str, Any], list[int]]] = [
    ({"q": "桂兰"}, [0]),
    ({"q": "李四 第1街道"}, [1]),
    ({"q": "李四 第0街道"}, []),
    ({"q": "0001"}, [0]),
    ({"q": "王立新0"}, [0, 2]),
    ({"q": "婚姻"}, [1]),
    ({"q": "13900001111"}, [1]),
    ({"q": "1390000"}, []),
    ({"q": NUMBER.lower()}, [0]),
    ({"q": NUMBER[:-1]}, []),
    ({"q": "%"}, []),
    ({"q": "' OR 1=1 --"}, []),
    ({"category": MatterCategory.FAMILY}, [1]),
    ({"from_day": date(2026, 3, 3)}, [1, 2]),
    ({"to_day": date(2026, 3, 2)}, [0]),
    ({"from_day": date(2026, 3, 4), "to_day": date(2026, 3, 4)}, [1]),
]


async def test_words_and_filters(district: District, three: list[ConsultationId]) -> None:
    for wanted, hits in WANTED:
        page = await search(district, **wanted)
        assert [hit.consultation_id for hit in page.items] == [three[index] for index in reversed(hits)], wanted
        assert page.total == len(hits), wanted


async def test_by_organisation_and_page_by_page(district: District, three: list[ConsultationId]) -> None:
    assert (await search(district, org_id=district.clerks[1].org_id)).total == 1
    first = await search(district, limit=2)
    assert (len(first.items), first.total) == (2, 3)
    second = await search(district, limit=2, cursor=first.next)
    assert [hit.consultation_id for hit in [*first.items, *second.items]] == three[::-1]
    assert second.next is None


async def test_bad_requests_and_other_people(district: District) -> None:
    bad: list[dict[str, Any]] = [{"q": "长" * 81}, {"cursor": "x"}]
    for wanted in bad:
        with pytest.raises(Refused) as refused:
            await search(district, **wanted)
        assert refused.value.code == "bad_request"
    async with district.database.reads() as db:
        for viewer in (district.clerks[0], district.lawyers[0], district.others[Role.ADMIN]):
            with pytest.raises(Denied):
                await search_consultations(db, district.cipher, viewer, SearchQuery())
