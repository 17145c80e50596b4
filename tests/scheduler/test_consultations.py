import asyncio
import itertools
from enum import StrEnum

import pytest
from sqlalchemy.exc import IntegrityError

from scheduler.consultations import (
    IN_PROGRESS,
    TRANSITIONS,
    Consultation,
    ConsultationState,
    ParticipantRole,
    add_participant,
    begin,
    consultation,
    consultations_in_progress,
    interrupt,
    move,
    open_consultation_of_lawyer,
    open_consultation_of_station,
    participant_of,
    participants,
    resume,
)
from scheduler.endings import end, fail
from scheduler.errors import Conflict, NotFound
from scheduler.ids import ConsultationId
from scheduler.intake import call
from scheduler.presence import PRESENCE_TRANSITIONS, PresenceState, presence
from scheduler.waiting import ENTRY_TRANSITIONS, EntryState, entry_of
from tests.support.district import District

S = ConsultationState
ENDS = {S.CLOSED, S.ABANDONED, S.REBOOKED, S.FAILED}


@pytest.mark.parametrize(
    ("table", "start", "ends"),
    [
        (TRANSITIONS, S.REGISTERED, ENDS),
        (ENTRY_TRANSITIONS, EntryState.WAITING, {EntryState.DONE, EntryState.CANCELLED, EntryState.EXPIRED}),
        (PRESENCE_TRANSITIONS, PresenceState.OFFLINE, set()),
    ],
)
def test_every_state_is_reached_and_left(
    table: dict[StrEnum, frozenset[StrEnum]], start: StrEnum, ends: set[StrEnum]
) -> None:
    assert set(table) == set(type(start)), "every state has a line in the table"
    reached, frontier = {start}, [start]
    while frontier:
        new = table[frontier.pop()] - reached
        reached |= new
        frontier += new
    assert reached == set(table)
    assert {state for state, targets in table.items() if not targets} == ends
    assert all(state not in targets for state, targets in table.items())


async def test_the_table_alone_decides(district: District) -> None:
    consultation_id = await district.join_line()
    async with district.database.sessions.begin() as db:
        for old, new in itertools.product(S, S):
            (await db.get_one(Consultation, consultation_id)).state = old
            await db.flush()
            if new in TRANSITIONS[old]:
                assert (await move(db, consultation_id, [old], new)).state is new
            else:
                with pytest.raises(ValueError, match="transition table"):
                    await move(db, consultation_id, [old], new)
                assert (await consultation(db, consultation_id)).state is old


async def test_a_lost_race_says_where_it_is_now(district: District) -> None:
    consultation_id = await district.talk()
    answers = await asyncio.gather(*[district.end(consultation_id) for _ in range(4)], return_exceptions=True)
    assert answers == [None] * 4, "ending twice is fine: both sides press"
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict) as refused:
            await move(db, consultation_id, [S.ACTIVE], S.INTERRUPTED)
    assert refused.value.state is S.WRAP_UP


async def test_interrupted_and_back(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        for _ in range(2):
            found = await interrupt(db, consultation_id, district.clock.now())
            assert (found.state, found.interrupted_at) == (S.INTERRUPTED, district.clock.now())
        assert await open_consultation_of_station(db, district.clerks[0].org_id) == consultation_id
        assert await open_consultation_of_lawyer(db, district.lawyers[0].person_id) == consultation_id
        assert await consultations_in_progress(db) == [consultation_id]
        for _ in range(2):
            found = await resume(db, consultation_id)
            assert (found.state, found.interrupted_at) == (S.ACTIVE, None)


async def test_begin_is_stamped_once(district: District) -> None:
    consultation_id = await district.talk()
    started = district.clock.now()
    async with district.database.sessions.begin() as db:
        assert await begin(db, consultation_id, district.clock.advance(50)) == started
    waiting = await district.join_line(station=1)
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict):
            await begin(db, waiting, district.clock.now())
        with pytest.raises(NotFound):
            await begin(db, ConsultationId("none"), district.clock.now())


async def test_ending_frees_the_station_and_protects_the_lawyer(district: District) -> None:
    consultation_id = await district.talk()
    district.clock.advance(600)
    await district.end(consultation_id)
    async with district.database.reads() as db:
        found = await consultation(db, consultation_id)
        entry = await entry_of(db, consultation_id)
        state = await presence(db, district.lawyers[0].person_id, district.clock.now())
        assert entry is not None
        assert (found.state, entry.state, state.state) == (S.WRAP_UP, EntryState.DONE, PresenceState.WRAP_UP)
        assert state.protected_until is not None
        assert (state.protected_until - district.clock.now()).total_seconds() == 90
        assert await open_consultation_of_station(db, district.clerks[0].org_id) is None
        assert await open_consultation_of_lawyer(db, district.lawyers[0].person_id) is None
        assert found.ended_at == district.clock.now()


async def test_a_failed_consultation_can_be_called_again_at_once(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        found = await fail(db, consultation_id, district.clock.now(), cause="worker_lost")
        state = await presence(db, district.lawyers[0].person_id, district.clock.now())
    assert (found.state, found.end_cause, state.state) == (S.FAILED, "worker_lost", PresenceState.AVAILABLE)
    request = await district.request()
    async with district.database.sessions.begin() as db:
        again = await call(db, district.cipher, district.clerks[0], found.visit_id, request, district.clock.now())
    assert again != consultation_id


async def test_a_clock_set_back_gives_no_negative_length(district: District) -> None:
    consultation_id = await district.talk()
    start = district.clock.now()
    district.clock.set_wall(start.replace(year=2025))
    await district.end(consultation_id)
    async with district.database.reads() as db:
        assert (await consultation(db, consultation_id)).ended_at == start


async def test_what_only_waits_cannot_end(district: District) -> None:
    consultation_id = await district.join_line()
    async with district.database.sessions.begin() as db:
        with pytest.raises(Conflict):
            await end(db, consultation_id, district.clock.now())
        with pytest.raises(Conflict):
            await fail(db, consultation_id, district.clock.now(), cause="x")


async def test_the_same_person_is_the_same_participant(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        rows = await participants(db, consultation_id)
        assert [(row.role, row.name) for row in rows] == [
            (ParticipantRole.CLERK, district.clerks[0].name),
            (ParticipantRole.LAWYER, district.lawyers[0].name),
        ]
        lawyer = district.lawyers[0]
        again = await add_participant(
            db, consultation_id, lawyer.person_id, ParticipantRole.LAWYER, lawyer.name, district.clock.now()
        )
        assert again == rows[1] == await participant_of(db, consultation_id, lawyer.person_id)
        assert await participant_of(db, consultation_id, district.lawyers[1].person_id) is None


async def test_the_database_itself_refuses_a_second_consultation(district: District) -> None:
    first = await district.talk()
    second = await district.join_line(station=1)
    with pytest.raises(IntegrityError):
        async with district.database.sessions.begin() as db:
            row = await db.get_one(Consultation, second)
            row.state, row.lawyer_id = S.ACTIVE, district.lawyers[0].person_id
    with pytest.raises(IntegrityError):
        async with district.database.sessions.begin() as db:
            (await db.get_one(Consultation, second)).org_id = district.clerks[0].org_id
    async with district.database.reads() as db:
        assert (await consultation(db, first)).state in IN_PROGRESS
