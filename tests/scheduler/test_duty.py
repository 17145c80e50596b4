import pytest

from scheduler.duty import set_presence
from scheduler.errors import Conflict, Denied, Invalid
from scheduler.presence import PRESENCE_TRANSITIONS, Presence, PresenceState, move_presence, presence
from tests.support.district import District

P = PresenceState


async def press(district: District, state: PresenceState) -> Presence:
    async with district.database.sessions.begin() as db:
        return await set_presence(db, district.lawyers[0], state, district.clock.now())


async def test_up_break_and_down(district: District) -> None:
    async with district.database.reads() as db:
        assert (await presence(db, district.lawyers[0].person_id, district.clock.now())).state is P.OFFLINE
    for state in (P.AVAILABLE, P.ON_BREAK, P.AVAILABLE, P.OFFLINE):
        district.clock.advance(1)
        now = await press(district, state)
        assert (now.state, now.since_at) == (state, district.clock.now())
    district.clock.advance(1)
    assert (await press(district, P.OFFLINE)).since_at < district.clock.now(), "pressing again changes nothing"


async def test_off_duty_there_is_no_break(district: District) -> None:
    assert (await press(district, P.ON_BREAK)).state is P.ON_BREAK


@pytest.mark.parametrize("state", [P.OFFERED, P.IN_CONSULTATION, P.WRAP_UP])
async def test_what_only_the_system_sets(district: District, state: PresenceState) -> None:
    with pytest.raises(Invalid):
        await press(district, state)


@pytest.mark.parametrize("state", [P.AVAILABLE, P.ON_BREAK, P.OFFLINE])
async def test_not_in_a_consultation(district: District, state: PresenceState) -> None:
    await district.talk()
    with pytest.raises(Conflict) as refused:
        await press(district, state)
    assert refused.value.state is P.IN_CONSULTATION


@pytest.mark.parametrize("state", [P.ON_BREAK, P.OFFLINE])
async def test_leaving_with_an_open_offer_passes_it_on(district: District, state: PresenceState) -> None:
    await district.set_presence(0)
    consultation_id = await district.join_line()
    [offer] = await district.match()
    assert (await press(district, P.AVAILABLE)).state is P.OFFERED, "the offer stays open"
    assert (await press(district, state)).state is state
    with pytest.raises(Conflict):
        await district.accept(offer.offer_id)
    await district.set_presence(1)
    [second] = await district.match()
    assert (second.consultation_id, second.lawyer_id) == (consultation_id, district.lawyers[1].person_id)


async def test_going_up_ends_the_protected_time(district: District) -> None:
    consultation_id = await district.talk()
    await district.end(consultation_id)
    now = await press(district, P.AVAILABLE)
    assert (now.state, now.protected_until) == (P.AVAILABLE, None)


async def test_only_lawyers(district: District) -> None:
    async with district.database.sessions.begin() as db:
        with pytest.raises(Denied):
            await set_presence(db, district.clerks[0], P.AVAILABLE, district.clock.now())


async def test_a_move_the_table_does_not_know_is_a_bug(district: District) -> None:
    async with district.database.sessions.begin() as db:
        for old in P:
            for new in set(P) - PRESENCE_TRANSITIONS[old]:
                with pytest.raises(ValueError, match="presence table"):
                    await move_presence(db, district.lawyers[0].person_id, [old], new, district.clock.now())
