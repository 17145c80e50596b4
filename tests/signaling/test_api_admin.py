from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler.audit import AuditEntry, verify_chain
from signaling.keys import READS
from tests.support.server import Browser, Server, new_key, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


@pytest.fixture
async def admin(server: Server) -> AsyncIterator[Browser]:
    async with server.as_person("admin") as browser:
        yield browser


def new_person(server: Server, **changes: object) -> dict[str, object]:
    body = {
        "key": new_key(),
        "account": "neu",
        "name": "李四",
        "roles": ["station_clerk"],
        "org_id": server.orgs["east"],
    }
    return {**body, **changes}


async def actions(server: Server) -> list[str]:
    async with server.app[READS]() as db:
        assert (await verify_chain(db)).ok
        return list((await db.scalars(select(AuditEntry.action).order_by(AuditEntry.seq))).all())


async def test_a_new_person_sets_the_password_by_the_link_and_logs_in(server: Server, admin: Browser) -> None:
    answer = await admin.post("/api/admin/people", new_person(server))
    assert answer.status == 200
    link = answer.json["link"]
    assert link.startswith(f"{server.base.origin()}/password/")
    async with server.browser() as browser:
        token = link.rsplit("/", 1)[1]
        assert (await browser.post("/api/password", {"token": token, "password": "lang genug 123"})).status == 200
        assert (await browser.log_in("neu", "lang genug 123")).json["home"] == "/station"
    assert await actions(server) == ["person.add"]


async def test_the_same_press_twice_makes_one_person_and_keeps_no_token(server: Server, admin: Browser) -> None:
    body = new_person(server)
    first = await admin.post("/api/admin/people", body)
    second = await admin.post("/api/admin/people", body)
    assert first.json["person"] == second.json["person"]
    assert first.json["link"] != second.json["link"]
    assert await actions(server) == ["person.add"]


async def test_what_is_missing_is_named_field_by_field(server: Server, admin: Browser) -> None:
    answer = await admin.post("/api/admin/people", new_person(server, account="Ä", name="", roles=[]))
    assert (answer.status, answer.code) == (422, "invalid")
    assert set(answer.json["error"]["fields"]) == {"account", "name", "roles"}


async def test_an_unknown_role_is_a_bad_request(server: Server, admin: Browser) -> None:
    answer = await admin.post("/api/admin/people", new_person(server, roles=["king"]))
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_disabling_ends_the_log_ins(server: Server, admin: Browser) -> None:
    path = f"/api/admin/people/{server.people['clerk']}"
    async with server.as_person("clerk") as clerk:
        answer = await admin.post(path + "/disable", {"key": new_key()})
        assert answer.json["person"]["disabled"] is True
        assert (await clerk.get("/api/me")).code == "unauthenticated"
        assert (await clerk.log_in("clerk")).code == "bad_credentials"
        assert (await admin.post(path + "/enable", {"key": new_key()})).json["person"]["disabled"] is False
        assert (await clerk.log_in("clerk")).status == 200
    assert await actions(server) == ["person.disable", "person.enable"]


async def test_nobody_disables_the_own_account(server: Server, admin: Browser) -> None:
    answer = await admin.post(f"/api/admin/people/{server.people['admin']}/disable", {"key": new_key()})
    assert (answer.status, answer.code) == (409, "conflict")


async def test_people_are_found_by_name_role_and_organisation(server: Server, admin: Browser) -> None:
    async def accounts(query: str) -> list[str]:
        return [item["account"] for item in (await admin.get(f"/api/admin/people{query}")).json["items"]]

    assert len(await accounts("")) == 9
    assert await accounts("?q=lawyer") == ["lawyer", "lawyer-two"]
    assert await accounts("?role=auditor") == ["auditor"]
    assert await accounts(f"?org={server.orgs['west']}") == ["clerk-west"]
    assert (await admin.get("/api/admin/people?colour=red")).code == "bad_request"


async def test_organisations_are_listed_with_their_parents(server: Server, admin: Browser) -> None:
    found = (await admin.get("/api/admin/organisations")).json["items"]
    assert [(org["kind"], org["parent_id"]) for org in found] == [
        ("district", None),
        ("street", server.orgs["district"]),
        ("street", server.orgs["district"]),
    ]


async def test_a_refused_door_is_noted(server: Server) -> None:
    async with server.as_person("clerk") as clerk:
        answer = await clerk.get("/api/admin/people")
        assert (answer.status, answer.code) == (403, "denied")
    async with server.app[READS]() as db:
        entry = await db.scalar(select(AuditEntry))
    assert entry is not None
    assert (entry.action, entry.subject_id, entry.person_id) == ("denied", "manage_people", server.people["clerk"])


async def test_knocking_on_every_door_does_not_fill_the_trail(server: Server) -> None:
    async with server.as_person("clerk") as clerk:
        for _ in range(40):
            assert (await clerk.get("/api/admin/people")).code == "denied"
    assert await actions(server) == ["denied"] * 30
