"""Case records and visit registrations: what the clerk writes down before a lawyer is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Date, ForeignKey, Integer, LargeBinary, String, Text, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.access import Action, Viewer, permit
from scheduler.clock import local_day
from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Changed, Conflict, Invalid, NotFound
from scheduler.identity import IdentityCipher, age_on, mask_id_number, normalise_id_number, read_resident_id
from scheduler.ids import CaseId, OrgId, PersonId, VisitId, new_id
from scheduler.numbers import next_case_no, next_visit_no
from scheduler.organisations import Organisation, district_of
from scheduler.terms import Channel, Group, IdType, MatterCategory, Sex

GUARDIAN_AGE = 14
MINOR_AGE = 18
ELDERLY_AGE = 60
LIMITS: dict[str, int] = {
    "name": 40,
    "id_number": 32,
    "phone": 32,
    "address": 200,
    "companion": 80,
    "guardian_name": 40,
    "dialect": 80,
    "access_needs": 200,
    "opposing_party": 200,
    "facts": 4000,
}


class PartyKind(StrEnum):
    PERSON = "person"
    ORG = "org"


class VisitState(StrEnum):
    DRAFT = "draft"
    CALLED = "called"
    DONE = "done"


class CaseRecord(Base):
    """The file to which visits, consultations and recordings belong."""

    __tablename__ = "case_record"

    id: Mapped[CaseId] = mapped_column(Id, primary_key=True)
    case_no: Mapped[str] = mapped_column(String(40), unique=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    category: Mapped[MatterCategory] = mapped_column(word(MatterCategory))
    created_by: Mapped[PersonId | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    version: Mapped[int] = mapped_column(Integer, default=1)


class VisitRegistration(Base):
    __tablename__ = "visit_registration"

    id: Mapped[VisitId] = mapped_column(Id, primary_key=True)
    no: Mapped[str] = mapped_column(String(24))
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    case_id: Mapped[CaseId | None] = mapped_column(Id, ForeignKey("case_record.id"), index=True)
    state: Mapped[VisitState] = mapped_column(word(VisitState), default=VisitState.DRAFT)
    version: Mapped[int] = mapped_column(Integer, default=1)
    channel: Mapped[Channel] = mapped_column(word(Channel), default=Channel.WALK_IN)
    party: Mapped[PartyKind] = mapped_column(word(PartyKind), default=PartyKind.PERSON)
    name: Mapped[str] = mapped_column(String(40), default="")
    id_refused: Mapped[bool] = mapped_column(Boolean, default=False)
    id_type: Mapped[IdType | None] = mapped_column(word(IdType))
    id_number_box: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    id_number_masked: Mapped[str] = mapped_column(String(32), default="")
    sex: Mapped[Sex | None] = mapped_column(word(Sex))
    birth_date: Mapped[date | None] = mapped_column(Date)
    phone: Mapped[str] = mapped_column(String(32), default="", index=True)
    address: Mapped[str] = mapped_column(String(200), default="")
    groups: Mapped[list[str]] = mapped_column(JSON, default=list)
    companion: Mapped[str] = mapped_column(String(80), default="")
    guardian_name: Mapped[str] = mapped_column(String(40), default="")
    dialect: Mapped[str] = mapped_column(String(80), default="")
    access_needs: Mapped[str] = mapped_column(String(200), default="")
    category: Mapped[MatterCategory | None] = mapped_column(word(MatterCategory))
    opposing_party: Mapped[str] = mapped_column(String(200), default="")
    facts: Mapped[str] = mapped_column(Text, default="")
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class VisitFields:
    """What the form holds. id_number: None keeps the stored one (screens never get it back), "" removes it."""

    name: str = ""
    id_refused: bool = False
    id_type: IdType | None = None
    id_number: str | None = field(default=None, repr=False)
    phone: str = ""
    sex: Sex | None = None
    birth_date: date | None = None
    address: str = ""
    groups: Sequence[Group] = ()
    companion: str = ""
    guardian_name: str = ""
    dialect: str = ""
    access_needs: str = ""
    category: MatterCategory | None = None
    opposing_party: str = ""
    facts: str = ""


async def create_visit(
    db: AsyncSession, cipher: IdentityCipher, viewer: Viewer, fields: VisitFields, now: datetime
) -> VisitRegistration:
    """A draft at the viewer's station. Raises Denied, Invalid."""
    permit(viewer, Action.WRITE_VISIT, viewer.org_path)
    check_lengths(fields)
    visit = VisitRegistration(
        id=VisitId(new_id()),
        no=await next_visit_no(db, viewer.org_id, local_day(now)),
        org_id=viewer.org_id,
        state=VisitState.DRAFT,
        version=1,
        arrived_at=now,
        saved_at=now,
        created_by=viewer.person_id,
        created_at=now,
    )
    _write(visit, cipher, fields)
    db.add(visit)
    await db.flush()
    return visit


async def save_visit(
    db: AsyncSession,
    cipher: IdentityCipher,
    viewer: Viewer,
    visit_id: VisitId,
    version: int,
    fields: VisitFields,
    now: datetime,
) -> VisitRegistration:
    """Raises NotFound, Denied, Changed (somebody saved a newer version), Conflict (it has been called), Invalid."""
    visit = await visit_of(db, viewer, visit_id, Action.WRITE_VISIT)
    check_lengths(fields)
    if visit.state != VisitState.DRAFT:
        raise Conflict("已经呼叫律师，登记不能再改。先取消排队，再改登记。", visit.state)
    claim = (
        update(VisitRegistration)
        .where(VisitRegistration.id == visit_id, VisitRegistration.version == version)
        .values(version=version + 1, saved_at=now)
        .returning(VisitRegistration.version)
    )
    if (await db.execute(claim)).scalar_one_or_none() is None:
        raise Changed(visit.version)
    await db.refresh(visit)
    _write(visit, cipher, fields)
    await db.flush()
    return visit


