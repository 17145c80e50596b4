"""Who is asked for whom: pure functions from the line, the free lawyers and the time to offers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scheduler.ids import EntryId, PersonId
from scheduler.terms import Group

BOOSTS_S: dict[Group, int] = {Group.ELDERLY: 120, Group.DISABLED: 120, Group.MINOR: 120}
# Nobody can be overtaken by somebody who came more than this much later: that is what keeps everybody from starving.
MAX_BOOST_S = 240
DECLINED_REST = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that can be offered. declined, missed: lawyers who had it before, and when they let it go."""

    entry_id: EntryId
    joined_at: datetime
    boost_s: int = 0
    declined: Mapping[PersonId, datetime] = field(default_factory=dict)
    missed: Collection[PersonId] = ()


@dataclass(frozen=True, slots=True)
class Free:
    """A lawyer who can be asked. idle_at: since when."""

    person_id: PersonId
    idle_at: datetime


def boost_s(groups: Iterable[Group]) -> int:
    """Seconds by which declared needs move an entry forward, bounded."""
    return min(MAX_BOOST_S, sum(BOOSTS_S.get(group, 0) for group in set(groups)))


def order(line: Iterable[Waiting]) -> list[Waiting]:
    """By arrival, moved forward by the boost; equal ones by id, so that the order is always the same."""
    return sorted(line, key=lambda entry: (entry.joined_at - timedelta(seconds=entry.boost_s), entry.entry_id))


def match(line: Iterable[Waiting], free: Iterable[Free], now: datetime) -> list[tuple[EntryId, PersonId]]:
    """First in line gets the lawyer who has been idle longest.

    A lawyer who declined an entry is not asked about it again for a minute; one who missed it only when nobody else
    is free. Nobody appears twice in the answer.
    """
    idle = sorted(free, key=lambda lawyer: (lawyer.idle_at, lawyer.person_id))
    offers: list[tuple[EntryId, PersonId]] = []
    for entry in order(line):
        if not idle:
            break
        lawyer = _choose(entry, idle, now)
        if lawyer is not None:
            idle.remove(lawyer)
            offers.append((entry.entry_id, lawyer.person_id))
    return offers


def _choose(entry: Waiting, idle: Sequence[Free], now: datetime) -> Free | None:
    second: Free | None = None
    for lawyer in idle:
        if resting(entry, lawyer.person_id, now):
            continue
        if lawyer.person_id not in entry.missed:
            return lawyer
        second = second or lawyer
    return second


def resting(entry: Waiting, person_id: PersonId, now: datetime) -> bool:
    declined_at = entry.declined.get(person_id)
    # A decline in the future means that the clock was set back: it must not rest for hours.
    return declined_at is not None and timedelta(0) <= now - declined_at < DECLINED_REST
