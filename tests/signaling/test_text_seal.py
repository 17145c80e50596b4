"""The text record is sealed at 「办结」, and at the next start when a crash came between."""

from pathlib import Path

from sqlalchemy import select

from recordings.models import Bag, BagKind
from scheduler import wrap_up
from scheduler.consents import Answer
from scheduler.terms import Outcome
from scheduler.wrap_up import WrapUpFields
from signaling.keys import ARCHIVE, SESSIONS
from tests.support.consultations import close, talk, viewer
from tests.support.eventually import eventually_async
from tests.support.server import Server, serving


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
