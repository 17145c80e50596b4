"""The numbered stream of a worker's events: bounded memory, waited for by long polls."""

import asyncio
import collections
from itertools import islice

MEMORY = 10_000


class EventLog:
    """Events are numbered from 1; the oldest are forgotten beyond `memory`, which a reader sees as a gap."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._events: collections.deque[dict[str, object]] = collections.deque(maxlen=memory)
        self._changed = asyncio.Event()
        self.last = 0

    def append(self, event: dict[str, object]) -> None:
        self.last += 1
        self._events.append({"n": self.last, **event})
        self._changed.set()
        self._changed = asyncio.Event()

    def after(self, number: int) -> tuple[list[dict[str, object]], bool]:
        """Events newer than `number`, and whether some are forgotten (or `number` is of another stream)."""
        oldest = self.last - len(self._events)
        if number < oldest or number > self.last:
            return list(self._events), True
        return list(islice(self._events, number - oldest, None)), False

    async def wait_after(self, number: int, wait_s: float) -> None:
        """Return when there is something newer than `number`, or after `wait_s` seconds."""
        changed = self._changed
        if self.last > number:
            return
        try:
            await asyncio.wait_for(changed.wait(), wait_s)
        except TimeoutError:
            return
