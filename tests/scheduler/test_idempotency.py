import asyncio
from datetime import timedelta
from typing import Any

import pytest

from scheduler.errors import Refused
from scheduler.idempotency import KEPT, forget_old, once, remember
from tests.support.clock import START
from tests.support.district import District

KEY = "k" * 12


async def press(district: District, acted: list[int], request_hash: str = "same", clerk: int = 0) -> Any:
    person_id = district.clerks[clerk].person_id
    async with district.database.sessions.begin() as db:
        before = await once(db, person_id, "call", KEY, request_hash, START)
        if before is not None:
            return before
        acted.append(1)
        result = {"number": len(acted)}
        await remember(db, person_id, "call", KEY, result)
        return result


async def test_pressing_twice_acts_once(district: District) -> None:
    acted: list[int] = []
    assert await press(district, acted) == {"number": 1}
    assert await press(district, acted) == {"number": 1}
    assert len(acted) == 1


async def test_pressing_many_times_at_once_acts_once(district: District) -> None:
    acted: list[int] = []
    answers = await asyncio.gather(*[press(district, acted) for _ in range(12)])
    assert answers == [{"number": 1}] * 12
    assert len(acted) == 1


async def test_a_failed_action_frees_the_key(district: District) -> None:
    with pytest.raises(RuntimeError):
        async with district.database.sessions.begin() as db:
            await once(db, district.clerks[0].person_id, "call", KEY, "same", START)
            raise RuntimeError
    acted: list[int] = []
    assert await press(district, acted) == {"number": 1}


async def test_the_same_key_for_something_else_is_refused(district: District) -> None:
    await press(district, [])
    with pytest.raises(Refused) as refused:
        await press(district, [], "another request")
    assert refused.value.code == "bad_request"


async def test_keys_belong_to_one_person_and_one_action(district: District) -> None:
    acted: list[int] = []
    await press(district, acted)
    await press(district, acted, clerk=1)
    assert len(acted) == 2


@pytest.mark.parametrize("key", ["", "k" * 7, "k" * 65])
async def test_a_key_of_the_wrong_length_is_refused(district: District, key: str) -> None:
    async with district.database.sessions.begin() as db:
        with pytest.raises(Refused) as refused:
            await once(db, district.clerks[0].person_id, "call", key, "same", START)
    assert refused.value.code == "bad_request"


async def test_keys_are_forgotten_after_a_day(district: District) -> None:
    acted: list[int] = []
    await press(district, acted)
    for when, count in ((START + KEPT, 1), (START + KEPT + timedelta(seconds=1), 2)):
        async with district.database.sessions.begin() as db:
            await forget_old(db, when)
        await press(district, acted)
        assert len(acted) == count
