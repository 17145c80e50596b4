import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scheduler import terms
from scheduler.cases import (
    LIMITS,
    VisitFields,
    VisitState,
    create_visit,
    delete_visit,
    groups_of,
    needs_guardian,
    restore_visit,
    save_visit,
    visit_of,
)
from scheduler.errors import Changed, Conflict, Denied, Invalid, NotFound
from scheduler.ids import VisitId
from scheduler.intake import call
from scheduler.people import Role
from scheduler.terms import Group, IdType, MatterCategory, Sex
from tests.support.clock import START
from tests.support.database import sqlite_only
from tests.support.district import LOAN, District

NUMBER = "11010519491231002X"


def everything_under(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.glob("lawlink.sqlite3*")))


async def save(district: District, visit_id: VisitId, version: int, fields: VisitFields, station: int = 0) -> int:
    async with district.database.sessions.begin() as db:
        clerk, now = district.clerks[station], district.clock.now()
        return (await save_visit(db, district.cipher, clerk, visit_id, version, fields, now)).version


async def test_an_empty_draft_is_fine_and_is_numbered_by_station_and_day(district: District) -> None:
    async with district.database.sessions.begin() as db:
        made = [
            await create_visit(db, district.cipher, clerk, VisitFields(), START)
            for clerk in (district.clerks[0], district.clerks[0], district.clerks[1])
        ]
    assert [visit.no for visit in made] == ["20260302-001", "20260302-002", "20260302-001"]
    assert {visit.state for visit in made} == {VisitState.DRAFT}


@sqlite_only
async def test_identity_numbers_are_not_in_the_file(district: District, tmp_path: Path) -> None:
    await district.register(fields=replace(LOAN, id_number=NUMBER))
    await district.database.close()
    stored = everything_under(tmp_path)
    assert "张桂兰".encode() in stored, "otherwise this test looks at the wrong bytes"
    for plain in (NUMBER, NUMBER.lower(), NUMBER[6:14], NUMBER[4:-4]):
        assert plain.encode() not in stored
        assert plain.encode("utf-16-le") not in stored


async def test_the_number_is_kept_when_the_form_does_not_send_it(district: District) -> None:
    visit_id = await district.register(fields=replace(LOAN, id_number=NUMBER))
    await save(district, visit_id, 1, replace(LOAN, facts="新的"))
    async with district.database.reads() as db:
        visit = await visit_of(db, district.clerks[0], visit_id)
        assert visit.id_number_box is not None
        assert district.cipher.decrypt(visit.id_number_box, visit_id) == NUMBER
        assert (visit.facts, visit.id_number_masked) == ("新的", "1101**********002X")
        assert (visit.birth_date, visit.sex) == (date(1949, 12, 31), Sex.FEMALE), "read from the number"
    for removal in (replace(LOAN, id_number=""), replace(LOAN, id_refused=True)):
        again = await district.register(fields=replace(LOAN, id_number=NUMBER))
        await save(district, again, 1, removal)
        async with district.database.reads() as db:
            visit = await visit_of(db, district.clerks[0], again)
            assert (visit.id_number_box, visit.id_number_hash, visit.id_number_masked) == (None, None, "")


async def test_a_passport_says_nothing_about_the_birth_date(district: District) -> None:
    visit_id = await district.register(fields=replace(LOAN, id_type=IdType.PASSPORT, id_number=NUMBER))
    async with district.database.reads() as db:
        assert (await visit_of(db, district.clerks[0], visit_id)).birth_date is None


async def test_of_two_windows_the_second_is_told(district: District) -> None:
    visit_id = await district.register()
    assert await save(district, visit_id, 1, replace(LOAN, facts="甲")) == 2
    with pytest.raises(Changed) as refused:
        await save(district, visit_id, 1, replace(LOAN, facts="乙"))
    assert refused.value.version == 2
    async with district.database.reads() as db:
        assert (await visit_of(db, district.clerks[0], visit_id)).facts == "甲"


async def test_saving_at_the_same_time_has_one_winner(district: District) -> None:
    visit_id = await district.register()
    saves = [save(district, visit_id, 1, replace(LOAN, facts=str(number))) for number in range(5)]
    answers = await asyncio.gather(*saves, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Changed"] * 4 + ["int"]


async def test_another_station_and_other_roles_see_nothing(district: District) -> None:
    visit_id = await district.register()
    async with district.database.reads() as db:
        with pytest.raises(NotFound):
            await visit_of(db, district.clerks[1], visit_id)
        for viewer in (district.lawyers[0], district.others[Role.ADMIN]):
            with pytest.raises(Denied):
                await visit_of(db, viewer, visit_id)
        with pytest.raises(NotFound):
            await visit_of(db, district.clerks[0], VisitId("none"))
    with pytest.raises(NotFound):
        await save(district, visit_id, 1, LOAN, station=1)


async def test_deleted_and_restored(district: District) -> None:
    visit_id = await district.register()
    clerk = district.clerks[0]
    async with district.database.sessions.begin() as db:
        await delete_visit(db, clerk, visit_id, START)
        with pytest.raises(NotFound):
            await visit_of(db, clerk, visit_id)
        with pytest.raises(NotFound):
            await delete_visit(db, clerk, visit_id, START)
        assert (await restore_visit(db, clerk, visit_id)).facts == LOAN.facts
        with pytest.raises(NotFound):
            await restore_visit(db, clerk, visit_id)


async def test_what_a_lawyer_was_called_for_is_neither_changed_nor_deleted(district: District) -> None:
    visit_id = await district.register()
    await district.join_line(station=1)
    request = await district.request()
    async with district.database.sessions.begin() as db:
        await call(db, district.cipher, district.clerks[0], visit_id, request, START)
    with pytest.raises(Conflict):
        await save(district, visit_id, 1, LOAN)
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict):
            await delete_visit(db, district.clerks[0], visit_id, START)


async def test_too_long(district: District) -> None:
    for field, limit in LIMITS.items():
        fields: dict[str, Any] = {field: "9" * limit}
        await district.register(fields=VisitFields(**fields))
        fields[field] += "9"
        with pytest.raises(Invalid) as refused:
            await district.register(fields=VisitFields(**fields))
        assert set(refused.value.fields) == {field}


@pytest.mark.parametrize(
    ("born", "groups", "guardian"),
    [
        (None, set(), False),
        (date(2012, 3, 3), {Group.MINOR}, True),
        (date(2012, 3, 2), {Group.MINOR}, False),
        (date(2008, 3, 2), set(), False),
        (date(1966, 3, 3), set(), False),
        (date(1966, 3, 2), {Group.ELDERLY}, False),
    ],
)
async def test_the_birth_date_tells_groups_and_guardian(
    district: District, born: date | None, groups: set[Group], guardian: bool
) -> None:
    visit_id = await district.register(fields=replace(LOAN, birth_date=born, groups=[Group.WOMAN]))
    async with district.database.reads() as db:
        visit = await visit_of(db, district.clerks[0], visit_id)
    assert groups_of(visit, date(2026, 3, 2)) == groups | {Group.WOMAN}
    assert needs_guardian(visit, date(2026, 3, 2)) is guardian


def test_every_word_has_a_chinese_name() -> None:
    for names, words in (
        (terms.CATEGORY_NAMES, MatterCategory),
        (terms.GROUP_NAMES, Group),
        (terms.OUTCOME_NAMES, terms.Outcome),
        (terms.ID_TYPE_NAMES, IdType),
        (terms.SEX_NAMES, Sex),
    ):
        assert set(names) == set(words)
