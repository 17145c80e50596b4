"""Running numbers: for cases, visits and tickets, without gaps made by anybody but an undone transaction."""

from datetime import date

from sqlalchemy import Integer, String
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.db import Base


class RunningNumber(Base):
    __tablename__ = "running_number"

    series: Mapped[str] = mapped_column(String(80), primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


async def next_number(db: AsyncSession, series: str) -> int:
    """1, 2, 3 … per series; two transactions never get the same one."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    query = (
        insert(RunningNumber)
        .values(series=series, last=1)
        .on_conflict_do_update(index_elements=[RunningNumber.series], set_={"last": RunningNumber.last + 1})
        .returning(RunningNumber.last)
    )
    return (await db.execute(query)).scalar_one()


async def next_case_no(db: AsyncSession, district_name: str, day: date) -> str:
    """金法咨〔2025〕0612 号: the district's first character, the year, four digits or more."""
    number = await next_number(db, f"case:{district_name}:{day.year}")
    return f"{district_name[:1]}法咨〔{day.year}〕{number:04d} 号"


async def next_visit_no(db: AsyncSession, org_id: str, day: date) -> str:
    """20251120-007, counted per organisation and day."""
    return f"{day:%Y%m%d}-{await next_number(db, f'visit:{org_id}:{day}'):03d}"


async def next_ticket(db: AsyncSession, day: date) -> str:
    """A001, A002 … over all stations, anew each day."""
    return f"A{await next_number(db, f'ticket:{day}'):03d}"
