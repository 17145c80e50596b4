"""Lines through sender reports: right with noise, modest with little to go by, unmoved by outliers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.clock_fit import Arrival, Report, fit_clock, fit_line, fit_relay

UNIX_US = 1_700_000_000_000_000
RATE = 90_000


def reports(seconds: int, skew_ppm: float = 0.0, offset_us: int = 0, jitter_us: int = 0) -> list[Report]:
    dice = random.Random(1)
    return [
        Report(
            2**32 + round(second * RATE * (1 + skew_ppm / 1e6)),
            UNIX_US + offset_us + second * 1_000_000,
            UNIX_US + second * 1_000_000 + 20_000 + dice.randint(0, jitter_us),
        )
        for second in range(seconds)
    ]


@given(st.floats(-500, 500), st.integers(-(10**12), 10**12), st.integers(30, 600))
def test_skew_and_offset_are_found(skew_ppm: float, offset_us: int, seconds: int) -> None:
    known = reports(seconds, skew_ppm, offset_us)
    fit = fit_clock(known, [], RATE, fit_relay(known))
    assert fit.source == "sender_reports" and fit.points == seconds
    assert fit.skew_ppm == pytest.approx(skew_ppm, abs=1.0)
    for report in known:
        assert fit.wall_us(report.timestamp) == pytest.approx(report.wall_us, abs=50)


def test_jitter_moves_all_tracks_of_a_connection_alike() -> None:
    sound, pictures = reports(60, jitter_us=80_000), reports(60, jitter_us=10_000)
    relay = fit_relay([*sound, *pictures])
    fits = [fit_clock(one, [], RATE, relay) for one in (sound, pictures)]
    for report in sound:
        assert fits[0].wall_us(report.timestamp) == pytest.approx(fits[1].wall_us(report.timestamp), abs=1)


def test_a_few_reports_keep_the_nominal_rate() -> None:
    known = reports(3, skew_ppm=900)
    fit = fit_clock(known, [], RATE, fit_relay(known))
    assert fit.skew_ppm == pytest.approx(0, abs=1e-6)
    assert fit.wall_us(known[1].timestamp) == pytest.approx(known[1].wall_us, abs=2000)


def test_a_clock_that_was_set_does_not_bend_the_line() -> None:
    known = reports(60)
    known[30] = known[30]._replace(ntp_us=known[30].ntp_us + 3_600_000_000)
    fit = fit_clock(known, [], RATE, fit_relay(reports(60)))
    assert fit.wall_us(known[50].timestamp) == pytest.approx(known[50].wall_us, abs=100)


def test_without_reports_the_quickest_packets_serve() -> None:
    arrivals = [Arrival(second * RATE, UNIX_US + second * 1_000_000) for second in range(40)]
    fit = fit_clock([], arrivals, RATE, None)
    assert (fit.source, fit.points) == ("arrival", 40)
    assert fit.wall_us(20 * RATE) == pytest.approx(UNIX_US + 20_000_000, abs=2)
    with pytest.raises(ValueError, match="without packets"):
        fit_clock([], [], RATE, None)


def test_one_point_is_a_line_too() -> None:
    line = fit_line([5.0], [7.0], 2.0, 1.0)
    assert (line(5.0), line(6.0), line.residual) == (7.0, 9.0, 0.0)
    assert fit_relay([]) is None
