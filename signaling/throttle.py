"""How often one address may try: a token bucket each, on the injected clock, in bounded memory."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from scheduler.clock import Clock
from scheduler.errors import Throttled

MOST_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class Throttle:
    """`per_minute` attempts a minute and address, all of them at once if need be.

    The least recently seen address is forgotten first; an attacker with more than 10,000 addresses is stopped by the
    throttle per account in the database.
    """

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._capacity = float(per_minute)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def attempt(self, address: str) -> None:
        """Takes one token.  Throttled when there is none."""
        now_s = self._clock.monotonic()
        bucket = self._buckets.setdefault(address, _Bucket(self._capacity, now_s))
        self._buckets.move_to_end(address)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        refilled = bucket.tokens + (now_s - bucket.at_s) * self._capacity / 60
        bucket.tokens, bucket.at_s = min(self._capacity, refilled), now_s
        if bucket.tokens < 1:
            raise Throttled((1 - bucket.tokens) * 60 / self._capacity)
        bucket.tokens -= 1
