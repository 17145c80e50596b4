"""How much a publisher's videos may send: a policy over its subscribers' estimates. Pure; rates in bits per second.

A browser's estimate cannot exceed 1.5 times what arrives, so a quiet source (a static picture, a camera just unmuted)
looks like a slow link, and a plain minimum of the estimates collapses. An estimate counts only below 1.1 times the
load, and without loss never pushes below a floor.
"""

from collections.abc import Collection
from dataclasses import dataclass

MAX_BITRATE = 2_500_000
FLOOR, LOSSY_FLOOR = 400_000, 100_000
"""Per video while no subscriber loses packets; for all of them together when one does."""
LOSSY = 0.02
CONGESTED = 1.1


@dataclass(frozen=True, slots=True)
class Flowing:
    """One subscription: what is sent to the subscriber, and which share of it gets lost."""

    rate: float
    lost_fraction: float
    wanted: bool
    """Whether it is one of the publisher's videos that the question is about."""


def share(estimate: int, flowing: Collection[Flowing]) -> int:
    """What a subscriber with this estimate leaves to the wanted videos; MAX_BITRATE when it is not congested."""
    load = sum(one.rate for one in flowing)
    wanted = [one for one in flowing if one.wanted]
    wanted_rate = sum(one.rate for one in wanted)
    if not wanted_rate or estimate >= CONGESTED * load:
        return MAX_BITRATE
    lossy = any(one.lost_fraction > LOSSY for one in wanted)
    return max(LOSSY_FLOOR if lossy else FLOOR * len(wanted), int(estimate * wanted_rate / load))
