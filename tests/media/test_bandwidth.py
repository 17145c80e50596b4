"""The bandwidth policy as a function."""

from hypothesis import given
from hypothesis import strategies as st

from media.bandwidth import FLOOR, LOSSY_FLOOR, MAX_BITRATE, Flowing, share

flowing = st.builds(Flowing, st.floats(0, 5e6), st.floats(0, 1), st.booleans())


@given(st.integers(0, 10**8), st.lists(flowing, max_size=6))
def test_share_is_between_the_floor_and_the_highest(estimate: int, given_flowing: list[Flowing]) -> None:
    found = share(estimate, given_flowing)
    assert found >= LOSSY_FLOOR
    assert found <= max(MAX_BITRATE, estimate) or found <= FLOOR * len(given_flowing)


def test_nothing_wanted_is_no_limit() -> None:
    assert share(1000, []) == MAX_BITRATE
    assert share(1000, [Flowing(1e6, 0.0, False)]) == MAX_BITRATE


def test_a_floor_for_each_video() -> None:
    assert share(10_000, [Flowing(1e6, 0.0, True), Flowing(1e6, 0.0, True)]) == 2 * FLOOR
    assert share(10_000, [Flowing(1e6, 0.0, True), Flowing(1e6, 0.03, True)]) == LOSSY_FLOOR


def test_sound_takes_its_share_of_a_tight_link() -> None:
    assert share(900_000, [Flowing(900_000, 0.0, True), Flowing(100_000, 0.0, False)]) == 810_000
