import asyncio
from datetime import timedelta

import pytest

from scheduler.consultations import ConsultationState, consultation
from scheduler.deadlines import expire_due, next_deadline
from scheduler.errors import Conflict, Denied, NotFound, Refused
from scheduler.ids import OfferId, PersonId
from scheduler.offers import OFFER_LASTS, accept_offer, decline_offer, match_and_offer, open_offer_of
from scheduler.presence import Presence, PresenceState, presence
from scheduler.waiting import EntryState, entry_of, line
from tests.support.clock import ManualClock
from tests.support.database import Database
from tests.support.district import District, make_district


async def state_of(district: District, lawyer: int = 0) -> Presence:
    async with district.database.reads() as db:
        return await presence(db, district.lawyers[lawyer].person_id, district.clock.now())


async def decline(district: District, offer_id: OfferId, lawyer: int = 0, reason: str = "") -> None:
    async with district.database.sessions.begin() as db:
        await decline_offer(db, district.lawyers[lawyer], offer_id, reason, district.clock.now())


async def expire(district: District) -> list[tuple[str, bool]]:
    async with district.database.sessions.begin() as db:
        expired = await expire_due(db, district.clock.now())
    return [(missed.offer_id, missed.on_break) for missed in expired.missed]


async def test_the_longest_idle_lawyer_is_asked_and_gets_the_consultation(district: District) -> None:
    await district.set_presence(1)
    district.clock.advance(10)
    await district.set_presence(0)
    consultation_id = await district.join_line()
    [offer] = await district.match()
    assert offer.lawyer_id == district.lawyers[1].person_id
    assert offer.expires_at == district.clock.now() + OFFER_LASTS
    assert await district.match() == []
    assert (await state_of(district, 1)).state is PresenceState.OFFERED
    assert await district.accept(offer.offer_id, 1) == consultation_id
    assert await district.accept(offer.offer_id, 1) == consultation_id, "a double press gets the same answer"
    assert (await state_of(district, 1)).state is PresenceState.IN_CONSULTATION
    async with district.database.reads() as db:
        found = await consultation(db, consultation_id)
        entry = await entry_of(db, consultation_id)
        assert entry is not None
        assert (found.state, found.lawyer_id, entry.state) == (
            ConsultationState.ACTIVE,
            district.lawyers[1].person_id,
            EntryState.SERVING,
        )


async def test_an_offer_is_its_lawyers_own(district: District) -> None:
    await district.set_presence(0)
    await district.join_line()
    [offer] = await district.match()
    with pytest.raises(NotFound):
        await district.accept(offer.offer_id, 1)
    with pytest.raises(NotFound):
        await district.accept(OfferId("none"))
    async with district.database.sessions.begin() as db:
        with pytest.raises(Denied):
            await accept_offer(db, district.clerks[0], offer.offer_id, district.clock.now())


async def test_a_declined_offer_goes_to_the_next_at_once(district: District) -> None:
    await district.set_presence(0)
    await district.set_presence(1)
    consultation_id = await district.join_line()
    [first] = await district.match()
    lawyer = 0 if first.lawyer_id == district.lawyers[0].person_id else 1
    await decline(district, first.offer_id, lawyer, "同事的案件")
    await decline(district, first.offer_id, lawyer)
    [second] = await district.match()
    assert (second.consultation_id, second.lawyer_id) == (consultation_id, district.lawyers[1 - lawyer].person_id)
    state = await state_of(district, lawyer)
    assert (state.state, state.missed) == (PresenceState.AVAILABLE, 0)
    with pytest.raises(Conflict):
        await district.accept(first.offer_id, lawyer)


async def test_a_lawyer_alone_is_asked_again_after_a_minute(district: District) -> None:
    await district.set_presence(0)
    await district.join_line()
    [first] = await district.match()
    await decline(district, first.offer_id)
    assert await district.match() == []
    async with district.database.reads() as db:
        assert await next_deadline(db, district.clock.now()) == district.clock.now() + timedelta(seconds=60)
    district.clock.advance(60)
    assert len(await district.match()) == 1


async def test_two_misses_in_a_row_are_a_break(district: District) -> None:
    await district.set_presence(0)
    consultation_id = await district.join_line()
    [first] = await district.match()
    district.clock.advance(29.9)
    assert await expire(district) == []
    district.clock.advance(0.1)
    assert await expire(district) == [(first.offer_id, False)]
    state = await state_of(district)
    assert (state.state, state.missed) == (PresenceState.AVAILABLE, 1)
    [second] = await district.match()
    district.clock.advance(30)
    assert await expire(district) == [(second.offer_id, True)]
    assert (await state_of(district)).state is PresenceState.ON_BREAK
    assert await district.match() == []
    async with district.database.reads() as db:
        entry = await entry_of(db, consultation_id)
        assert entry is not None
        assert entry.state is EntryState.WAITING
    await district.set_presence(0)
    assert (await state_of(district)).missed == 0
    assert len(await district.match()) == 1


