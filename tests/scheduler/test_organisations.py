import pytest

from scheduler.errors import Invalid, NotFound
from scheduler.ids import OrgId
from scheduler.organisations import OrgKind, add_organisation, branch, district_of, in_scope, organisation
from tests.support.clock import START
from tests.support.database import Database


async def test_the_tree_and_its_branches(database: Database) -> None:
    async with database.sessions.begin() as db:
        district = await add_organisation(db, name="金水区", kind=OrgKind.DISTRICT, parent_id=None, now=START)
        second = await add_organisation(
            db, name="花园路", kind=OrgKind.STREET, parent_id=district.id, position=2, now=START
        )
        first = await add_organisation(
            db, name="经八路", kind=OrgKind.STREET, parent_id=district.id, position=1, now=START
        )
        studio = await add_organisation(db, name="社区", kind=OrgKind.COMMUNITY, parent_id=second.id, now=START)
        assert [row.name for row in await branch(db, district.path)] == ["金水区", "经八路", "花园路", "社区"]
        assert [row.name for row in await branch(db, second.path)] == ["花园路", "社区"]
        assert (await district_of(db, studio)).id == district.id
        assert in_scope(district.path, studio.path)
        assert in_scope(second.path, studio.path)
        assert not in_scope(first.path, studio.path)
        assert not in_scope(studio.path, second.path)


@pytest.mark.parametrize("kind", [OrgKind.STREET, OrgKind.COMMUNITY])
async def test_a_kind_that_does_not_belong_there_is_refused(database: Database, kind: OrgKind) -> None:
    async with database.sessions.begin() as db:
        with pytest.raises(Invalid) as refused:
            await add_organisation(db, name="花园路", kind=kind, parent_id=None, now=START)
    assert "parent_id" in refused.value.fields


async def test_an_empty_name_and_an_unknown_parent_are_refused(database: Database) -> None:
    async with database.sessions.begin() as db:
        with pytest.raises(Invalid):
            await add_organisation(db, name=" ", kind=OrgKind.DISTRICT, parent_id=None, now=START)
        with pytest.raises(NotFound):
            await add_organisation(db, name="路", kind=OrgKind.STREET, parent_id=OrgId("x"), now=START)
        with pytest.raises(NotFound):
            await organisation(db, OrgId("x"))
