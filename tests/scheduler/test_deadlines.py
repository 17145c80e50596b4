from dataclasses import replace
from datetime import timedelta

from scheduler.consultations import ConsultationState, consultation, interrupt
from scheduler.deadlines import INTERRUPTED_FOR, Expired, after_restart, expire_due, next_deadline
from scheduler.ids import ConsultationId
from scheduler.intake import station_back, station_gone
from scheduler.presence import AWAY_FOR, PROTECTED, PresenceState, connected, disconnected, lawyers_on_duty, presence
from scheduler.waiting import ABSENT_FOR, ENTRY_LIFETIME, EntryState, entry_of
from tests.support.database import Database
from tests.support.district import LOAN, District

NO_PHONE = replace(LOAN, phone="")


async def expire(district: District) -> Expired:
    async with district.database.sessions.begin() as db:
        return await expire_due(db, district.clock.now())


async def deadline_in(district: District) -> timedelta | None:
    async with district.database.reads() as db:
        at = await next_deadline(db, district.clock.now())
    return None if at is None else at - district.clock.now()


async def entry_state(district: District, consultation_id: ConsultationId) -> EntryState:
    async with district.database.reads() as db:
        entry = await entry_of(db, consultation_id)
    assert entry is not None
    return entry.state


async def lawyer_state(district: District) -> PresenceState:
    async with district.database.reads() as db:
        return (await presence(db, district.lawyers[0].person_id, district.clock.now())).state


async def test_nothing_pending_nothing_due(district: District) -> None:
    assert await deadline_in(district) is None
    assert not await expire(district)


async def test_protected_time_ends_and_the_lawyer_is_asked_again(district: District) -> None:
    await district.end(await district.talk())
    assert await deadline_in(district) == PROTECTED
    await district.join_line()
    assert await district.match() == []
    district.clock.advance(PROTECTED.total_seconds())
    assert (await expire(district)).freed == [district.lawyers[0].person_id]
    assert len(await district.match()) == 1


async def test_a_lawyer_without_a_window_is_not_asked_and_goes_off_duty(district: District) -> None:
    await district.set_presence(0)
    lawyer = district.lawyers[0].person_id
    async with district.database.sessions.begin() as db:
        await disconnected(db, lawyer, district.clock.now())
        assert await lawyers_on_duty(db) == 0
    await district.join_line()
    assert await district.match() == []
    assert await deadline_in(district) == AWAY_FOR
    district.clock.advance(AWAY_FOR.total_seconds() - 1)
    async with district.database.sessions.begin() as db:
        await disconnected(db, lawyer, district.clock.now())
        assert (await expire_due(db, district.clock.now())).went_offline == []
        await connected(db, lawyer, district.clock.now())
        assert await lawyers_on_duty(db) == 1
        await disconnected(db, lawyer, district.clock.now())
    district.clock.advance(AWAY_FOR.total_seconds())
    assert (await expire(district)).went_offline == [lawyer]
    assert await lawyer_state(district) is PresenceState.OFFLINE


