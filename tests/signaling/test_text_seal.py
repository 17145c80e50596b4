"""The text record is sealed at 「办结」, and at the next start when a crash came between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import Bag, BagKind
from scheduler import details, wrap_up
from scheduler.consents import Answer
from scheduler.consultations import ConsultationState
from scheduler.errors import NotFound
from scheduler.ids import ConsultationId
from scheduler.records import ConsultationRecord
from scheduler.terms import Outcome
from scheduler.wrap_up import WrapUpFields
from signaling.keys import ARCHIVE, SESSIONS
from signaling.text_seal import FIRST_RETRY_S, RETRY_S, TextSeal
from tests.support.archive import World, dossier, fresh_world
from tests.support.consultations import close, talk, viewer
from tests.support.eventually import DEADLINE, eventually_async
from tests.support.rtp import AUDIO
from tests.support.server import Server, serving


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with fresh_world(tmp_path) as world:
        yield world


class Pauses:
    """Seconds that were slept; each sleep lasts until `go` is called."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.over = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.over.acquire()

    async def next(self) -> float:
        async with asyncio.timeout(DEADLINE):
            return await self.asked.get()

    def go(self) -> None:
        self.over.release()


@asynccontextmanager
async def sealing(world: World, pauses: Pauses) -> AsyncIterator[TextSeal]:
    text_seal = TextSeal(world.clock, world.database.reads, world.archive, sleep=pauses.sleep)
    task = asyncio.create_task(text_seal.run())
    try:
        yield text_seal
        assert not task.done()
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def closed(world: World) -> ConsultationId:
    consultation_id = await world.consultation(ConsultationState.CLOSED)
    async with world.database.sessions.begin() as db:
        (await db.get_one(ConsultationRecord, consultation_id)).confirmed_at = world.clock.now()
    return consultation_id


async def bags(world: World) -> list[Bag]:
    async with world.database.reads() as db:
        return list(await db.scalars(select(Bag).where(Bag.kind == BagKind.TEXT)))


async def test_a_record_waits_for_the_bag_of_its_recording_and_names_it(world: World) -> None:
    pauses = Pauses()
    consultation_id = await closed(world)
    recording_id = await world.record(consultation_id, AUDIO)
    async with sealing(world, pauses):
        assert await pauses.next() == FIRST_RETRY_S
        pauses.go()
        assert await pauses.next() == RETRY_S
        await world.archive.finish(recording_id, dossier(consultation_id))
        pauses.go()
        await eventually_async(lambda: has_bags(world, 1))
    (bag,) = await bags(world)
    assert bag.recording_id == recording_id


async def has_bags(world: World, number: int) -> bool:
    return len(await bags(world)) == number


@pytest.mark.parametrize("error", [OperationalError("SELECT", {}, Exception("locked")), NotFound(), ValueError("x")])
async def test_no_error_of_one_record_ends_the_sealing(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pauses = Pauses()
    bad, good = [await closed(world) for _ in range(2)]
    real = details.record

    async def fail_once(db: AsyncSession, consultation_id: ConsultationId) -> object:
        if consultation_id == bad and pauses.asked.empty() and not await bags(world):
            raise error
        return await real(db, consultation_id)

    monkeypatch.setattr(details, "record", fail_once)
    async with sealing(world, pauses):
        await pauses.next()
        await eventually_async(lambda: has_bags(world, 1))
        assert (await bags(world))[0].consultation_id == good
        pauses.go()
        await eventually_async(lambda: has_bags(world, 2))


async def test_a_database_that_does_not_answer_at_the_start_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses()
    await closed(world)
    with monkeypatch.context() as patch:
        patch.setattr(TextSeal, "_left", broken)
        async with sealing(world, pauses):
            assert await pauses.next() == RETRY_S
            patch.undo()
            pauses.go()
            await eventually_async(lambda: has_bags(world, 1))


async def broken(_: TextSeal) -> list[ConsultationId]:
    raise OperationalError("SELECT", {}, Exception("unable to open database file"))


async def text_bag(server: Server) -> str | None:
    async with server.app[SESSIONS]() as db:
        return await db.scalar(select(Bag.id).where(Bag.kind == BagKind.TEXT))


async def sealed(server: Server) -> bool:
    return await text_bag(server) is not None


async def test_a_refused_consultation_has_its_sealed_text_record(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.as_person("clerk") as clerk, server.as_person("lawyer") as lawyer:
        talked = await talk(server, clerk, Answer.REFUSED)
        await close(lawyer, talked.consultation_id)
        await eventually_async(lambda: sealed(server))
        verdict = await server.app[ARCHIVE].check(str(await text_bag(server)))
        assert verdict.verdict == "intact"


async def test_a_crash_before_the_seal_is_made_good_at_the_next_start(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with server.as_person("clerk") as clerk:
            talked = await talk(server, clerk)
        lawyer = await viewer(server, "lawyer")
        fields = WrapUpFields("已答复。", "", True, Outcome.ANSWERED)
        async with server.app[SESSIONS].begin() as db:
            form = await wrap_up.read_wrap_up(db, lawyer, talked.consultation_id)
            await wrap_up.close(db, lawyer, talked.consultation_id, form.version, fields, server.clock.now())
        assert not await sealed(server)
        await server.stop()
        await server.start()
        await eventually_async(lambda: sealed(server))