async def test_an_answer_between_two_misses_starts_the_count_anew(district: District) -> None:
    await district.set_presence(0)
    await district.join_line()
    await district.match()
    district.clock.advance(30)
    await expire(district)
    [second] = await district.match()
    await decline(district, second.offer_id)
    district.clock.advance(60)
    await district.match()
    district.clock.advance(30)
    assert [on_break for _, on_break in await expire(district)] == [False]


async def test_an_answer_after_the_deadline_is_too_late(district: District) -> None:
    await district.set_presence(0)
    await district.join_line()
    [offer] = await district.match()
    district.clock.advance(30)
    with pytest.raises(Conflict) as refused:
        await district.accept(offer.offer_id)
    assert refused.value.state == "missed"


async def test_a_clock_set_back_gives_the_full_time_but_not_hours(district: District) -> None:
    await district.set_presence(0)
    await district.join_line()
    [offer] = await district.match()
    district.clock.set_wall(district.clock.now() - timedelta(hours=3))
    async with district.database.reads() as db:
        assert await next_deadline(db, district.clock.now()) == district.clock.now()
    assert await expire(district) == []
    district.clock.advance(30)
    assert await expire(district) == [(offer.offer_id, False)]


async def test_a_clock_set_forward_only_ends_the_offer(district: District) -> None:
    await district.set_presence(0)
    consultation_id = await district.join_line()
    [offer] = await district.match()
    district.clock.set_wall(district.clock.now() + timedelta(hours=3))
    assert await expire(district) == [(offer.offer_id, False)]
    [again] = await district.match()
    assert await district.accept(again.offer_id) == consultation_id


async def test_two_accepts_at_once_have_one_winner(database: Database, district: District) -> None:
    """Two servers on one database file, each with its own engine."""
    await district.set_presence(0)
    consultation_id = await district.join_line()
    [offer] = await district.match()
    second = Database(database.url)

    async def press(which: Database) -> str:
        async with which.sessions.begin() as db:
            return await accept_offer(db, district.lawyers[0], offer.offer_id, district.clock.now())

    async def withdraw() -> str:
        async with second.sessions.begin() as db:
            await decline_offer(db, district.lawyers[0], offer.offer_id, "", district.clock.now())
        return "declined"

    try:
        answers = await asyncio.gather(press(database), withdraw(), return_exceptions=True)
    finally:
        await second.close()
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(won) == 1
    assert won[0] in (consultation_id, "declined")
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1


async def test_two_matchers_at_once_offer_everybody_once(database: Database, district: District) -> None:
    for lawyer in (0, 1):
        await district.set_presence(lawyer)
        await district.join_line(station=lawyer)
    second = Database(database.url)

    async def run(which: Database) -> list[PersonId]:
        async with which.sessions.begin() as db:
            return [offer.lawyer_id for offer in await match_and_offer(db, district.clock.now())]

    try:
        answers = await asyncio.gather(run(database), run(second), run(database))
    finally:
        await second.close()
    assert sorted(person_id for answer in answers for person_id in answer) == sorted(
        lawyer.person_id for lawyer in district.lawyers
    )


async def test_who_accepts_while_the_deadline_fires_either_has_it_or_not(district: District) -> None:
    await district.set_presence(0)
    await district.join_line()
    [offer] = await district.match()
    now = district.clock.now()

    async def accept() -> None:
        async with district.database.sessions.begin() as db:
            await accept_offer(db, district.lawyers[0], offer.offer_id, now + timedelta(seconds=29))

    async def fire() -> None:
        async with district.database.sessions.begin() as db:
            await expire_due(db, now + timedelta(seconds=30))

    answers = await asyncio.gather(accept(), fire(), return_exceptions=True)
    state = (await state_of(district)).state
    assert answers[1] is None
    if answers[0] is None:
        assert state is PresenceState.IN_CONSULTATION
    else:
        assert isinstance(answers[0], Refused)
        assert state is PresenceState.AVAILABLE


async def test_a_crowd_is_served_by_everybody_at_once(database: Database, clock: ManualClock) -> None:
    crowd = await make_district(database, clock, stations=9, lawyers=6)
    for station in range(9):
        clock.advance(1)
        await crowd.join_line(station)
    for lawyer in range(6):
        await crowd.set_presence(lawyer)
    made = await crowd.match()
    assert len(made) == len({offer.lawyer_id for offer in made}) == 6
    async with database.reads() as db:
        first_six = {entry.id for entry in (await line(db))[:6]}
        assert {offer.entry_id for offer in made} == first_six
        assert [await open_offer_of(db, offer.lawyer_id) for offer in made] == [offer.offer_id for offer in made]
