"""Which wall time a media timestamp was taken at: a straight line fitted to the publisher's sender reports.

Two steps (RFC 3550 section 6.4.1): media clock → the publisher's wall clock, per part; the publisher's wall clock → the
relay's, per connection, the same for all its parts, so that the network's delay cannot pull sound and picture apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

_SKEW_PPM_MAX = 1_000.0
_SLOPE_SPAN_S = 20.0
_SLOPE_POINTS = 5


class Report(NamedTuple):
    """A sender report: unwrapped media timestamp, the publisher's clock and the time of arrival at the relay (Unix
    µs).
    """

    timestamp: int
    ntp_us: int
    wall_us: int


class Arrival(NamedTuple):
    """The packet of a second that came with the least delay."""

    timestamp: int
    wall_us: int


@dataclass(frozen=True)
class Line:
    """y = y0 + slope · (x - x0); `residual` is the root mean square of what is left, in units of y."""

    x0: float
    y0: float
    slope: float
    residual: float

    def __call__(self, x: float) -> float:
        return self.y0 + self.slope * (x - self.x0)


@dataclass(frozen=True)
class ClockFit:
    """Media timestamp → relay's wall clock (Unix µs). `skew_ppm`: by how much the publisher's media clock runs fast."""

    source: Literal["sender_reports", "arrival"]
    points: int
    skew_ppm: float
    residual_us: float
    to_publisher: Line
    to_relay: Line | None

    def wall_us(self, timestamp: int) -> float:
        at = self.to_publisher(timestamp)
        return at if self.to_relay is None else self.to_relay(at)


def fit_line(xs: Sequence[float], ys: Sequence[float], nominal: float, span: float) -> Line:
    """Least squares; outliers beyond three times the median deviation are left out once.

    The slope stays at `nominal` when there are fewer than five points, they span less than `span`, or the fitted one is
    more than 1,000 ppm away from it: no crystal is, so it is noise or a clock that was set.
    """
    line = _least_squares(xs, ys, nominal, span)
    deviations = [abs(y - line(x)) for x, y in zip(xs, ys, strict=True)]
    limit = max(1.0, 3 * sorted(deviations)[len(deviations) // 2])
    kept = [(x, y) for x, y, deviation in zip(xs, ys, deviations, strict=True) if deviation <= limit]
    if len(kept) >= _SLOPE_POINTS:
        line = _least_squares([x for x, _ in kept], [y for _, y in kept], nominal, span)
    return line


def fit_relay(reports: Sequence[Report]) -> Line | None:
    """The publisher's wall clock → the relay's, from all reports of one connection; None without any."""
    if not reports:
        return None
    return fit_line([r.ntp_us for r in reports], [r.wall_us for r in reports], 1.0, _SLOPE_SPAN_S * 1e6)


def fit_clock(reports: Sequence[Report], arrivals: Sequence[Arrival], rate: int, relay: Line | None) -> ClockFit:
    """The clock of one part: by its sender reports, or by arrival when there are none. `rate` in Hz."""
    nominal = 1e6 / rate
    if reports and relay is not None:
        line = fit_line([r.timestamp for r in reports], [r.ntp_us for r in reports], nominal, _SLOPE_SPAN_S * rate)
        return ClockFit("sender_reports", len(reports), _skew(line, nominal), line.residual, line, relay)
    if not arrivals:
        raise ValueError("a clock cannot be fitted without packets")
    line = fit_line([a.timestamp for a in arrivals], [a.wall_us for a in arrivals], nominal, _SLOPE_SPAN_S * rate)
    return ClockFit("arrival", len(arrivals), _skew(line, nominal), line.residual, line, None)


def _skew(line: Line, nominal: float) -> float:
    return (nominal / line.slope - 1) * 1e6


def _least_squares(xs: Sequence[float], ys: Sequence[float], nominal: float, span: float) -> Line:
    count = len(xs)
    # Differences from the first point first: Unix microseconds leave a float too few digits to be squared.
    left, low = xs[0], ys[0]
    x0 = sum(x - left for x in xs) / count
    y0 = sum(y - low for y in ys) / count
    slope = nominal
    if count >= _SLOPE_POINTS and max(xs) - min(xs) >= span:
        square = sum((x - left - x0) ** 2 for x in xs)
        fitted = sum((x - left - x0) * (y - low - y0) for x, y in zip(xs, ys, strict=True)) / square
        if abs(fitted / nominal - 1) * 1e6 <= _SKEW_PPM_MAX:
            slope = fitted
    squares = sum((y - low - y0 - slope * (x - left - x0)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Line(left + x0, low + y0, slope, (squares / count) ** 0.5)
