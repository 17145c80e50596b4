"""Accounts and organisations, for administrators.  Every change is in the audit trail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import audit, log_ins, people
from scheduler.access import Action, Viewer, permit
from scheduler.errors import Conflict, NotFound
from scheduler.ids import LogInId, OrgId, PersonId
from scheduler.organisations import branch, in_scope, organisation
from scheduler.people import PersonRow, Role
from signaling.http import Exchange, Keyed, Nothing, Query, Route, items, press, reading, writing
from signaling.keys import LIVE
from signaling.log_in import scheme

PATH: Final = "/api/admin"


class PeopleQuery(Query):
    q: Annotated[str, Field(max_length=80)] = ""
    org: Annotated[str, Field(max_length=26)] | None = None
    role: Role | None = None
    cursor: Annotated[str, Field(max_length=64)] | None = None


class NewPerson(Keyed):
    account: Annotated[str, Field(max_length=64)]
    name: Annotated[str, Field(max_length=80)]
    roles: Annotated[list[Role], Field(max_length=len(Role))]
    org_id: Annotated[str, Field(max_length=26)]


def shown(row: PersonRow) -> dict[str, Any]:
    """`{…Person, disabled, last_login_at}` of PROTOCOL.md."""
    return {
        "id": row.id,
        "account": row.account,
        "name": row.name,
        "roles": row.roles,
        "org": {"id": row.org_id, "name": row.org_name, "kind": row.org_kind, "phone": row.org_phone},
        "disabled": row.disabled,
        "last_login_at": row.last_login_at,
    }


async def get_people(exchange: Exchange[Nothing]) -> object:
    asked = exchange.query(PeopleQuery)
    org_id = OrgId(asked.org) if asked.org else None
    async with exchange.reads() as db:
        page = await people.find_people(
            db, exchange.viewer.org_path, q=asked.q, org_id=org_id, role=asked.role, cursor=asked.cursor
        )
    return items([shown(row) for row in page.items], page.next)


async def post_person(exchange: Exchange[NewPerson]) -> object:
    viewer, body, now = exchange.viewer, exchange.body, exchange.now

    async def act(db: AsyncSession) -> object:
        org = await organisation(db, OrgId(body.org_id))
        permit(viewer, Action.MANAGE_PEOPLE, org.path)
        person = await people.add_person(
            db,
            account=body.account,
            name=body.name,
            roles=body.roles,
            org_id=org.id,
            now=now,
            created_by=viewer.person_id,
        )
        await _note(db, viewer, "person.add", person.id, now, {"roles": sorted(body.roles), "org_id": org.id})
        return {"person_id": person.id}

    added: Any = await press(exchange, act)
    return await _with_new_link(exchange, PersonId(added["person_id"]))


async def post_password_link(exchange: Exchange[Keyed]) -> object:
    async def act(db: AsyncSession) -> object:
        row = await _own_person(db, exchange)
        await _note(db, exchange.viewer, "person.password_link", row.id, exchange.now)
        return {"person_id": row.id}

    asked: Any = await press(exchange, act)
    return await _with_new_link(exchange, PersonId(asked["person_id"]))


async def _with_new_link(exchange: Exchange[Keyed], person_id: PersonId) -> object:
    """Outside the idempotent step, because a kept result would keep the token in plain text: a repeated press makes a
    new link, and the one before stops working."""
    async with exchange.sessions.begin() as db:
        link = await people.make_password_link(db, person_id, exchange.now, exchange.viewer.person_id)
        row = await people.person_row(db, person_id)
    request = exchange.request
    url = f"{scheme(request)}://{request.host}/password/{link.token}"
    return {"person": shown(row), "link": url, "expires_at": link.expires_at}


async def post_disable(exchange: Exchange[Keyed]) -> object:
    return await _set_disabled(exchange, True)


async def post_enable(exchange: Exchange[Keyed]) -> object:
    return await _set_disabled(exchange, False)


async def _set_disabled(exchange: Exchange[Keyed], disabled: bool) -> object:
    ended: list[LogInId] = []

    async def act(db: AsyncSession) -> object:
        row = await _own_person(db, exchange)
        if row.id == exchange.viewer.person_id:
            raise Conflict("不能停用自己的账号，请另一位管理员来做。")
        await people.set_disabled(db, row.id, disabled, exchange.now)
        if disabled:
            ended.extend(await log_ins.end_all(db, row.id, exchange.now))
        await _note(db, exchange.viewer, "person.disable" if disabled else "person.enable", row.id, exchange.now)
        return {"person": shown(await people.person_row(db, row.id))}

    answer = await press(exchange, act)
    for log_in_id in ended:
        exchange.request.app[LIVE].logged_out(log_in_id)
    return answer


async def _own_person(db: AsyncSession, exchange: Exchange[Keyed]) -> PersonRow:
    """The person of the path, if in the administrator's branch; somebody else's is as good as none."""
    row = await people.person_row(db, PersonId(exchange.part("person_id")))
    org = await organisation(db, row.org_id)
    if not in_scope(exchange.viewer.org_path, org.path):
        raise NotFound
    return row


async def get_organisations(exchange: Exchange[Nothing]) -> object:
    async with exchange.reads() as db:
        found = await branch(db, exchange.viewer.org_path)
    return items(
        [
            {"id": org.id, "name": org.name, "kind": org.kind, "parent_id": org.parent_id, "phone": org.phone}
            for org in found
        ]
    )


async def _note(
    db: AsyncSession,
    viewer: Viewer,
    action: str,
    person_id: PersonId,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    await audit.append(
        db,
        at=now,
        action=action,
        subject_kind="person",
        subject_id=person_id,
        person_id=viewer.person_id,
        org_id=viewer.org_id,
        detail=detail,
    )


MANAGE: Final = Action.MANAGE_PEOPLE
ONE: Final = PATH + "/people/{person_id}"
ROUTES: Final[tuple[Route, ...]] = (
    reading(PATH + "/people", get_people, MANAGE, "People of the branch", PeopleQuery),
    writing("POST", PATH + "/people", post_person, MANAGE, NewPerson, "A new account with its one-time link"),
    writing("POST", ONE + "/password-link", post_password_link, MANAGE, Keyed, "A one-time link for a password"),
    writing("POST", ONE + "/disable", post_disable, MANAGE, Keyed, "End an account and its log-ins"),
    writing("POST", ONE + "/enable", post_enable, MANAGE, Keyed, "Let an account log in again"),
    reading(PATH + "/organisations", get_organisations, Action.READ_ORGANISATIONS, "Organisations of the branch"),
)
