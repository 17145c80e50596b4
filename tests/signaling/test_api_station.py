import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.consents import Answer
from scheduler.terms import MatterCategory
from tests.support.consultations import call, close, new_visit, talk
from tests.support.server import Browser, Server, new_key, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


@pytest.fixture
async def clerk(server: Server) -> AsyncIterator[Browser]:
    async with server.as_person("clerk") as browser:
        yield browser


async def test_an_empty_day(server: Server, clerk: Browser) -> None:
    answer = await clerk.get("/api/station")
    assert answer.status == 200
    assert answer.json["org"]["name"] == "经八路"
    assert answer.json["visits"] == []
    assert answer.json["consultation"] is None
    line = answer.json["line"]
    assert (line["open"], line["reason"], line["estimate"], line["ahead"]) == (False, "nobody_on_duty", None, 0)
    assert line["at"].endswith("Z")


async def test_a_draft_is_saved_read_deleted_and_restored(server: Server, clerk: Browser) -> None:
    visit = await new_visit(clerk, id_number="410105194903071224", groups=["disabled"])
    assert visit["state"] == "draft"
    assert visit["id_number_masked"] == "4101**********1224"
    assert "id_number" not in visit
    assert (visit["sex"], visit["birth_date"]) == ("female", "1949-03-07")
    path = f"/api/visits/{visit['id']}"
    assert (await clerk.get(path)).json == visit
    assert (await clerk.delete(path, {"key": new_key()})).json == {}
    assert (await clerk.get(path)).code == "not_found"
    restored = await clerk.post(path + "/restore", {"key": new_key()})
    assert restored.json["facts"] == visit["facts"]
    rows = (await clerk.get("/api/station")).json["visits"]
    assert [(row["name_masked"], row["state"], row["category_name"]) for row in rows] == [("张*兰", "draft", "欠薪")]


async def test_the_same_press_twice_makes_one_draft(server: Server, clerk: Browser) -> None:
    body = {"key": new_key(), "name": "张三"}
    first = await clerk.post("/api/visits", body)
    assert (await clerk.post("/api/visits", body)).json == first.json
    assert len((await clerk.get("/api/station")).json["visits"]) == 1
    other = await clerk.post("/api/visits", {**body, "name": "李四"})
    assert (other.status, other.code) == (400, "bad_request")


async def test_presses_at_the_same_instant_make_one_draft(server: Server, clerk: Browser) -> None:
    body = {"key": new_key(), "name": "张三"}
    answers = await asyncio.gather(*(clerk.post("/api/visits", body) for _ in range(8)))
    assert {answer.json["id"] for answer in answers} == {answers[0].json["id"]}
    assert len((await clerk.get("/api/station")).json["visits"]) == 1


async def test_two_clerks_see_both_versions(server: Server, clerk: Browser) -> None:
    visit = await new_visit(clerk)
    path = f"/api/visits/{visit['id']}"
    first = await clerk.put(path, {"version": visit["version"], "name": "第一位"})
    assert first.json["version"] == visit["version"] + 1
    second = await clerk.put(path, {"version": visit["version"], "name": "第二位"})
    assert (second.status, second.code) == (409, "changed")
    assert second.json["error"]["current"] == first.json


async def test_another_station_sees_nothing(server: Server, clerk: Browser) -> None:
    visit = await new_visit(clerk)
    path = f"/api/visits/{visit['id']}"
    async with server.as_person("clerk-west") as west:
        assert (await west.get("/api/station")).json["visits"] == []
        for answer in (
            await west.get(path),
            await west.put(path, {"version": 1, "name": "x"}),
            await west.delete(path, {"key": new_key()}),
        ):
            assert (answer.status, answer.code) == (404, "not_found")


