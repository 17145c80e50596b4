"""People with accounts: who they are, which roles they hold, how their password is set."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import argon2
from sqlalchemy import Boolean, ForeignKey, Integer, String, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Invalid, NotFound
from scheduler.ids import OrgId, PersonId, new_id
from scheduler.organisations import Organisation, OrgKind

LINK_LIFETIME = timedelta(days=3)
PASSWORD_LENGTH = (10, 128)
ACCOUNT_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
PAGE = 50


class Role(StrEnum):
    STATION_CLERK = "station_clerk"
    DUTY_LAWYER = "duty_lawyer"
    DISPATCHER = "dispatcher"
    MEDIATOR = "mediator"
    AUDITOR = "auditor"
    ARCHIVIST = "archivist"
    ADMIN = "admin"


class Language(StrEnum):
    ZH_CN = "zh-CN"
    EN = "en"


class Person(Base):
    __tablename__ = "person"

    id: Mapped[PersonId] = mapped_column(Id, primary_key=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    account: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(40))
    # None until the one-time link has been used: nobody can log in.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    elder: Mapped[bool] = mapped_column(Boolean, default=False)
    language: Mapped[Language] = mapped_column(word(Language), default=Language.ZH_CN)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[PersonId | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    role_rows: Mapped[list["PersonRole"]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(row.role for row in self.role_rows)


class PersonRole(Base):
    __tablename__ = "person_role"

    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Role] = mapped_column(word(Role), primary_key=True)


class PasswordLink(Base):
    """A one-time link to set a password; only the hash of its token is kept."""

    __tablename__ = "password_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"), index=True)
    created_by: Mapped[PersonId | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class PersonRow:
    id: PersonId
    account: str
    name: str
    roles: tuple[Role, ...]
    org_id: OrgId
    org_name: str
    org_kind: OrgKind
    org_phone: str
    disabled: bool
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    items: Sequence[PersonRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class NewLink:
    """token is shown once, inside the link, and is kept nowhere."""

    token: str
    expires_at: datetime


class Passwords:
    """argon2id in threads, at most `parallel` at a time (64 MiB each), so that a burst of log-ins cannot eat the
    machine.
    """

    def __init__(self, hasher: argon2.PasswordHasher | None = None, parallel: int = 2) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._turn = asyncio.Semaphore(parallel)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """With no hash it spends the same time, so that an answer's delay does not tell which accounts exist."""
        if password_hash is None and self._decoy is None:
            self._decoy = await self.hash(secrets.token_urlsafe(16))
        async with self._turn:
            matches = await asyncio.to_thread(self._matches, password_hash or self._decoy or "", password)
        return matches and password_hash is not None

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def check_password(password: str) -> None:
    """Raises Invalid; length is what counts (NIST SP 800-63B, 5.1.1)."""
    low, high = PASSWORD_LENGTH
    if not low <= len(password) <= high:
        raise Invalid({"password": f"密码要 {low} 到 {high} 个字符"})


async def person(db: AsyncSession, person_id: PersonId) -> Person:
    found = await db.get(Person, person_id)
    if found is None:
        raise NotFound("没有这个人，请回到列表再选。")
    return found


async def add_person(
    db: AsyncSession,
    *,
    account: str,
    name: str,
    roles: Iterable[Role],
    org_id: OrgId,
    now: datetime,
    created_by: PersonId | None = None,
    password_hash: str | None = None,
) -> Person:
    """Raises Invalid(account, name, roles, org_id)."""
    account = account.strip().lower()
    chosen = sorted(set(roles))
    problems: dict[str, str] = {}
    if not ACCOUNT_PATTERN.fullmatch(account):
        problems["account"] = "账号用 3 到 32 个小写字母或数字"
    elif await db.scalar(select(Person.id).where(Person.account == account)) is not None:
        problems["account"] = "这个账号已经有人用，请换一个"
    if not 1 <= len(name.strip()) <= 40:
        problems["name"] = "填写姓名，最多 40 个字"
    if not chosen:
        problems["roles"] = "至少选一个岗位"
    if await db.get(Organisation, org_id) is None:
        problems["org_id"] = "选一个机构"
    if problems:
        raise Invalid(problems)
    added = Person(
        id=PersonId(new_id()),
        org_id=org_id,
        account=account,
        name=name.strip(),
        password_hash=password_hash,
        created_by=created_by,
        created_at=now,
        role_rows=[PersonRole(role=role) for role in chosen],
    )
    db.add(added)
    await db.flush()
    return added


