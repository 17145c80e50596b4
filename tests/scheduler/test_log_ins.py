import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from scheduler.errors import BadCredentials, Refused, Throttled, Unauthenticated
from scheduler.log_ins import (
    ABSOLUTE,
    FREE_FAILURES_ADDRESS,
    FREE_FAILURES_PAIR,
    IDLE,
    LONGEST_DELAY,
    LogInThrottle,
    NewLogIn,
    delay,
    end_all,
    find_log_in,
    forget_old,
    keep_alive,
    log_in,
    log_out,
    touch,
)
from scheduler.people import Person, set_disabled
from tests.support.district import District, cheap_passwords

PASSWORD = "correct horse battery"
PASSWORDS = cheap_passwords()


@pytest.fixture
async def opened(district: District) -> District:
    """Everybody has the same password."""
    made = await PASSWORDS.hash(PASSWORD)
    async with district.database.sessions.begin() as db:
        for row in (await db.scalars(select(Person))).all():
            row.password_hash = made
    return district


async def attempt(
    district: District, password: str = PASSWORD, account: str = "station00", address: str = "10.0.0.1"
) -> NewLogIn:
    return await log_in(district.database.sessions, district.clock, PASSWORDS, account, password, address)


async def fail(district: District, times: int, **who: str) -> list[Refused]:
    answers: list[Refused] = []
    for _ in range(times):
        with pytest.raises(Refused) as refused:
            await attempt(district, "wrong", **who)
        answers.append(refused.value)
    return answers


async def found(district: District, token: str) -> str:
    async with district.database.reads() as db:
        return (await find_log_in(db, token, district.clock.now())).viewer.account


async def test_the_way_in_and_out(opened: District) -> None:
    new = await attempt(opened, account=" Station00 ")
    assert new.viewer.person_id == opened.clerks[0].person_id
    assert await found(opened, new.token) == "station00"
    async with opened.database.sessions.begin() as db:
        assert (await db.get_one(Person, new.viewer.person_id)).last_login_at == opened.clock.now()
        await log_out(db, new.viewer.log_in_id, opened.clock.now())
    with pytest.raises(Unauthenticated):
        await found(opened, new.token)


async def test_the_token_itself_is_not_in_the_database(opened: District) -> None:
    new = await attempt(opened)
    async with opened.database.reads() as db:
        rows = (await db.execute(text("SELECT * FROM log_in"))).all()
    assert new.token not in repr(rows)


async def test_log_ins_end_when_idle_and_when_old(opened: District) -> None:
    clock = opened.clock
    idle = await attempt(opened)
    clock.advance(IDLE.total_seconds() - 1)
    assert await found(opened, idle.token) == "station00"
    clock.advance(1)
    with pytest.raises(Unauthenticated):
        await found(opened, idle.token)

    busy = await attempt(opened)
    start = clock.now()
    while clock.now() - start < ABSOLUTE - timedelta(hours=1):
        clock.advance(3600)
        async with opened.database.sessions.begin() as db:
            assert (await find_log_in(db, busy.token, clock.now())).touch_due
            await touch(db, busy.viewer.log_in_id, clock.now())
            assert not (await find_log_in(db, busy.token, clock.now())).touch_due
    clock.advance(3600)
    with pytest.raises(Unauthenticated):
        await found(opened, busy.token)


async def test_disabling_a_person_ends_every_log_in(opened: District) -> None:
    one, two, other = await attempt(opened), await attempt(opened), await attempt(opened, account="station01")
    async with opened.database.sessions.begin() as db:
        await set_disabled(db, one.viewer.person_id, True, opened.clock.now())
        ended = await end_all(db, one.viewer.person_id, opened.clock.now())
    assert set(ended) == {one.viewer.log_in_id, two.viewer.log_in_id}
    with pytest.raises(Unauthenticated):
        await found(opened, one.token)
    assert await found(opened, other.token) == "station01"
    with pytest.raises(BadCredentials):
        await attempt(opened)


async def test_unknown_wrong_and_never_opened_accounts_get_the_same_answer(opened: District) -> None:
    async with opened.database.sessions.begin() as db:
        (await db.get_one(Person, opened.clerks[1].person_id)).password_hash = None
    answers = [
        (await fail(opened, 1, account=account))[0] for account in ("station00", "nobody", "station01", "x" * 500)
    ]
    assert {(type(answer), answer.text, str(answer.detail)) for answer in answers} == {
        (BadCredentials, answers[0].text, "{'tries_left': 4}")
    }


