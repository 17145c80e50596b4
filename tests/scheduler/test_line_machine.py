"""The waiting line under everything that people, clocks and restarts do to it, in any order."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.audit import verify_chain
from scheduler.consultations import IN_PROGRESS, Consultation, ConsultationState, Mode, interrupt, resume
from scheduler.deadlines import after_restart, expire_due, next_deadline
from scheduler.endings import end, fail
from scheduler.errors import Conflict, Invalid
from scheduler.ids import ConsultationId
from scheduler.intake import cancel, station_back, station_gone, to_callback
from scheduler.offers import Offer, OfferState, accept_offer, decline_offer, match_and_offer
from scheduler.presence import LawyerPresence, PresenceState, connected, disconnected
from scheduler.terms import Group
from scheduler.waiting import EntryState, WaitingEntry
from scheduler.wrap_up import close, read_wrap_up
from tests.support.clock import ManualClock
from tests.support.database import fresh_database
from tests.support.district import DONE, LOAN, District, make_district

STATIONS, LAWYERS = 4, 3
STEPS = ["interrupt", "resume", "interrupt", "end", "end", "close", "close", "fail"]
T = TypeVar("T")
# Which state of the consultation goes with which state of its entry.
FITS: dict[EntryState, set[ConsultationState]] = {
    EntryState.WAITING: {ConsultationState.WAITING},
    EntryState.ABSENT: {ConsultationState.WAITING},
    EntryState.OFFERED: {ConsultationState.OFFERED},
    EntryState.CALLBACK: {ConsultationState.CALLBACK},
    EntryState.SERVING: set(IN_PROGRESS),
    EntryState.DONE: {ConsultationState.WRAP_UP, ConsultationState.CLOSED, ConsultationState.FAILED},
    EntryState.CANCELLED: {ConsultationState.ABANDONED},
    EntryState.EXPIRED: {ConsultationState.ABANDONED},
}
BUSY = {PresenceState.IN_CONSULTATION}
stations, lawyers = st.integers(0, STATIONS - 1), st.integers(0, LAWYERS - 1)


class LineMachine(RuleBasedStateMachine):
    district: District

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.closing = AsyncExitStack()
        self.clock = ManualClock()
        self.joined: list[ConsultationId] = []
        self.served: list[ConsultationId] = []

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    @initialize()
    def open(self) -> None:
        async def make() -> District:
            directory = await asyncio.to_thread(self.closing.enter_context, tempfile.TemporaryDirectory())
            database = await self.closing.enter_async_context(fresh_database(Path(directory)))
            made = await make_district(database, self.clock, STATIONS, LAWYERS)
            for lawyer in range(LAWYERS):
                await made.set_presence(lawyer)
            return made

        self.district = self.run(make())

    def teardown(self) -> None:
        if hasattr(self, "district"):
            self.run(self._check_trail())
        self.run(self.closing.aclose())
        self.runner.close()

    async def _check_trail(self) -> None:
        async with self.district.database.reads() as db:
            assert (await verify_chain(db)).ok

    # What clerks do.

    @rule(station=stations, groups=st.sets(st.sampled_from([Group.ELDERLY, Group.MINOR])), phone=st.booleans())
    def join(self, station: int, groups: set[Group], phone: bool) -> None:
        fields = replace(LOAN, groups=sorted(groups), phone=LOAN.phone if phone else "")
        try:
            self.joined.append(self.run(self.district.join_line(station, fields)))
        except Conflict as refused:
            assert refused.state == "busy"
        self.run(self._match())

    @precondition(lambda self: self.joined)
    @rule(
        pick=st.randoms(use_true_random=False),
        step=st.sampled_from([cancel, to_callback]),
        really=st.sampled_from([False, False, True]),
    )
    def clerk_changes_mind(self, pick: Any, step: Any, really: bool) -> None:
        if really:
            self.run(self._by_clerk(pick.choice(self.joined), step))

    async def _by_clerk(self, consultation_id: ConsultationId, step: Any) -> None:
        async with self.district.database.sessions() as db:
            found = await db.get_one(Consultation, consultation_id)
            clerk = next(one for one in self.district.clerks if one.org_id == found.org_id)
            await self._try(step(db, clerk, consultation_id, self.clock.now()), db)

    @precondition(lambda self: self.joined)
    @rule(pick=st.randoms(use_true_random=False), gone=st.booleans())
    def browser(self, pick: Any, gone: bool) -> None:
        async def step() -> None:
            async with self.district.database.sessions.begin() as db:
                consultation_id = pick.choice(self.joined)
                if gone:
                    await station_gone(db, consultation_id, self.clock.now())
                else:
                    await station_back(db, consultation_id)

        self.run(step())

    # What lawyers do.

    @rule(
        lawyer=lawyers,
        state=st.sampled_from([PresenceState.AVAILABLE, PresenceState.ON_BREAK, PresenceState.OFFLINE]),
    )
    def set_presence(self, lawyer: int, state: PresenceState) -> None:
        try:
            self.run(self.district.set_presence(lawyer, state))
        except Conflict as refused:
            assert refused.state in (PresenceState.IN_CONSULTATION, PresenceState.OFFLINE, PresenceState.WRAP_UP)

    @rule(lawyer=lawyers, gone=st.booleans())
    def window(self, lawyer: int, gone: bool) -> None:
        async def step() -> None:
            async with self.district.database.sessions.begin() as db:
                change = disconnected if gone else connected
                await change(db, self.district.lawyers[lawyer].person_id, self.clock.now())

        self.run(step())

    @rule()
    def match(self) -> None:
        self.run(self._match())

    async def _match(self) -> None:
        async with self.district.database.sessions.begin() as db:
            made = await match_and_offer(db, self.clock.now())
        assert len({offer.lawyer_id for offer in made}) == len({offer.entry_id for offer in made}) == len(made)

    @rule(lawyer=lawyers, accept=st.sampled_from([True, True, False]))
    def answer(self, lawyer: int, accept: bool) -> None:
        self.run(self._answer(lawyer, accept))

    @rule()
    def everybody_accepts(self) -> None:
        for lawyer in range(LAWYERS):
            self.run(self._answer(lawyer, True))

    async def _answer(self, lawyer: int, accept: bool) -> None:
        viewer = self.district.lawyers[lawyer]
        async with self.district.database.sessions() as db:
            query = select(Offer.id, Offer.consultation_id).where(
                Offer.lawyer_id == viewer.person_id, Offer.state == OfferState.OPEN
            )
            row = (await db.execute(query)).one_or_none()
            if row is None:
                return
            if not accept:
                await self._try(decline_offer(db, viewer, row[0], "", self.clock.now()), db)
            elif await self._try(accept_offer(db, viewer, row[0], self.clock.now()), db):
                self.served.append(row[1])

    @precondition(lambda self: self.served)
    @rule(pick=st.randoms(use_true_random=False), step=st.sampled_from(STEPS))
    def in_the_room(self, pick: Any, step: str) -> None:
        self.run(self._in_the_room(pick.choice(self.served), step))

    async def _in_the_room(self, consultation_id: ConsultationId, step: str) -> None:
        now = self.clock.now()
        async with self.district.database.sessions() as db:
            steps: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
                "interrupt": lambda: interrupt(db, consultation_id, now),
                "resume": lambda: resume(db, consultation_id),
                "end": lambda: end(db, consultation_id, now),
                "close": lambda: self._close(db, consultation_id),
                "fail": lambda: fail(db, consultation_id, now, cause="test"),
            }
            await self._try(steps[step](), db)

    async def _close(self, db: AsyncSession, consultation_id: ConsultationId) -> None:
        found = await db.get_one(Consultation, consultation_id)
        lawyer = next(one for one in self.district.lawyers if one.person_id == found.lawyer_id)
        form = await read_wrap_up(db, lawyer, consultation_id)
        await close(db, lawyer, consultation_id, form.version, DONE, self.clock.now())

    async def _try(self, step: Coroutine[Any, Any, Any], db: AsyncSession) -> bool:
        try:
            await step
        except (Conflict, Invalid):
            await db.rollback()
            return False
        await db.commit()
        return True

    # What time and machines do.

    @rule(seconds=st.sampled_from([1, 2, 10, 29, 30, 31, 61, 95, 300, 601, 50_000, 300_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.run(self._expire())
        self.run(self._match())

    @rule(hours=st.integers(1, 30))
    def clock_is_set_back(self, hours: int) -> None:
        self.clock.set_wall(self.clock.now() - timedelta(hours=hours))
        self.run(self._expire())

    async def _expire(self) -> None:
        async with self.district.database.sessions.begin() as db:
            await expire_due(db, self.clock.now())
            assert not await expire_due(db, self.clock.now()), "what is done is done"
            deadline = await next_deadline(db, self.clock.now())
            assert deadline is None or deadline > self.clock.now()

    @rule(lost=st.sets(st.integers(0, 20), max_size=2))
    def restart(self, lost: set[int]) -> None:
        """Everybody's connection is gone; all come back but those at these places of the two lists."""

        async def step() -> None:
            async with self.district.database.sessions.begin() as db:
                await after_restart(db, self.clock.now())
                for index, lawyer in enumerate(self.district.lawyers):
                    if index not in lost:
                        await connected(db, lawyer.person_id, self.clock.now())
                for index, consultation_id in enumerate(self.joined):
                    if index not in lost:
                        await station_back(db, consultation_id)

        self.run(step())

    # What must always hold.

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if hasattr(self, "district"):
            self.run(self._check())

    async def _check(self) -> None:
        assert len(self.served) == len(set(self.served)), "nobody is served twice"
        async with self.district.database.reads() as db:
            found = {row.id: row for row in (await db.scalars(select(Consultation))).all()}
            entries = {row.consultation_id: row for row in (await db.scalars(select(WaitingEntry))).all()}
            offers = (await db.scalars(select(Offer).where(Offer.state == OfferState.OPEN))).all()
            people = {row.person_id: row for row in (await db.scalars(select(LawyerPresence))).all()}
        assert set(found) == set(entries) == set(self.joined), "everybody who joined is somewhere"
        for consultation_id, row in found.items():
            entry = entries[consultation_id]
            assert row.state in FITS[entry.state], (row.state, entry.state)
            assert (entry.absent_at is not None) == (entry.state is EntryState.ABSENT)
            assert (row.mode is Mode.CALLBACK) or entry.state is not EntryState.CALLBACK
            assert (consultation_id in self.served) == (row.accepted_at is not None)
        assert {offer.consultation_id for offer in offers} == {
            consultation_id for consultation_id, entry in entries.items() if entry.state is EntryState.OFFERED
        }
        assert {offer.lawyer_id for offer in offers} == {
            person_id for person_id, row in people.items() if row.state is PresenceState.OFFERED
        }
        assert len({offer.lawyer_id for offer in offers}) == len(offers)
        busy = [row.lawyer_id for row in found.values() if row.state in IN_PROGRESS]
        assert len(busy) == len(set(busy)), "no lawyer has two consultations"
        assert set(busy) == {person_id for person_id, row in people.items() if row.state in BUSY}
        live = [
            row.org_id
            for row in found.values()
            if row.mode is not Mode.CALLBACK
            and row.state in (ConsultationState.WAITING, ConsultationState.OFFERED, *IN_PROGRESS)
        ]
        assert len(live) == len(set(live)), "no station has two"


FIRST = [Phase.explicit, Phase.reuse, Phase.generate]
CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@pytest.mark.timeout(300)
def test_the_line_under_everything() -> None:
    # No shrinking: a failure prints its steps, and shortening them takes minutes.
    short = settings(max_examples=10, stateful_step_count=40, deadline=None, suppress_health_check=CALM, phases=FIRST)
    run_state_machine_as_test(LineMachine, settings=short)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_line_under_everything_at_length() -> None:
    long = settings(max_examples=400, stateful_step_count=80, deadline=None, suppress_health_check=CALM)
    run_state_machine_as_test(LineMachine, settings=long)
