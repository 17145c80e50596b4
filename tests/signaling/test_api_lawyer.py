from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.consents import Answer
from tests.support.consultations import Talked, call, close, new_visit, talk
from tests.support.recordings import sealed_recording
from tests.support.server import Browser, Server, new_key, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


@pytest.fixture
async def lawyer(server: Server) -> AsyncIterator[Browser]:
    async with server.as_person("lawyer") as browser:
        yield browser


@pytest.fixture
async def talked(server: Server) -> AsyncIterator[Talked]:
    async with server.as_person("clerk") as clerk:
        yield await talk(server, clerk)


def form_path(talked: Talked) -> str:
    return f"/api/consultations/{talked.consultation_id}/wrap-up"


async def test_the_day_of_a_lawyer_who_is_not_on_duty(lawyer: Browser) -> None:
    home = (await lawyer.get("/api/lawyer")).json
    assert home["presence"]["state"] == "offline"
    assert home["today"]["answered"] == 0
    assert (home["line"], home["open_forms"], home["consultation"]) == ([], [], None)


async def test_an_ended_consultation_waits_among_the_open_forms(lawyer: Browser, talked: Talked) -> None:
    home = (await lawyer.get("/api/lawyer")).json
    assert home["presence"]["state"] == "wrap_up"
    assert [row["consultation_id"] for row in home["open_forms"]] == [talked.consultation_id]
    assert home["today"]["average_s"] == 360


async def test_the_form_is_saved_and_a_second_window_sees_the_newer(lawyer: Browser, talked: Talked) -> None:
    form = (await lawyer.get(form_path(talked))).json
    assert form["consultation"]["visitor"]["name"] == "张桂兰"
    assert form["consultation"]["recording"] == {"state": "none", "cause": None, "at": None}
    body = {"version": form["version"], "advice": "一", "law_cited": "", "aid_rights_told": False, "outcome": None}
    saved = await lawyer.put(form_path(talked), body)
    assert (saved.status, saved.json["advice"]) == (200, "一")
    again = await lawyer.put(form_path(talked), body)
    assert (again.status, again.code) == (409, "changed")
    assert again.json["error"]["current"]["version"] == saved.json["version"]


async def test_two_more_minutes_once(server: Server, lawyer: Browser, talked: Talked) -> None:
    before = (await lawyer.get(form_path(talked))).json
    first = await lawyer.post(form_path(talked) + "/extend", {"key": new_key()})
    second = await lawyer.post(form_path(talked) + "/extend", {"key": new_key()})
    assert first.json == second.json != {"protected_until": before["protected_until"]}
    assert (await lawyer.get(form_path(talked))).json["extended"] is True


async def test_gaps_keep_the_form_open(lawyer: Browser, talked: Talked) -> None:
    version = (await lawyer.get(form_path(talked))).json["version"]
    body = {"key": new_key(), "version": version, "advice": " ", "law_cited": "", "aid_rights_told": False}
    answer = await lawyer.post(f"/api/consultations/{talked.consultation_id}/close", body)
    assert (answer.status, set(answer.json["error"]["fields"])) == (422, {"advice", "aid_rights_told", "outcome"})


async def test_closing_frees_the_lawyer_and_cannot_be_undone(lawyer: Browser, talked: Talked) -> None:
    assert (await close(lawyer, talked.consultation_id))["state"] == "closed"
    home = (await lawyer.get("/api/lawyer")).json
    assert (home["presence"]["state"], home["open_forms"], home["today"]["closed"]) == ("available", [], 1)
    assert (await lawyer.get(form_path(talked))).code == "conflict"


async def test_the_form_is_the_answering_lawyers(server: Server, talked: Talked) -> None:
    async with server.as_person("lawyer-two") as other:
        answer = await other.get(form_path(talked))
        assert (answer.status, answer.code) == (403, "denied")


async def test_the_line_shows_no_names(server: Server, lawyer: Browser, talked: Talked) -> None:
    async with server.as_person("clerk") as clerk:
        await call(server, (await new_visit(clerk))["id"], Answer.REFUSED)
    (row,) = (await lawyer.get("/api/lawyer")).json["line"]
    assert (row["position"], row["street"], row["category_name"]) == (1, "经八路", "欠薪")
    assert "张" not in str(row)


async def test_the_form_tells_what_became_of_the_recording(server: Server, lawyer: Browser) -> None:
    async with server.as_person("clerk") as clerk:
        consultation_id, _ = await sealed_recording(server, clerk)
        form = (await lawyer.get(f"/api/consultations/{consultation_id}/wrap-up")).json
        recording = form["consultation"]["recording"]
        assert (recording["state"], recording["cause"]) == ("stopped", "ended")


async def test_refused_consent_leaves_no_recording(server: Server, lawyer: Browser) -> None:
    async with server.as_person("clerk") as clerk:
        talked = await talk(server, clerk, Answer.REFUSED)
    form = (await lawyer.get(form_path(talked))).json
    assert form["consultation"]["recording"] == {"state": "none", "cause": "refused", "at": None}
