import pytest

from scheduler import records
from scheduler.errors import Conflict, Denied, Invalid, Refused
from scheduler.ids import ConsultationId, PersonId
from scheduler.records import CHAT_LENGTH, POINT_LENGTH, add_message, add_point, messages, points
from tests.support.district import District


async def say(district: District, consultation_id: ConsultationId, person_id: PersonId, text: str) -> None:
    async with district.database.sessions.begin() as db:
        await add_message(db, consultation_id, person_id, text, district.clock.advance(1))


async def point(district: District, consultation_id: ConsultationId, person_id: PersonId, text: str) -> None:
    async with district.database.sessions.begin() as db:
        await add_point(db, consultation_id, person_id, text, district.clock.advance(1))


async def test_chat_and_points_come_back_in_order(district: District) -> None:
    consultation_id = await district.talk()
    clerk, lawyer = district.clerks[0].person_id, district.lawyers[0].person_id
    await say(district, consultation_id, clerk, " 听得见吗？ ")
    await say(district, consultation_id, lawyer, "听得见。")
    await point(district, consultation_id, lawyer, "借条有效。")
    async with district.database.reads() as db:
        said = await messages(db, consultation_id)
        assert [(one.name, one.text) for one in said] == [("周敏0", "听得见吗？"), ("王立新0", "听得见。")]
        assert said[0].participant_id != said[1].participant_id
        assert [one.text for one in await points(db, consultation_id)] == ["借条有效。"]


@pytest.mark.parametrize("text", ["", "   ", "长" * (CHAT_LENGTH + 1)])
async def test_empty_and_too_long_messages(district: District, text: str) -> None:
    consultation_id = await district.talk()
    with pytest.raises(Invalid):
        await say(district, consultation_id, district.clerks[0].person_id, text)
    with pytest.raises(Invalid):
        await point(district, consultation_id, district.lawyers[0].person_id, text[: POINT_LENGTH + 1])


async def test_strangers_say_nothing_and_clerks_send_no_points(district: District) -> None:
    consultation_id = await district.talk()
    for stranger in (district.clerks[1], district.lawyers[1]):
        with pytest.raises(Denied):
            await say(district, consultation_id, stranger.person_id, "听得见吗？")
    with pytest.raises(Denied):
        await point(district, consultation_id, district.clerks[0].person_id, "借条有效。")


async def test_after_the_end_nothing_more_is_said(district: District) -> None:
    consultation_id = await district.talk()
    await district.end(consultation_id)
    with pytest.raises(Conflict):
        await say(district, consultation_id, district.clerks[0].person_id, "还在吗？")
    with pytest.raises(Conflict):
        await point(district, consultation_id, district.lawyers[0].person_id, "还有一条。")


async def test_one_consultation_holds_a_bounded_number(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MESSAGES_LIMIT", 2)
    consultation_id = await district.talk()
    lawyer = district.lawyers[0].person_id
    await say(district, consultation_id, lawyer, "一")
    await point(district, consultation_id, lawyer, "二")
    with pytest.raises(Refused) as refused:
        await say(district, consultation_id, lawyer, "三")
    assert refused.value.code == "throttled"