async def test_a_lawyer_gone_during_a_consultation_keeps_it(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        await disconnected(db, district.lawyers[0].person_id, district.clock.now())
    district.clock.advance(AWAY_FOR.total_seconds() * 3)
    assert not await expire(district)
    assert await lawyer_state(district) is PresenceState.IN_CONSULTATION
    async with district.database.reads() as db:
        assert (await consultation(db, consultation_id)).state is ConsultationState.ACTIVE


async def test_an_interrupted_consultation_ends_with_a_form(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        await interrupt(db, consultation_id, district.clock.now())
    assert await deadline_in(district) == INTERRUPTED_FOR
    district.clock.advance(INTERRUPTED_FOR.total_seconds())
    assert (await expire(district)).ended == [consultation_id]
    async with district.database.reads() as db:
        found = await consultation(db, consultation_id)
    assert (found.state, found.end_cause) == (ConsultationState.WRAP_UP, "interrupted_too_long")


async def test_an_absent_station_becomes_a_callback(district: District) -> None:
    consultation_id = await district.join_line()
    async with district.database.sessions.begin() as db:
        await station_gone(db, consultation_id, district.clock.now())
    assert await deadline_in(district) == ABSENT_FOR
    district.clock.advance(ABSENT_FOR.total_seconds())
    assert (await expire(district)).changed == [consultation_id]
    assert await entry_state(district, consultation_id) is EntryState.CALLBACK
    district.clock.advance(timedelta(days=30).total_seconds())
    assert not await expire(district), "a promised call is never forgotten"
    async with district.database.sessions.begin() as db:
        await station_back(db, consultation_id)
    assert await entry_state(district, consultation_id) is EntryState.CALLBACK


async def test_an_absent_station_without_a_number_leaves_the_line_with_its_draft(district: District) -> None:
    consultation_id = await district.join_line(fields=NO_PHONE)
    async with district.database.sessions.begin() as db:
        await station_gone(db, consultation_id, district.clock.now())
    district.clock.advance(ABSENT_FOR.total_seconds())
    assert (await expire(district)).changed == [consultation_id]
    assert await entry_state(district, consultation_id) is EntryState.EXPIRED
    assert await district.join_line() != consultation_id, "the station is free"


async def test_yesterdays_line_does_not_block_today(district: District) -> None:
    with_phone = await district.join_line()
    without = await district.join_line(station=1, fields=NO_PHONE)
    district.clock.advance(ENTRY_LIFETIME.total_seconds())
    assert set((await expire(district)).changed) == {with_phone, without}
    assert await entry_state(district, with_phone) is EntryState.CALLBACK
    assert await entry_state(district, without) is EntryState.EXPIRED


async def test_a_restarted_server_finds_every_deadline_in_the_tables(district: District) -> None:
    await district.set_presence(0)
    consultation_id = await district.join_line()
    [offer] = await district.match()
    await district.database.close()
    again = replace(district, database=Database(district.database.url))
    try:
        assert await deadline_in(again) == timedelta(seconds=30)
        async with again.database.sessions.begin() as db:
            await after_restart(db, again.clock.now())
        assert await entry_state(again, consultation_id) is EntryState.ABSENT
        assert await again.match() == [], "no browser is connected yet"
        async with again.database.sessions.begin() as db:
            await connected(db, again.lawyers[0].person_id, again.clock.now())
            await station_back(db, consultation_id)
        [second] = await again.match()
        assert (second.consultation_id, second.lawyer_id) == (consultation_id, offer.lawyer_id)
        assert second.offer_id != offer.offer_id
    finally:
        await again.database.close()


async def test_late_jobs_catch_up_at_once(district: District) -> None:
    """Everything fell due while the server was down for a day."""
    await district.set_presence(0)
    first = await district.join_line()
    await district.match()
    second = await district.join_line(station=1)
    district.clock.advance(86_400)
    expired = await expire(district)
    assert [missed.consultation_id for missed in expired.missed] == [first]
    assert set(expired.changed) == {first, second}
    assert not await expire(district)


async def test_a_clock_set_back_holds_nobody_for_hours(district: District) -> None:
    await district.end(await district.talk())
    absent = await district.join_line(station=1)
    async with district.database.sessions.begin() as db:
        await station_gone(db, absent, district.clock.now())
        await disconnected(db, district.lawyers[1].person_id, district.clock.now())
    district.clock.set_wall(district.clock.now() - timedelta(hours=5))
    assert await deadline_in(district) == timedelta(0)
    await expire(district)
    assert await deadline_in(district) is not None
    district.clock.advance(ABSENT_FOR.total_seconds())
    expired = await expire(district)
    assert expired.changed == [absent]
    assert await lawyer_state(district) is PresenceState.AVAILABLE