async def set_disabled(db: AsyncSession, person_id: PersonId, disabled: bool, now: datetime) -> Person:
    """The caller also ends the person's log-ins (log_ins.end_all)."""
    found = await person(db, person_id)
    if disabled != (found.disabled_at is not None):
        found.disabled_at = now if disabled else None
        found.version += 1
        await db.flush()
    return found


async def make_password_link(
    db: AsyncSession, person_id: PersonId, now: datetime, created_by: PersonId | None = None
) -> NewLink:
    """Older unused links of the person stop working."""
    await person(db, person_id)
    await db.execute(
        update(PasswordLink)
        .where(PasswordLink.person_id == person_id, PasswordLink.used_at.is_(None))
        .values(expires_at=now)
    )
    link = NewLink(secrets.token_urlsafe(32), now + LINK_LIFETIME)
    db.add(
        PasswordLink(
            token_hash=hash_token(link.token),
            person_id=person_id,
            created_by=created_by,
            created_at=now,
            expires_at=link.expires_at,
        )
    )
    await db.flush()
    return link


async def use_password_link(db: AsyncSession, token: str, password_hash: str, now: datetime) -> PersonId:
    """Sets the password once.

    The caller has run `check_password` and `Passwords.hash` before opening the transaction.
    """
    query = (
        update(PasswordLink)
        .where(
            PasswordLink.token_hash == hash_token(token),
            PasswordLink.used_at.is_(None),
            PasswordLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(PasswordLink.person_id)
    )
    person_id = (await db.execute(query)).scalar_one_or_none()
    if person_id is None:
        raise Invalid({"token": "链接用过或过期了"}, "链接用过或过期了，请找管理员再要一个。")
    owner = await person(db, person_id)
    owner.password_hash = password_hash
    owner.version += 1
    await db.flush()
    return person_id


async def set_preferences(
    db: AsyncSession, person_id: PersonId, *, elder: bool | None = None, language: Language | None = None
) -> Person:
    found = await person(db, person_id)
    if elder is not None:
        found.elder = elder
    if language is not None:
        found.language = language
    await db.flush()
    return found


async def person_row(db: AsyncSession, person_id: PersonId) -> PersonRow:
    found = await person(db, person_id)
    org = await db.get_one(Organisation, found.org_id)
    return _row(found, org)


async def find_people(
    db: AsyncSession,
    path: str,
    *,
    q: str = "",
    org_id: OrgId | None = None,
    role: Role | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> PeoplePage:
    """People of the branch at `path`, by account. cursor: the account after which to go on."""
    query = (
        select(Person, Organisation)
        .join(Organisation, Organisation.id == Person.org_id)
        .where(Organisation.path.startswith(path, autoescape=True))
        .order_by(Person.account)
        .limit(limit + 1)
    )
    if q.strip():
        query = query.where(
            or_(
                Person.account.contains(q.strip().lower(), autoescape=True),
                Person.name.contains(q.strip(), autoescape=True),
            )
        )
    if org_id is not None:
        query = query.where(Person.org_id == org_id)
    if role is not None:
        query = query.where(Person.id.in_(select(PersonRole.person_id).where(PersonRole.role == role)))
    if cursor is not None:
        query = query.where(Person.account > cursor)
    rows = [_row(found, org) for found, org in (await db.execute(query)).all()]
    more = len(rows) > limit
    rows = rows[:limit]
    return PeoplePage(rows, rows[-1].account if more else None)


def _row(found: Person, org: Organisation) -> PersonRow:
    return PersonRow(
        id=found.id,
        account=found.account,
        name=found.name,
        roles=tuple(sorted(found.roles)),
        org_id=org.id,
        org_name=org.name,
        org_kind=org.kind,
        org_phone=org.phone,
        disabled=found.disabled_at is not None,
        last_login_at=found.last_login_at,
    )