async def visit_of(
    db: AsyncSession, viewer: Viewer, visit_id: VisitId, action: Action = Action.READ_STATION, *, deleted: bool = False
) -> VisitRegistration:
    """The registration, if it lies in the viewer's branch; somebody else's is as good as none."""
    query = (
        select(VisitRegistration, Organisation.path)
        .join(Organisation, Organisation.id == VisitRegistration.org_id)
        .where(VisitRegistration.id == visit_id)
        .execution_options(populate_existing=True)
    )
    row = (await db.execute(query)).one_or_none()
    permit(viewer, action)
    if row is None or not row[1].startswith(viewer.org_path) or (row[0].deleted_at is not None) != deleted:
        raise NotFound("没有这份登记，可能已经删除。")
    visit: VisitRegistration = row[0]
    return visit


async def delete_visit(db: AsyncSession, viewer: Viewer, visit_id: VisitId, now: datetime) -> None:
    """Drafts only; `restore_visit` brings it back."""
    visit = await visit_of(db, viewer, visit_id, Action.WRITE_VISIT)
    if visit.state != VisitState.DRAFT or visit.case_id is not None:
        raise Conflict("呼叫过律师的登记要留底，不能删除。", visit.state)
    visit.deleted_at = now
    await db.flush()


async def restore_visit(db: AsyncSession, viewer: Viewer, visit_id: VisitId) -> VisitRegistration:
    visit = await visit_of(db, viewer, visit_id, Action.WRITE_VISIT, deleted=True)
    visit.deleted_at = None
    await db.flush()
    return visit


async def case_for(db: AsyncSession, visit: VisitRegistration, person_id: PersonId, now: datetime) -> CaseRecord:
    """The visit's case record; opened with the first consultation. The visit has a category by then."""
    if visit.case_id is not None:
        return await db.get_one(CaseRecord, visit.case_id)
    if visit.category is None:
        raise Invalid({"category": "选一个事项类别"})
    district = await district_of(db, await db.get_one(Organisation, visit.org_id))
    case = CaseRecord(
        id=CaseId(new_id()),
        case_no=await next_case_no(db, district.name, local_day(now)),
        org_id=visit.org_id,
        category=visit.category,
        created_by=person_id,
        created_at=now,
    )
    db.add(case)
    await db.flush()
    visit.case_id = case.id
    return case


def age_of(visit: VisitRegistration, day: date) -> int | None:
    return None if visit.birth_date is None else age_on(visit.birth_date, day)


def needs_guardian(visit: VisitRegistration, day: date) -> bool:
    """Under 14 a guardian consents (Personal Information Protection Law, art. 31)."""
    age = age_of(visit, day)
    return age is not None and age < GUARDIAN_AGE


def groups_of(visit: VisitRegistration, day: date) -> frozenset[Group]:
    """What was ticked, and what the birth date says."""
    groups = {Group(name) for name in visit.groups}
    age = age_of(visit, day)
    if age is not None and age < MINOR_AGE:
        groups.add(Group.MINOR)
    if age is not None and age >= ELDERLY_AGE:
        groups.add(Group.ELDERLY)
    return frozenset(groups)


def check_lengths(fields: VisitFields) -> None:
    """Raises Invalid.

    All a draft must satisfy: half-typed numbers are saved as they are, and judged when the lawyer is called.
    """
    problems = {
        name: f"最多 {limit} 个字" for name, limit in LIMITS.items() if len(getattr(fields, name) or "") > limit
    }
    if problems:
        raise Invalid(problems, "有的内容太长，请缩短。")


def _write(visit: VisitRegistration, cipher: IdentityCipher, fields: VisitFields) -> None:
    plain: dict[str, Any] = {name: getattr(fields, name) for name in LIMITS if name not in ("id_number",)}
    for name, value in plain.items():
        setattr(visit, name, value.strip())
    visit.id_refused = fields.id_refused
    visit.id_type = fields.id_type
    visit.sex = fields.sex
    visit.birth_date = fields.birth_date
    visit.category = fields.category
    visit.groups = [group.value for group in Group if group in fields.groups]
    number = "" if fields.id_refused else fields.id_number
    if number is not None:
        _write_id_number(visit, cipher, normalise_id_number(number))
    _read_id_number(visit, cipher)


def _write_id_number(visit: VisitRegistration, cipher: IdentityCipher, number: str) -> None:
    visit.id_number_box = cipher.encrypt(number, visit.id) if number else None
    visit.id_number_hash = cipher.look_up_hash(number) if number else None
    visit.id_number_masked = mask_id_number(number) if number else ""


def _read_id_number(visit: VisitRegistration, cipher: IdentityCipher) -> None:
    """A resident's number knows birth date and sex better than the form, also when the form did not send it again."""
    if visit.id_number_box is None or visit.id_type not in (None, IdType.RESIDENT_ID):
        return
    told = read_resident_id(cipher.decrypt(visit.id_number_box, visit.id))
    if told is not None:
        visit.birth_date = told.birth_date
        visit.sex = told.sex
