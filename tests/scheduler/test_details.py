from dataclasses import replace
from datetime import date

import pytest

from scheduler.consents import Answer, withdraw
from scheduler.consultations import Consultation, Mode
from scheduler.details import consultation_detail, record
from scheduler.errors import Conflict, NotFound
from scheduler.ids import ConsultationId
from scheduler.records import add_message, add_point
from scheduler.terms import Group, Outcome, Sex
from tests.support.district import DONE, LOAN, District

VISITOR = replace(
    LOAN,
    id_number="11010519491231002X",
    companion="女儿",
    dialect="河南话",
    access_needs="助听器",
    opposing_party="李某",
    groups=[Group.ELDERLY],
)


async def test_everything_about_a_consultation_in_progress(district: District) -> None:
    consultation_id = await district.talk(fields=VISITOR)
    async with district.database.sessions.begin() as db:
        await add_point(db, consultation_id, district.lawyers[0].person_id, "借条有效。", district.clock.now())
        await add_message(db, consultation_id, district.clerks[0].person_id, "请看材料。", district.clock.now())
        found = await consultation_detail(db, consultation_id, district.clock.now())
    assert (found.ref.id, found.street.name, found.street.phone) == (
        consultation_id,
        "第0街道公共法律服务工作站",
        "0371-63930100",
    )
    assert (found.visitor.name, found.visitor.name_masked, found.visitor.phone_masked) == (
        "张桂兰",
        "张*兰",
        "138****0126",
    )
    assert (found.visitor.companion, found.visitor.dialect, found.visitor.access_needs) == ("女儿", "河南话", "助听器")
    assert (found.recording_consent, found.case_no, found.phone) == (Answer.GIVEN, "金法咨〔2026〕0001 号", None)
    assert [point.text for point in found.points] == ["借条有效。"]
    assert [message.text for message in found.chat] == ["请看材料。"]


@pytest.mark.parametrize("mode", [Mode.PHONE, Mode.CALLBACK])
async def test_the_number_is_told_where_the_lawyer_dials_it(district: District, mode: Mode) -> None:
    consultation_id = await district.talk(fields=VISITOR)
    async with district.database.sessions.begin() as db:
        (await db.get_one(Consultation, consultation_id)).mode = mode
    async with district.database.reads() as db:
        assert (await consultation_detail(db, consultation_id, district.clock.now())).phone == LOAN.phone


async def test_the_record_that_is_printed_and_sealed(district: District) -> None:
    consultation_id = await district.talk(fields=VISITOR)
    started = district.clock.now()
    district.clock.advance(1120)
    async with district.database.sessions.begin() as db:
        await withdraw(db, consultation_id, district.clerks[0], district.clock.now())
        with pytest.raises(Conflict):
            await record(db, consultation_id)
    await district.end(consultation_id)
    district.clock.advance(50)
    await district.close(consultation_id)
    async with district.database.reads() as db:
        found = await record(db, consultation_id)
    assert (found.clerk, found.lawyer, found.no) == ("周敏0", "王立新0", "20260302-001")
    assert (found.visitor.name, found.visitor.sex, found.visitor.age) == ("张桂兰", "女", 76)
    assert (found.visitor.phone_masked, found.visitor.id_number_masked) == ("138****0126", "1101**********002X")
    assert (found.advice, found.law_cited, found.aid_rights_told) == (DONE.advice, DONE.law_cited, True)
    assert (found.outcome, found.outcome_text) == (Outcome.ANSWERED, "当场答复")
    assert (found.recording_consent, len(found.consent_sha256)) == (Answer.WITHDRAWN, 64)
    assert (found.started_at, found.duration_s) == (started, 1120)
    assert found.confirmed_at == district.clock.now()
    assert "11010519491231002X" not in repr(found)


async def test_a_nameless_visitor_has_a_record_like_any_other(district: District) -> None:
    nameless = replace(LOAN, name="", phone="", id_refused=True, sex=Sex.FEMALE, birth_date=date(1990, 3, 3))
    consultation_id = await district.talk(fields=nameless, answer=Answer.REFUSED)
    await district.end(consultation_id)
    await district.close(consultation_id)
    async with district.database.reads() as db:
        found = await record(db, consultation_id)
    assert (found.visitor.name, found.visitor.id_refused, found.visitor.age) == ("", True, 35)
    assert found.recording_consent is Answer.REFUSED


async def test_what_is_not_there(district: District) -> None:
    async with district.database.reads() as db:
        with pytest.raises(NotFound):
            await record(db, ConsultationId("none"))
        with pytest.raises(NotFound):
            await consultation_detail(db, ConsultationId("none"), district.clock.now())
