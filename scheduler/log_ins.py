"""Log-ins: the server-side half of the cookie, and the throttle of attempts, which lives in the database so that a
restart does not reset it.
"""

import secrets
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Integer, String, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.access import Viewer
from scheduler.clock import Clock
from scheduler.db import Base, Id, Sessions, UtcDateTime
from scheduler.errors import BadCredentials, Throttled, Unauthenticated
from scheduler.ids import LogInId, PersonId, new_id
from scheduler.organisations import Organisation
from scheduler.people import Passwords, Person, hash_token

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(hours=16)
TOUCH_EVERY = timedelta(minutes=1)
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=15)
FORGET_AFTER = timedelta(hours=24)
# A station's PCs share one address, so an address may fail more often than one account at one address.
FREE_FAILURES_PAIR = 5
FREE_FAILURES_ADDRESS = 30


class LogIn(Base):
    """token_hash: SHA-256 of the cookie's value; the value itself is kept nowhere."""

    __tablename__ = "log_in"

    id: Mapped[LogInId] = mapped_column(Id, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LogInThrottle(Base):
    """subject: `pair:<account> <address>` or `address:<address>`."""

    __tablename__ = "log_in_throttle"

    subject: Mapped[str] = mapped_column(String(160), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    blocked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class NewLogIn:
    viewer: Viewer
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FoundLogIn:
    """touch_due: the caller should run `touch` in a writing session soon (at most once a minute)."""

    viewer: Viewer
    touch_due: bool
    expires_at: datetime


async def log_in(
    sessions: Sessions, clock: Clock, passwords: Passwords, account: str, password: str, address: str
) -> NewLogIn:
    """Opens its own transactions: the attempt must be counted even when it fails, and hashing must not hold the
    write lock.

    Raises Throttled before anything is hashed, BadCredentials for a wrong pair, an unknown, a disabled and a never
    opened account alike.
    """
    account = account.strip().lower()[:64]
    async with sessions.begin() as db:
        tries_left = await _claim_attempt(db, account, address, clock.now())
        owner = await db.scalar(select(Person).where(Person.account == account))
        usable = owner is not None and owner.disabled_at is None
        password_hash = owner.password_hash if owner is not None and usable else None
    if not await passwords.verify(password_hash, password[:1024]) or owner is None:
        raise BadCredentials(tries_left)
    async with sessions.begin() as db:
        await _forgive(db, account, address)
        return await open_log_in(db, owner.id, address, clock.now())


async def open_log_in(db: AsyncSession, person_id: PersonId, address: str, now: datetime) -> NewLogIn:
    """A log-in without a password: for `log_in` above and for tests."""
    token = secrets.token_urlsafe(32)
    row = LogIn(
        id=LogInId(new_id()),
        token_hash=hash_token(token),
        person_id=person_id,
        address=address[:64],
        created_at=now,
        seen_at=now,
        expires_at=now + ABSOLUTE,
    )
    db.add(row)
    await db.execute(update(Person).where(Person.id == person_id).values(last_login_at=now))
    await db.flush()
    return NewLogIn(await viewer_of(db, person_id, row.id), token, row.expires_at)


async def find_log_in(db: AsyncSession, token: str, now: datetime) -> FoundLogIn:
    """Raises Unauthenticated when the log-in is unknown, ended, idle for too long, too old, or its person is
    disabled.
    """
    row = await db.scalar(select(LogIn).where(LogIn.token_hash == hash_token(token), LogIn.ended_at.is_(None)))
    if row is None or now >= min(row.expires_at, row.seen_at + IDLE):
        raise Unauthenticated
    return FoundLogIn(await viewer_of(db, row.person_id, row.id), now - row.seen_at >= TOUCH_EVERY, row.expires_at)


async def touch(db: AsyncSession, log_in_id: LogInId, now: datetime) -> None:
    await db.execute(update(LogIn).where(LogIn.id == log_in_id, LogIn.seen_at < now).values(seen_at=now))


async def keep_alive(db: AsyncSession, log_in_ids: Set[LogInId], now: datetime) -> set[LogInId]:
    """For people who are connected: their log-ins are not idle. Returns those that are still valid."""
    query = (
        update(LogIn)
        .where(LogIn.id.in_(log_in_ids), LogIn.ended_at.is_(None), LogIn.expires_at > now)
        .values(seen_at=now)
        .returning(LogIn.id)
        .execution_options(synchronize_session=False)
    )
    return set((await db.scalars(query)).all())


async def log_out(db: AsyncSession, log_in_id: LogInId, now: datetime) -> None:
    await db.execute(update(LogIn).where(LogIn.id == log_in_id, LogIn.ended_at.is_(None)).values(ended_at=now))


async def end_all(db: AsyncSession, person_id: PersonId, now: datetime) -> list[LogInId]:
    """Ends every log-in of a person (disabled, password changed); returns which, so that their sockets can be
    closed.
    """
    query = (
        update(LogIn)
        .where(LogIn.person_id == person_id, LogIn.ended_at.is_(None))
        .values(ended_at=now)
        .returning(LogIn.id)
    )
    return list((await db.scalars(query)).all())


async def viewer_of(db: AsyncSession, person_id: PersonId, log_in_id: LogInId) -> Viewer:
    query = (
        select(Person, Organisation).join(Organisation, Organisation.id == Person.org_id).where(Person.id == person_id)
    )
    row = (await db.execute(query)).one_or_none()
    if row is None or row[0].disabled_at is not None:
        raise Unauthenticated
    owner, org = row
    return Viewer(
        person_id=owner.id,
        account=owner.account,
        name=owner.name,
        roles=owner.roles,
        org_id=org.id,
        org_name=org.name,
        org_kind=org.kind,
        org_phone=org.phone,
        org_path=org.path,
        elder=owner.elder,
        language=owner.language,
        log_in_id=log_in_id,
    )


async def forget_old(db: AsyncSession, now: datetime) -> None:
    """Housekeeping: throttles and log-ins that no longer say anything."""
    await db.execute(delete(LogInThrottle).where(LogInThrottle.last_at < now - FORGET_AFTER))
    await db.execute(delete(LogIn).where(LogIn.expires_at < now - timedelta(days=30)))


def _address(address: str) -> str:
    return f"address:{address[:64]}"


def _pair(account: str, address: str) -> str:
    return f"pair:{account} {address[:64]}"


async def _claim_attempt(db: AsyncSession, account: str, address: str, now: datetime) -> int:
    # Counted before the password is looked at: parallel guesses cannot slip through while the first is being hashed.
    tries_left = 0
    for subject, free in ((_address(address), FREE_FAILURES_ADDRESS), (_pair(account, address), FREE_FAILURES_PAIR)):
        row = await db.get(LogInThrottle, subject, with_for_update=True)
        if row is None or abs(now - row.last_at) > FORGET_AFTER:
            row = await db.merge(LogInThrottle(subject=subject, failures=0, last_at=now, blocked_until=None))
        # A last attempt in the future means that the clock was set back: nobody is to wait for hours for that.
        if row.blocked_until is not None and row.last_at <= now < row.blocked_until:
            raise Throttled((row.blocked_until - now).total_seconds())
        row.failures += 1
        row.last_at = now
        row.blocked_until = now + delay(row.failures, free) if row.failures >= free else None
        tries_left = max(0, free - row.failures)
    await db.flush()
    return tries_left


async def _forgive(db: AsyncSession, account: str, address: str) -> None:
    await db.execute(delete(LogInThrottle).where(LogInThrottle.subject == _pair(account, address)))
    await db.execute(
        update(LogInThrottle)
        .where(LogInThrottle.subject == _address(address), LogInThrottle.failures > 0)
        .values(failures=LogInThrottle.failures - 1, blocked_until=None)
    )


def delay(failures: int, free: int) -> timedelta:
    """30 s after the last free try, doubling, at most 15 minutes."""
    doublings: int = 1 << max(0, min(failures - free, 10))
    return min(FIRST_DELAY * doublings, LONGEST_DELAY)