async def test_waiting_grows_to_a_quarter_of_an_hour_and_lets_go(opened: District) -> None:
    tries = await fail(opened, FREE_FAILURES_PAIR)
    assert [answer.detail["tries_left"] for answer in tries] == [4, 3, 2, 1, 0]
    waits = []
    for _ in range(8):
        with pytest.raises(Throttled) as refused:
            await attempt(opened)
        waits.append(refused.value.retry_after_s or 0)
        opened.clock.advance(waits[-1])
        await fail(opened, 1)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    opened.clock.advance(LONGEST_DELAY.total_seconds())
    await attempt(opened)
    assert (await fail(opened, 1))[0].detail["tries_left"] == 4, "a success forgives"


async def test_a_stranger_cannot_lock_an_account_for_its_owner(opened: District) -> None:
    await fail(opened, FREE_FAILURES_PAIR, address="6.6.6.6")
    with pytest.raises(Throttled):
        await attempt(opened, address="6.6.6.6")
    await attempt(opened, address="10.0.0.1")


async def test_one_address_trying_many_accounts_has_to_wait(opened: District) -> None:
    for number in range(FREE_FAILURES_ADDRESS):
        await fail(opened, 1, account=f"guess{number}", address="6.6.6.6")
    with pytest.raises(Throttled):
        await attempt(opened, address="6.6.6.6")
    await attempt(opened, address="10.0.0.1")


async def test_parallel_guesses_are_all_counted(opened: District) -> None:
    answers = await asyncio.gather(*[attempt(opened, "wrong") for _ in range(20)], return_exceptions=True)
    assert sum(isinstance(answer, BadCredentials) for answer in answers) == FREE_FAILURES_PAIR
    assert sum(isinstance(answer, Throttled) for answer in answers) == 20 - FREE_FAILURES_PAIR


async def test_successes_do_not_add_up_for_a_shared_address(opened: District) -> None:
    for _ in range(FREE_FAILURES_ADDRESS + 5):
        await attempt(opened)
    async with opened.database.reads() as db:
        rows = (await db.scalars(select(LogInThrottle))).all()
    assert [(row.subject, row.failures) for row in rows] == [("address:10.0.0.1", 0)]


async def test_a_clock_set_back_keeps_nobody_out_and_goes_on_counting(opened: District) -> None:
    await fail(opened, FREE_FAILURES_PAIR)
    opened.clock.set_wall(opened.clock.now() - timedelta(hours=2))
    await fail(opened, 1)
    with pytest.raises(Throttled) as refused:
        await attempt(opened)
    opened.clock.advance(refused.value.retry_after_s or 0)
    await attempt(opened)


async def test_old_throttles_and_log_ins_are_forgotten(opened: District) -> None:
    await fail(opened, 1)
    await attempt(opened, account="station01")
    async with opened.database.sessions.begin() as db:
        await forget_old(db, opened.clock.now() + timedelta(days=40))
        for table in ("log_in", "log_in_throttle"):
            assert await db.scalar(text(f"SELECT count(*) FROM {table}")) == 0


def test_delay_doubles_and_is_bounded() -> None:
    assert [delay(failures, 5).total_seconds() for failures in (5, 6, 9, 10, 10_000)] == [30, 60, 480, 900, 900]


async def test_a_connected_log_in_is_not_idle_but_ends_all_the_same(opened: District) -> None:
    made = await attempt(opened)
    clock, sessions = opened.clock, opened.database.sessions
    mine = {made.viewer.log_in_id}
    for _ in range(int(ABSOLUTE / IDLE) * 2 - 1):
        clock.advance(IDLE.total_seconds() / 2)
        async with sessions.begin() as db:
            assert await keep_alive(db, mine, clock.now()) == mine
    clock.advance(IDLE.total_seconds() / 2)
    async with sessions.begin() as db:
        assert await keep_alive(db, mine, clock.now()) == set()


async def test_an_ended_log_in_is_not_kept_alive(opened: District) -> None:
    made = await attempt(opened)
    async with opened.database.sessions.begin() as db:
        await log_out(db, made.viewer.log_in_id, opened.clock.now())
        assert await keep_alive(db, {made.viewer.log_in_id}, opened.clock.now()) == set()
