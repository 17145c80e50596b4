"""Device checks of the stations: what the page measured, kept for the dispatcher's board."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.access import Action, Viewer, permit
from scheduler.db import Base, Id, UtcDateTime, word
from scheduler.errors import Invalid
from scheduler.ids import OrgId, PersonId, new_id

DETAIL_LENGTH = 200


class Device(StrEnum):
    CAMERA = "camera"
    MICROPHONE = "microphone"
    SPEAKER = "speaker"
    DOCUMENT_CAMERA = "document_camera"
    NETWORK = "network"


class CheckResult(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    ABSENT = "absent"


class DeviceCheck(Base):
    """results: device → {"result", "detail"}. worst: the worst result that hinders a consultation."""

    __tablename__ = "device_check"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    org_id: Mapped[OrgId] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    person_id: Mapped[PersonId] = mapped_column(Id, ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    worst: Mapped[CheckResult] = mapped_column(word(CheckResult))
    results: Mapped[dict[str, Any]] = mapped_column(JSON)


@dataclass(frozen=True, slots=True)
class DeviceReading:
    result: CheckResult
    detail: str = ""


async def report_devices(
    db: AsyncSession, viewer: Viewer, readings: Mapping[Device, DeviceReading], now: datetime
) -> CheckResult:
    """Returns the worst result. Raises Denied, Invalid (a device without a reading, a detail over 200 characters)."""
    permit(viewer, Action.CHECK_DEVICES)
    problems = {device.value: "缺少检测结果" for device in Device if device not in readings}
    problems |= {d.value: "说明太长" for d, reading in readings.items() if len(reading.detail) > DETAIL_LENGTH}
    if problems:
        raise Invalid(problems)
    worst = max((_rank(device, reading.result) for device, reading in readings.items()), key=list(CheckResult).index)
    db.add(
        DeviceCheck(
            id=new_id(),
            org_id=viewer.org_id,
            person_id=viewer.person_id,
            at=now,
            worst=worst,
            results={d.value: {"result": r.result.value, "detail": r.detail} for d, r in readings.items()},
        )
    )
    await db.flush()
    return worst


async def last_check(db: AsyncSession, org_id: OrgId) -> DeviceCheck | None:
    query = select(DeviceCheck).where(DeviceCheck.org_id == org_id).order_by(DeviceCheck.at.desc()).limit(1)
    return await db.scalar(query)


def _rank(device: Device, result: CheckResult) -> CheckResult:
    # A station without a document camera works; without a camera or a microphone it does not.
    if device is Device.DOCUMENT_CAMERA and result in (CheckResult.ABSENT, CheckResult.BAD):
        return CheckResult.WARN
    return result
