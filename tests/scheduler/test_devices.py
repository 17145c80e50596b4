import pytest

from scheduler.devices import CheckResult, Device, DeviceReading, last_check, report_devices
from scheduler.errors import Denied, Invalid
from scheduler.people import Role
from tests.support.district import District

GOOD = {device: DeviceReading(CheckResult.OK) for device in Device}


@pytest.mark.parametrize(
    ("change", "worst"),
    [
        ({}, CheckResult.OK),
        ({Device.NETWORK: CheckResult.WARN}, CheckResult.WARN),
        ({Device.NETWORK: CheckResult.WARN, Device.MICROPHONE: CheckResult.BAD}, CheckResult.BAD),
        ({Device.CAMERA: CheckResult.ABSENT}, CheckResult.ABSENT),
        ({Device.DOCUMENT_CAMERA: CheckResult.ABSENT}, CheckResult.WARN),
    ],
)
async def test_the_worst_result_counts(
    district: District, change: dict[Device, CheckResult], worst: CheckResult
) -> None:
    readings = GOOD | {device: DeviceReading(result, "说明") for device, result in change.items()}
    async with district.database.sessions.begin() as db:
        assert await report_devices(db, district.clerks[0], readings, district.clock.now()) is worst
        stored = await last_check(db, district.clerks[0].org_id)
        assert stored is not None
        assert (stored.worst, set(stored.results)) == (worst, {device.value for device in Device})
        assert await last_check(db, district.clerks[1].org_id) is None


async def test_gaps_and_long_details(district: District) -> None:
    async with district.database.sessions.begin() as db:
        with pytest.raises(Invalid) as refused:
            await report_devices(db, district.clerks[0], {}, district.clock.now())
        assert set(refused.value.fields) == {device.value for device in Device}
        with pytest.raises(Invalid) as refused:
            long = GOOD | {Device.CAMERA: DeviceReading(CheckResult.OK, "长" * 201)}
            await report_devices(db, district.clerks[0], long, district.clock.now())
        assert set(refused.value.fields) == {"camera"}


async def test_who_may_report(district: District) -> None:
    async with district.database.sessions.begin() as db:
        await report_devices(db, district.lawyers[0], GOOD, district.clock.now())
        with pytest.raises(Denied):
            await report_devices(db, district.others[Role.ADMIN], GOOD, district.clock.now())
