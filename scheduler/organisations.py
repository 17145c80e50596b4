"""The tree district → street → community and the scope rule: a person sees the branch under the own organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Invalid, NotFound
from scheduler.ids import OrgId, new_id


class OrgKind(StrEnum):
    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"


PARENT_KIND: dict[OrgKind, OrgKind | None] = {
    OrgKind.DISTRICT: None,
    OrgKind.STREET: OrgKind.DISTRICT,
    OrgKind.COMMUNITY: OrgKind.STREET,
}


class Organisation(Base):
    __tablename__ = "organisation"

    id: Mapped[OrgId] = mapped_column(Id, primary_key=True)
    parent_id: Mapped[OrgId | None] = mapped_column(Id, ForeignKey("organisation.id"))
    kind: Mapped[OrgKind] = mapped_column(word(OrgKind))
    name: Mapped[str] = mapped_column(String(80))
    # For lists and dialogs, where 花园路街道 says enough.
    short_name: Mapped[str] = mapped_column(String(40))
    phone: Mapped[str] = mapped_column(String(32), default="")
    address: Mapped[str] = mapped_column(String(200), default="")
    # "/district/street/": a branch is everything whose path begins with the own one.
    path: Mapped[str] = mapped_column(String(160), unique=True)
    position: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class OrgRow:
    id: OrgId
    name: str
    kind: OrgKind
    parent_id: OrgId | None
    phone: str


def in_scope(own_path: str, path: str) -> bool:
    """True when `path` is the own organisation or lies below it."""
    return path.startswith(own_path)


async def add_organisation(
    db: AsyncSession,
    *,
    name: str,
    kind: OrgKind,
    parent_id: OrgId | None,
    now: datetime,
    short_name: str = "",
    phone: str = "",
    address: str = "",
    position: int = 0,
) -> Organisation:
    """Raises Invalid when the name is empty or the kind does not belong under the parent."""
    parent = None if parent_id is None else await organisation(db, parent_id)
    if not name.strip():
        raise Invalid({"name": "填写机构名称"})
    if PARENT_KIND[kind] != (parent.kind if parent else None):
        raise Invalid({"parent_id": "街道要放在区下面，社区要放在街道下面"})
    org_id = OrgId(new_id())
    path = f"{parent.path if parent else '/'}{org_id}/"
    added = Organisation(
        id=org_id,
        parent_id=parent_id,
        kind=kind,
        name=name.strip(),
        short_name=(short_name or name).strip()[:40],
        phone=phone,
        address=address,
        path=path,
        position=position,
        created_at=now,
    )
    db.add(added)
    await db.flush()
    return added


async def organisation(db: AsyncSession, org_id: OrgId) -> Organisation:
    found = await db.get(Organisation, org_id)
    if found is None:
        raise NotFound("没有这个机构，请回到列表再选。")
    return found


async def branch(db: AsyncSession, path: str) -> Sequence[OrgRow]:
    """The organisation at `path` and all below it: districts, streets in their order, then communities."""
    query = select(Organisation).where(Organisation.path.startswith(path, autoescape=True))
    found = (await db.scalars(query)).all()
    order = list(OrgKind)
    found = sorted(found, key=lambda org: (order.index(org.kind), org.position, org.name))
    return [OrgRow(org.id, org.name, org.kind, org.parent_id, org.phone) for org in found]


async def district_of(db: AsyncSession, org: Organisation) -> Organisation:
    return await organisation(db, OrgId(org.path.split("/")[1]))
