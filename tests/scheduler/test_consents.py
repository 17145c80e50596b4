from dataclasses import replace

import pytest
from sqlalchemy import delete

from scheduler.consent_texts import (
    BUILT_IN,
    Audience,
    ConsentTextRow,
    audience_of,
    current_text,
    keep_text,
    text_of_version,
)
from scheduler.consents import (
    Answer,
    Barrier,
    Consent,
    RecordingConsent,
    Subject,
    history,
    in_force,
    set_standing,
    standing,
    withdraw,
)
from scheduler.consultations import Consultation, Mode
from scheduler.errors import Denied, NotFound
from scheduler.ids import ConsultationId
from scheduler.terms import MatterCategory
from tests.support.clock import START
from tests.support.district import LOAN, District


async def consent(district: District, consultation_id: ConsultationId) -> RecordingConsent:
    async with district.database.reads() as db:
        return await in_force(db, consultation_id)


async def test_recording_is_allowed_when_everybody_agreed(district: District) -> None:
    found = await consent(district, await district.talk())
    assert (found.answer, found.barrier, found.allowed) == (Answer.GIVEN, None, True)


async def test_a_refusal_stands(district: District) -> None:
    found = await consent(district, await district.talk(answer=Answer.REFUSED))
    assert (found.answer, found.barrier) == (Answer.REFUSED, Barrier.REFUSED)


async def test_a_criminal_matter_is_never_recorded(district: District) -> None:
    criminal = replace(LOAN, category=MatterCategory.CRIMINAL)
    found = await consent(district, await district.talk(fields=criminal, answer=Answer.GIVEN))
    assert (found.answer, found.barrier, found.allowed) == (Answer.GIVEN, Barrier.CRIMINAL, False)
    assert found.text_version == "recording-criminal-1"


@pytest.mark.parametrize("mode", [Mode.PHONE, Mode.CALLBACK])
async def test_a_telephone_talk_is_never_recorded(district: District, mode: Mode) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        (await db.get_one(Consultation, consultation_id)).mode = mode
    assert (await consent(district, consultation_id)).barrier is Barrier.TELEPHONE


async def test_the_visitors_withdrawal_is_final_and_kept_as_a_row(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        after = await withdraw(db, consultation_id, district.clerks[0], district.clock.advance(60))
        again = await withdraw(db, consultation_id, district.clerks[0], district.clock.advance(60))
        rows = await history(db, consultation_id)
    assert (after.answer, after.barrier) == (Answer.WITHDRAWN, Barrier.WITHDRAWN) == (again.answer, again.barrier)
    assert [row.answer for row in rows] == [Answer.GIVEN, Answer.WITHDRAWN]
    assert rows[0].text_sha256 == rows[1].text_sha256


async def test_the_lawyers_withdrawal_is_his_own(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        after = await withdraw(db, consultation_id, district.lawyers[0], district.clock.now())
        rows = await history(db, consultation_id)
        assert (after.answer, after.barrier) == (Answer.GIVEN, Barrier.WITHDRAWN)
        assert (rows[-1].subject, rows[-1].person_id) == (Subject.STAFF, district.lawyers[0].person_id)
        await withdraw(db, consultation_id, district.lawyers[0], district.clock.now())
        assert len(await history(db, consultation_id)) == len(rows)
        assert await standing(db, district.lawyers[0].person_id) is Answer.GIVEN


async def test_only_participants_withdraw(district: District) -> None:
    consultation_id = await district.talk()
    async with district.database.sessions.begin() as db:
        for stranger in (district.clerks[1], district.lawyers[1]):
            with pytest.raises(Denied):
                await withdraw(db, consultation_id, stranger, district.clock.now())
    assert (await consent(district, consultation_id)).allowed


@pytest.mark.parametrize("who", ["clerk", "lawyer"])
async def test_staff_who_withdrew_their_standing_consent_are_not_recorded(district: District, who: str) -> None:
    viewer = district.clerks[0] if who == "clerk" else district.lawyers[0]
    async with district.database.sessions.begin() as db:
        await set_standing(db, viewer.person_id, Answer.WITHDRAWN, START)
    consultation_id = await district.talk()
    assert (await consent(district, consultation_id)).barrier is Barrier.REFUSED
    async with district.database.sessions.begin() as db:
        await set_standing(db, viewer.person_id, Answer.GIVEN, START)
    assert (await consent(district, consultation_id)).allowed


async def test_staff_who_were_never_asked_are_not_recorded(district: District) -> None:
    lawyer = district.lawyers[0].person_id
    async with district.database.sessions.begin() as db:
        await db.execute(delete(Consent).where(Consent.person_id == lawyer))
        assert await standing(db, lawyer) is None
    consultation_id = await district.talk()
    assert (await consent(district, consultation_id)).barrier is Barrier.REFUSED


async def test_no_consultation_no_consent(district: District) -> None:
    with pytest.raises(NotFound):
        await consent(district, ConsultationId("none"))


async def test_texts_are_kept_word_for_word_once_they_were_used(district: District) -> None:
    text = BUILT_IN[Audience.ADULT]
    async with district.database.sessions.begin() as db:
        await keep_text(db, text, START)
        await keep_text(db, text, START)
        newer = replace(text, version="recording-adult-2", text=text.text + "新的一句。")
        await keep_text(db, newer, district.clock.now())
        assert await current_text(db, Audience.ADULT) == newer
        assert (await text_of_version(db, text.version)).text == text.text
        row = await db.get_one(ConsentTextRow, newer.version)
        assert row.sha256 == newer.sha256 != text.sha256
        assert await current_text(db, Audience.CRIMINAL) == BUILT_IN[Audience.CRIMINAL]
        with pytest.raises(NotFound):
            await text_of_version(db, "recording-adult-99")


@pytest.mark.parametrize(
    ("category", "under_14", "audience"),
    [
        (MatterCategory.FAMILY, False, Audience.ADULT),
        (None, False, Audience.ADULT),
        (MatterCategory.FAMILY, True, Audience.GUARDIAN),
        (MatterCategory.CRIMINAL, True, Audience.CRIMINAL),
        (MatterCategory.CRIMINAL, False, Audience.CRIMINAL),
    ],
)
def test_who_is_read_which_text(category: MatterCategory | None, under_14: bool, audience: Audience) -> None:
    assert audience_of(category, under_14) is audience


def test_every_text_says_what_the_law_asks_for() -> None:
    """Personal Information Protection Law, art. 17: who, why, what, how long, which rights, and how to use them."""
    for audience in (Audience.ADULT, Audience.GUARDIAN):
        for topic in (
            "录谁",
            "为什么录",
            "谁保管",
            "谁能看",
            "保存多久",
            "您的权利",
            "停止录制",
            "12348",
            "第三十一条",
        ):
            if topic == "第三十一条" and audience is Audience.ADULT:
                continue
            assert topic in BUILT_IN[audience].text
    assert "不录音录像" in BUILT_IN[Audience.CRIMINAL].text
    assert len({text.sha256 for text in BUILT_IN.values()}) == len(BUILT_IN) == len(Audience)
