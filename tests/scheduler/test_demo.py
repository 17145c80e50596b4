import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from scheduler.audit import AuditEntry, verify_chain
from scheduler.clock import local_day
from scheduler.demo import STREETS, accounts, fill
from scheduler.identity import IdentityCipher
from scheduler.ids import LogInId, OrgId
from scheduler.log_ins import log_in, viewer_of
from scheduler.organisations import OrgKind, branch
from scheduler.overviews import visit_rows
from scheduler.people import Role, find_people
from scheduler.search import SearchQuery, search_consultations
from scheduler.statistics import lawyer_home
from tests.support.clock import ManualClock
from tests.support.database import Database
from tests.support.district import cheap_passwords

CIPHER = IdentityCipher(bytes(32))


async def make_demo(database: Database, now: datetime) -> None:
    # Thousands of statements: asyncio's debug mode would make this test ten times as long.
    asyncio.get_running_loop().set_debug(False)
    password_hash = await cheap_passwords().hash("demo password")
    for _ in range(2):
        async with database.sessions.begin() as db:
            assert await fill(db, CIPHER, password_hash, now) == accounts()


async def test_the_demo_district(database: Database) -> None:
    clock = ManualClock(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))
    await make_demo(database, clock.now())
    new = await log_in(database.sessions, clock, cheap_passwords(), "auditor01", "demo password", "127.0.0.1")
    async with database.reads() as db:
        rows = await branch(db, new.viewer.org_path)
        kinds = [row.kind for row in rows]
        assert [kinds.count(kind) for kind in OrgKind] == [1, 17, 34]
        streets = [row.name.removesuffix("街道公共法律服务工作站") for row in rows if row.kind is OrgKind.STREET]
        assert streets == [street[0] for street in STREETS]
        people = (await find_people(db, new.viewer.org_path, limit=100)).items
        assert {row.account for row in people} == {account.account for account in accounts()}
        found = await search_consultations(db, CIPHER, new.viewer, SearchQuery())
        assert found.total > 60
        assert (await verify_chain(db)).ok
        lawyers = [row for row in people if Role.DUTY_LAWYER in row.roles]
        homes = [await lawyer_home(db, lawyer.id, clock.now()) for lawyer in lawyers]
        assert sum(home.today.answered for home in homes) > 0
        assert all(home.today.satisfaction is not None for home in homes)
        clerks = [row for row in people if Role.STATION_CLERK in row.roles]
        today = local_day(clock.now())
        visits = [row for clerk in clerks for row in await visit_rows(db, OrgId(clerk.org_id), today)]
        assert {"draft", "closed"} <= {row.state for row in visits}
        assert (await viewer_of(db, clerks[0].id, LogInId("x"))).org_phone.startswith("0371-")


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 2, 28, 16, 30, tzinfo=UTC),
        datetime(2028, 2, 29, 1, 5, tzinfo=UTC),
    ],
    ids=["midnight", "leap day"],
)
async def test_the_demo_starts_at_any_time_and_nothing_lies_in_the_future(database: Database, now: datetime) -> None:
    await make_demo(database, now)
    async with database.reads() as db:
        latest = await db.scalar(select(func.max(AuditEntry.at)))
    assert latest is not None
    assert latest <= now