async def test_too_long_and_unknown_fields_are_told_apart(server: Server, clerk: Browser) -> None:
    long = await clerk.post("/api/visits", {"key": new_key(), "name": "长" * 41})
    assert (long.status, list(long.json["error"]["fields"])) == (422, ["name"])
    unknown = await clerk.post("/api/visits", {"key": new_key(), "nickname": "x"})
    assert (unknown.status, list(unknown.json["error"]["fields"])) == (400, ["nickname"])
    keyless = await clerk.post("/api/visits", {"name": "x"})
    assert (keyless.status, list(keyless.json["error"]["fields"])) == (400, ["key"])


async def test_the_reload_finds_the_consultation_again(server: Server, clerk: Browser) -> None:
    visit = await new_visit(clerk)
    consultation_id = await call(server, visit["id"])
    current = (await clerk.get("/api/station")).json["consultation"]
    assert (current["id"], current["state"], current["entry"]["position"]) == (consultation_id, "waiting", 1)
    assert (await clerk.get(f"/api/visits/{visit['id']}")).json["consultation"]["id"] == consultation_id


async def test_categories_come_in_the_order_of_the_form(clerk: Browser) -> None:
    items = (await clerk.get("/api/categories")).json["items"]
    assert items[0] == {"id": "contract_loan", "name": "合同借贷"}
    assert {item["id"] for item in items} == {category.value for category in MatterCategory}


@pytest.mark.parametrize("audience", ["adult", "guardian", "criminal"])
async def test_a_consent_text_comes_with_its_hash(clerk: Browser, audience: str) -> None:
    text = (await clerk.get(f"/api/consent-texts/recording?audience={audience}")).json
    assert set(text) == {"version", "sha256", "title", "short", "text"}
    assert len(text["sha256"]) == 64


async def test_staff_texts_are_not_for_visitors(clerk: Browser) -> None:
    assert (await clerk.get("/api/consent-texts/recording?audience=staff")).code == "bad_request"
    assert (await clerk.get("/api/consent-texts/recording")).code == "bad_request"


async def test_a_device_check_is_reported(clerk: Browser) -> None:
    fine = {"result": "ok", "detail": ""}
    body = {"camera": fine, "microphone": fine, "speaker": fine, "document_camera": {"result": "absent", "detail": "x"}}
    assert (await clerk.post("/api/device-checks", {"key": new_key(), **body, "network": fine})).json == {}
    assert (await clerk.post("/api/device-checks", {"key": new_key(), **body})).code == "bad_request"


async def test_the_record_is_printed_when_closed_and_rated_once(server: Server, clerk: Browser) -> None:
    talked = await talk(server, clerk)
    path = f"/api/consultations/{talked.consultation_id}"
    assert (await clerk.get(path + "/record")).code == "conflict"
    async with server.as_person("lawyer") as lawyer, server.as_person("lawyer-two") as other:
        await close(lawyer, talked.consultation_id)
        record = (await clerk.get(path + "/record")).json
        assert (await lawyer.get(path + "/record")).json == record
        assert (await other.get(path + "/record")).code == "not_found"
    assert (record["advice"], record["outcome_text"], record["duration_s"]) == (
        "先向劳动监察大队投诉。",
        "当场答复",
        360,
    )
    assert record["visitor"]["phone_masked"] == "138****0126"
    rating = {"declined": False, "overall": 5, "attitude": 4}
    assert (await clerk.post(path + "/evaluation", {"key": new_key(), **rating})).json == {}
    assert (await clerk.post(path + "/evaluation", {"key": new_key(), **rating})).code == "conflict"
    assert (await clerk.get("/api/station")).json["visits"][0]["rated"] is True


async def test_a_grade_out_of_range_and_none_at_all_are_invalid(server: Server, clerk: Browser) -> None:
    talked = await talk(server, clerk, Answer.REFUSED)
    path = f"/api/consultations/{talked.consultation_id}/evaluation"
    for body in ({"declined": False, "overall": 6}, {"declined": False}):
        answer = await clerk.post(path, {"key": new_key(), **body})
        assert (answer.status, list(answer.json["error"]["fields"])) == (422, ["overall"])
    assert (await clerk.post(path, {"key": new_key(), "declined": True})).status == 200
