import asyncio
from datetime import timedelta

import argon2
import pytest

from scheduler.errors import Invalid, NotFound
from scheduler.ids import PersonId
from scheduler.people import (
    LINK_LIFETIME,
    Language,
    Passwords,
    Role,
    add_person,
    check_password,
    find_people,
    make_password_link,
    person,
    person_row,
    set_disabled,
    set_preferences,
    use_password_link,
)
from tests.support.clock import START
from tests.support.district import District, cheap_passwords


async def test_a_person_with_several_roles(district: District) -> None:
    async with district.database.sessions.begin() as db:
        added = await add_person(
            db,
            account=" Mix.01 ",
            name=" 段和平 ",
            roles=[Role.MEDIATOR, Role.DUTY_LAWYER, Role.MEDIATOR],
            org_id=district.org_id,
            now=START,
        )
        row = await person_row(db, added.id)
    assert (row.account, row.name, set(row.roles)) == ("mix.01", "段和平", {Role.MEDIATOR, Role.DUTY_LAWYER})
    assert (row.org_name, row.disabled, row.last_login_at) == ("金水区公共法律服务中心", False, None)


async def test_everything_wrong_is_said_at_once(district: District) -> None:
    async with district.database.sessions.begin() as db:
        with pytest.raises(Invalid) as refused:
            await add_person(db, account="周敏", name=" ", roles=[], org_id=district.org_id, now=START)
        assert set(refused.value.fields) == {"account", "name", "roles"}
        with pytest.raises(Invalid) as refused:
            await add_person(db, account="station00", name="周", roles=[Role.ADMIN], org_id=district.org_id, now=START)
        assert set(refused.value.fields) == {"account"}


async def test_people_are_found_within_a_branch_and_page_by_page(district: District) -> None:
    path = district.others[Role.ADMIN].org_path
    async with district.database.reads() as db:
        everybody = await find_people(db, path)
        accounts = [row.account for row in everybody.items]
        first = await find_people(db, path, limit=4)
        rest = await find_people(db, path, cursor=first.next)
        assert accounts == sorted(accounts)
        assert [row.account for row in [*first.items, *rest.items]] == accounts
        assert everybody.next is None
        assert {row.account for row in (await find_people(db, path, role=Role.DUTY_LAWYER)).items} == {
            "lawyer00",
            "lawyer01",
        }
        assert [row.account for row in (await find_people(db, path, q="王立新1")).items] == ["lawyer01"]
        assert (await find_people(db, path, q="%")).items == []
        station = await find_people(db, district.clerks[0].org_path)
        assert [row.account for row in station.items] == ["station00"]
        assert (await find_people(db, path, org_id=district.clerks[1].org_id)).items[0].account == "station01"


async def test_a_password_link_works_once_and_in_time(district: District) -> None:
    clerk = district.clerks[0].person_id
    async with district.database.sessions.begin() as db:
        older = await make_password_link(db, clerk, START)
        newer = await make_password_link(db, clerk, START)
        with pytest.raises(Invalid):
            await use_password_link(db, older.token, "hash", START)
        assert await use_password_link(db, newer.token, "hash", START + LINK_LIFETIME - timedelta(seconds=1)) == clerk
        assert (await person(db, clerk)).password_hash == "hash"
        with pytest.raises(Invalid):
            await use_password_link(db, newer.token, "other", START)
        late = await make_password_link(db, clerk, START)
        with pytest.raises(Invalid):
            await use_password_link(db, late.token, "late", START + LINK_LIFETIME)


async def test_two_uses_of_one_link_at_the_same_time_have_one_winner(district: District) -> None:
    async with district.database.sessions.begin() as db:
        link = await make_password_link(db, district.clerks[0].person_id, START)

    async def use(password_hash: str) -> bool:
        try:
            async with district.database.sessions.begin() as db:
                await use_password_link(db, link.token, password_hash, START)
        except Invalid:
            return False
        return True

    assert sorted(await asyncio.gather(use("a"), use("b"))) == [False, True]


async def test_preferences_and_disabling(district: District) -> None:
    clerk = district.clerks[0].person_id
    async with district.database.sessions.begin() as db:
        await set_preferences(db, clerk, elder=True)
        await set_preferences(db, clerk, language=Language.EN)
        found = await person(db, clerk)
        assert (found.elder, found.language) == (True, Language.EN)
        assert (await set_disabled(db, clerk, True, START)).disabled_at == START
        assert (await set_disabled(db, clerk, False, START)).disabled_at is None
        with pytest.raises(NotFound):
            await set_disabled(db, PersonId("nobody"), True, START)


async def test_passwords_are_verified_and_broken_hashes_are_not() -> None:
    passwords = cheap_passwords()
    made = await passwords.hash("correct horse")
    assert made.startswith("$argon2id$")
    assert await passwords.verify(made, "correct horse")
    assert not await passwords.verify(made, "wrong horse")
    assert not await passwords.verify("no hash at all", "correct horse")
    assert not await passwords.verify(None, "correct horse")


async def test_hashing_does_not_hold_the_loop() -> None:
    """The default cost takes tens of milliseconds; meanwhile the loop must turn."""
    passwords = Passwords(argon2.PasswordHasher())
    hashing = asyncio.create_task(passwords.hash("correct horse"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert await passwords.verify(hashing.result(), "correct horse")


@pytest.mark.parametrize("password", ["", "short-one", "x" * 129])
def test_a_password_of_the_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        check_password(password)
