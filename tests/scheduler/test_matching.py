from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.ids import EntryId, PersonId
from scheduler.matching import DECLINED_REST, MAX_BOOST_S, Free, Waiting, boost_s, match, order, resting
from scheduler.terms import Group
from tests.support.clock import START

WANG, ZHANG = PersonId("wang"), PersonId("zhang")


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def entry(name: str, seconds: float = 0, boost: int = 0, **history: object) -> Waiting:
    return Waiting(EntryId(name), START + at(seconds), boost, **history)  # type: ignore[arg-type]


def test_first_in_line_gets_who_has_been_idle_longest() -> None:
    free = [Free(WANG, START + at(5)), Free(ZHANG, START)]
    assert match([entry("b", 2), entry("a", 1)], free, START) == [("a", ZHANG), ("b", WANG)]


def test_nobody_free_or_nobody_waiting() -> None:
    assert match([entry("a")], [], START) == []
    assert match([], [Free(WANG, START)], START) == []


def test_who_declined_rests_for_a_minute() -> None:
    waiting = entry("a", declined={WANG: START})
    assert match([waiting], [Free(WANG, START)], START + at(59)) == []
    assert match([waiting], [Free(WANG, START)], START + DECLINED_REST) == [("a", WANG)]
    assert match([waiting], [Free(WANG, START), Free(ZHANG, START + at(9))], START + at(10)) == [("a", ZHANG)]


def test_a_decline_blocks_only_that_entry() -> None:
    line = [entry("a", declined={WANG: START}), entry("b", 1)]
    assert match(line, [Free(WANG, START)], START + at(2)) == [("b", WANG)]


def test_a_decline_in_the_future_does_not_rest_for_hours() -> None:
    assert not resting(entry("a", declined={WANG: START + at(7200)}), WANG, START)


def test_who_missed_it_is_asked_again_only_when_nobody_else_is_free() -> None:
    waiting = entry("a", missed={WANG})
    assert match([waiting], [Free(WANG, START), Free(ZHANG, START + at(9))], START) == [("a", ZHANG)]
    assert match([waiting], [Free(WANG, START)], START) == [("a", WANG)]


def test_boosts_are_bounded() -> None:
    assert boost_s([]) == boost_s([Group.WOMAN]) == 0
    assert boost_s([Group.ELDERLY]) == boost_s([Group.ELDERLY, Group.ELDERLY]) == 120
    assert boost_s(list(Group)) == MAX_BOOST_S


entries = st.lists(
    st.builds(
        Waiting,
        st.text("abcdef0123456789", min_size=4, max_size=4).map(EntryId),
        st.integers(0, 3600).map(lambda seconds: START + at(seconds)),
        st.sets(st.sampled_from(Group)).map(boost_s),
        st.dictionaries(st.sampled_from([WANG, ZHANG]), st.integers(0, 3600).map(lambda s: START + at(s)), max_size=2),
        st.sets(st.sampled_from([WANG, ZHANG])),
    ),
    max_size=20,
    unique_by=lambda waiting: waiting.entry_id,
)
lawyers = st.lists(
    st.builds(
        Free,
        st.sampled_from([WANG, ZHANG, PersonId("liu"), PersonId("chen")]),
        st.integers(0, 3600).map(lambda seconds: START + at(seconds)),
    ),
    max_size=4,
    unique_by=lambda free: free.person_id,
)


@given(entries, lawyers)
def test_nobody_twice_and_nobody_idle_without_a_reason(line: list[Waiting], free: list[Free]) -> None:
    now = START + at(3600)
    pairs = match(line, free, now)
    assert len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs}) == len(pairs)
    left = {waiting.entry_id: waiting for waiting in line if waiting.entry_id not in dict(pairs)}
    idle = {lawyer.person_id for lawyer in free} - {pair[1] for pair in pairs}
    for waiting in left.values():
        assert all(resting(waiting, person_id, now) for person_id in idle)
    assert match(list(reversed(line)), list(reversed(free)), now) == pairs, "the order of the input means nothing"


@given(entries)
def test_nobody_starves(line: list[Waiting]) -> None:
    """Whoever came more than the greatest boost earlier is never overtaken."""
    ordered = order(line)
    for index, later in enumerate(ordered):
        for ahead in ordered[:index]:
            assert (ahead.joined_at - later.joined_at).total_seconds() <= MAX_BOOST_S
