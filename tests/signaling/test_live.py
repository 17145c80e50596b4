"""The live half, whole: HTTP, WebSocket, real worker, real RTP, real database; only time is in the test's hand."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from sqlalchemy.exc import OperationalError

from scheduler import consents, log_ins
from scheduler.consents import Answer
from scheduler.ids import ConsultationId
from signaling.keys import LIVE, SESSIONS
from tests.support.consultations import viewer
from tests.support.eventually import eventually, eventually_async
from tests.support.live_browser import LiveBrowser, LivePeer, WireRefusal, live
from tests.support.server import Browser, Server, new_key, serving


@asynccontextmanager
async def running(directory: Path, **values: Any) -> AsyncIterator[Server]:
    # Socket paths are at most 107 bytes long, and pytest's directories may not leave room.
    control = Path(tempfile.mkdtemp(prefix="lawlink-")) / "media.sock"
    settings: dict[str, Any] = {"media_control": f"unix:{control}", "media_hosts": ("127.0.0.1",), "disk_reserve_mb": 1}
    settings |= values
    async with serving(directory, **settings) as server:
        await eventually(lambda: all(server.app[LIVE].ready().values()))
        async with server.app[SESSIONS].begin() as db:
            for account in ("clerk", "lawyer", "lawyer-two"):
                await consents.set_standing(db, server.people[account], Answer.GIVEN, server.clock.now())
        yield server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path) as server:
        yield server


async def call(clerk: Browser, recording: str = "given", category: str = "contract_loan") -> str:
    """A visit, then 「呼叫律师」; returns the consultation's id."""
    audience = "criminal" if category == "criminal" else "adult"
    text = (await clerk.get(f"/api/consent-texts/recording?audience={audience}")).json
    fields = {"name": "张桂兰", "category": category, "facts": "借条", "phone": "13800000126"}
    visit = (await clerk.post("/api/visits", {"key": new_key(), **fields})).json
    body = {"key": new_key(), "recording": recording, "text_version": text["version"], "text_sha256": text["sha256"]}
    answer = await clerk.post(f"/api/visits/{visit['id']}/call", body)
    assert answer.status == 200, answer.json
    return str(answer.json["id"])


@dataclass
class Talk:
    consultation_id: str
    clerk: Browser
    lawyer: Browser
    station: LiveBrowser
    desk: LiveBrowser
    clerk_peer: LivePeer
    lawyer_peer: LivePeer


@asynccontextmanager
async def accepted(
    server: Server, **visit: str
) -> AsyncIterator[tuple[str, Browser, Browser, LiveBrowser, LiveBrowser]]:
    async with AsyncExitStack() as stack:
        clerk = await stack.enter_async_context(server.as_person("clerk"))
        lawyer = await stack.enter_async_context(server.as_person("lawyer"))
        station = await stack.enter_async_context(live(clerk, "station"))
        desk = await stack.enter_async_context(live(lawyer, "lawyer"))
        await desk.request("presence.set", state="available")
        consultation_id = await call(clerk, **visit)
        offer = (await desk.wait_for("offer"))["offer"]
        assert offer["consultation_id"] == consultation_id
        await desk.request("offer.accept", offer_id=offer["offer_id"], key=new_key())
        yield consultation_id, clerk, lawyer, station, desk


@asynccontextmanager
async def talking(server: Server, **visit: str) -> AsyncIterator[Talk]:
    """Both sides in the room, media flowing."""
    async with accepted(server, **visit) as (consultation_id, clerk, lawyer, station, desk):
        clerk_peer, lawyer_peer = LivePeer(station, consultation_id), LivePeer(desk, consultation_id)
        try:
            await clerk_peer.enter()
            await lawyer_peer.enter()
            async with clerk_peer.streaming(), lawyer_peer.streaming():
                yield Talk(consultation_id, clerk, lawyer, station, desk, clerk_peer, lawyer_peer)
        finally:
            await clerk_peer.leave()
            await lawyer_peer.leave()


async def pass_time(server: Server, seconds: int, *pages: LiveBrowser) -> None:
    """Lets the server's clock run while the pages keep their heartbeat."""
    for _ in range(seconds // 5):
        server.clock.advance(5)
        for page in pages:
            await page.ping()


def journals(server: Server) -> list[Path]:
    return [path for path in server.settings.journals.rglob("*") if path.is_file()]


async def test_a_call_is_offered_accepted_and_both_hear_each_other(server: Server) -> None:
    async with talking(server) as talk:
        state = talk.station.events[0] if talk.station.events else None
        assert state is None or state["type"] != "error"
        room = await talk.station.room(lambda room: all(p["present"] == "joined" for p in room["participants"]))
        by_role = {p["role"]: p["id"] for p in room["participants"]}
        await talk.clerk_peer.gets_more(f"{by_role['lawyer']}.camera")
        await talk.lawyer_peer.gets_more(f"{by_role['clerk']}.audio")
        assert (await talk.desk.recording("recording"))["cause"] is None
        assert room["visitor"] == "张桂兰"


async def test_recording_is_sealed_after_the_end(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        await eventually(lambda: len(journals(server)) >= 4)
        await talk.clerk_peer.gets_more(next(iter(talk.clerk_peer.tracks.values()))["publication_id"], 60)
        ended = await talk.desk.request("room.end", key=new_key())
        assert ended["consultation"]["state"] == "wrap_up"
        again = await talk.station.wait_for("consultation", lambda e: e["consultation"]["state"] == "wrap_up")
        assert again["consultation"]["id"] == talk.consultation_id

        async def sealed() -> bool:
            return await recording_state(server) in ("sealed", "incomplete")

        await eventually_async(sealed, 40)
        await eventually(lambda: not journals(server))


async def recording_state(server: Server) -> str | None:
    from sqlalchemy import select

    from recordings.models import Recording

    async with server.app[SESSIONS]() as db:
        state = await db.scalar(select(Recording.state))
    return None if state is None else state.value


@pytest.mark.parametrize(
    ("visit", "cause"), [({"recording": "refused"}, "refused"), ({"category": "criminal"}, "criminal")]
)
async def test_without_consent_not_one_byte_is_written(server: Server, visit: dict[str, str], cause: str) -> None:
    async with talking(server, **visit) as talk:
        room = await talk.station.room(lambda room: all(p["present"] == "joined" for p in room["participants"]))
        assert room["recording"]["state"] == "none"
        assert room["recording"]["cause"] == cause
        await talk.clerk_peer.gets_more(next(iter(talk.clerk_peer.tracks.values()))["publication_id"], 60)
        await talk.desk.request("room.end", key=new_key())
        assert journals(server) == []
        assert await recording_state(server) is None


async def test_withdrawn_consent_stops_for_good(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        reply = await talk.station.request("recording.stop", key=new_key())
        assert (reply["recording"]["state"], reply["recording"]["cause"]) == ("stopped", "withdrawn")
        assert (await talk.desk.recording("stopped"))["cause"] == "withdrawn"
        size = sum(path.stat().st_size for path in journals(server))
        await talk.clerk_peer.gets_more(next(iter(talk.clerk_peer.tracks.values()))["publication_id"], 100)
        assert sum(path.stat().st_size for path in journals(server)) == size


async def test_a_reload_resumes_the_same_consultation(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        await talk.station.close()
        await talk.clerk_peer.leave()
        await talk.desk.room(lambda room: room["state"] == "interrupted")
        async with live(talk.clerk, "station", resume=talk.station.hello["resume"]) as station:
            assert station.hello["resumed"] is True
            state = await station.wait_for("state")
            assert state["consultation"]["id"] == talk.consultation_id
            peer = LivePeer(station, talk.consultation_id)
            try:
                room = await peer.enter()
                assert room["consultation_id"] == talk.consultation_id
                async with peer.streaming():
                    back = await talk.desk.room(lambda room: room["state"] == "active")
                    assert back["recording"]["state"] == "recording"
                    clerk = next(p["id"] for p in back["participants"] if p["role"] == "clerk")
                    await talk.lawyer_peer.gets_more(f"{clerk}.camera")
                    await eventually(lambda: len(list(server.settings.journals.rglob(f"{clerk}.camera/*"))) == 2)
            finally:
                await peer.leave()


async def test_a_killed_worker_comes_back_and_recording_goes_on(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        health = await server.app[LIVE].worker.client.health()
        os.kill(health["pid"], signal.SIGKILL)
        closed = await talk.station.wait_for("media.closed")
        assert closed["cause"] == "worker_lost"
        assert (await talk.desk.recording("paused"))["cause"] == "worker_lost"
        await talk.clerk_peer.leave()
        await talk.lawyer_peer.leave()
        await eventually(lambda: server.app[LIVE].worker.ready.is_set())
        peers = [LivePeer(page, talk.consultation_id) for page in (talk.station, talk.desk)]
        try:
            for peer in peers:
                await peer.enter()
            async with peers[0].streaming(), peers[1].streaming():
                await talk.desk.recording("recording")
                await peers[0].gets_more(next(iter(peers[0].tracks.values()))["publication_id"])
        finally:
            for peer in peers:
                await peer.leave()


async def test_a_restarted_server_adopts_the_room(tmp_path: Path) -> None:
    control = f"unix:{tempfile.mkdtemp(prefix='lawlink-')}/media.sock"
    async with running(tmp_path, media_control=control) as server, talking(server) as talk:
        await talk.desk.recording("recording")
        consultation_id = talk.consultation_id
        boot = (await server.app[LIVE].worker.client.health())["boot_id"]
        peer_ids = {talk.clerk_peer.peer_id, talk.lawyer_peer.peer_id}
        live_before = server.app[LIVE]
        assert live_before.conduct.find(consultation_id) is not None
        await server.stop()
        await server.start()
        await eventually(lambda: all(server.app[LIVE].ready().values()))
        assert (await server.app[LIVE].worker.client.health())["boot_id"] == boot
        adopted = server.app[LIVE].conduct.find(consultation_id)
        assert adopted is not None
        assert {p.peer_id for p in adopted.participants.values()} == peer_ids
        assert adopted.recording.value == "recording"


async def test_nobody_answers_then_the_next_lawyer_then_a_break(server: Server) -> None:
    async with AsyncExitStack() as stack:
        clerk = await stack.enter_async_context(server.as_person("clerk"))
        first = await stack.enter_async_context(server.as_person("lawyer"))
        second = await stack.enter_async_context(server.as_person("lawyer-two"))
        station = await stack.enter_async_context(live(clerk, "station"))
        one = await stack.enter_async_context(live(first, "lawyer"))
        await one.request("presence.set", state="available")
        server.clock.advance(1)
        two = await stack.enter_async_context(live(second, "lawyer"))
        await two.request("presence.set", state="available")
        consultation_id = await call(clerk)
        offer = (await one.wait_for("offer"))["offer"]
        assert offer["seconds"] == offer["total_s"] == 30
        await pass_time(server, 30, one, two, station)
        assert (await one.wait_for("offer.ended"))["cause"] == "missed"
        passed_on = (await two.wait_for("offer"))["offer"]
        assert passed_on["consultation_id"] == consultation_id
        with pytest.raises(WireRefusal) as late:
            await one.request("offer.accept", offer_id=offer["offer_id"], key=new_key())
        assert late.value.code == "conflict"
        await two.request("offer.decline", offer_id=passed_on["offer_id"], key=new_key())
        third = (await one.wait_for("offer"))["offer"]
        await pass_time(server, 30, one, two, station)
        assert (await one.wait_for("offer.ended", lambda e: e["offer_id"] == third["offer_id"]))["cause"] == "missed"
        assert (await one.wait_for("notice"))["code"] == "lawyer_break"
        await one.wait_for("presence", lambda e: e["presence"]["state"] == "on_break")
        ref = (await station.wait_for("consultation", lambda e: e["consultation"]["state"] == "waiting"))[
            "consultation"
        ]
        assert ref["entry"]["position"] == 1


async def test_cancel_withdraws_the_offer(server: Server) -> None:
    async with server.as_person("clerk") as clerk, server.as_person("lawyer") as lawyer:
        async with live(clerk, "station"), live(lawyer, "lawyer") as desk:
            await desk.request("presence.set", state="available")
            consultation_id = await call(clerk)
            await desk.wait_for("offer")
            answer = await clerk.post(f"/api/consultations/{consultation_id}/cancel", {"key": new_key()})
            assert answer.json["state"] == "abandoned"
            assert (await desk.wait_for("offer.ended"))["cause"] == "withdrawn"
            await desk.wait_for("presence", lambda e: e["presence"]["state"] == "available")


async def test_chat_and_points_reach_both_once(server: Server) -> None:
    async with talking(server) as talk:
        key = new_key()
        first = await talk.station.request("chat.send", key=key, text="您好")
        assert (await talk.station.request("chat.send", key=key, text="您好"))["message"] == first["message"]
        assert (await talk.desk.wait_for("chat"))["message"]["text"] == "您好"
        await talk.desk.request("point.send", key=new_key(), text="借条有效")
        assert (await talk.station.wait_for("point"))["point"]["text"] == "借条有效"
        assert not [event for event in talk.desk.events if event["type"] == "chat"]
        with pytest.raises(WireRefusal) as refused:
            await talk.station.request("point.send", key=new_key(), text="我也想写")
        assert refused.value.code == "denied"


async def test_a_second_window_takes_over(server: Server) -> None:
    async with server.as_person("clerk") as clerk, live(clerk, "station", "w1") as old:
        async with live(clerk, "station", "w2") as new:
            await old.wait_for("replaced")
            await eventually(lambda: old.ws.closed)
            assert old.ws.close_code == 4409
            assert (await new.wait_for("state"))["consultation"] is None


async def test_the_wrong_workspace_and_other_peoples_rooms_are_refused(server: Server) -> None:
    async with server.as_person("auditor") as auditor:
        with pytest.raises(WireRefusal) as denied:
            async with live(auditor, "station"):
                pass
        assert denied.value.code == "denied"
    async with accepted(server) as (consultation_id, *_):
        async with server.as_person("lawyer-two") as other, live(other, "lawyer") as page:
            with pytest.raises(WireRefusal) as missing:
                await page.request("room.join", consultation_id=consultation_id)
            assert missing.value.code == "not_found"


@pytest.mark.parametrize(
    "sdp", ["x" * 49_000, "v=0\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 100\r\na=rtpmap:100 H264/90000\r\n"]
)
async def test_an_unusable_answer_is_refused_and_the_room_lives_on(server: Server, sdp: str) -> None:
    async with accepted(server) as (consultation_id, _, _, station, _):
        await station.request("room.join", consultation_id=consultation_id)
        offer = await station.wait_for("media.offer")
        with pytest.raises(WireRefusal) as refused:
            await station.request("media.answer", peer_id=offer["peer_id"], version=offer["version"], sdp=sdp)
        assert refused.value.code == "bad_request"
        await station.request("media.open", consultation_id=consultation_id)
        assert (await station.wait_for("media.offer"))["peer_id"] != offer["peer_id"]


async def test_turning_to_the_telephone_closes_media_and_keeps_the_consultation(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        reply = await talk.station.request("call.phone", key=new_key())
        assert reply["phone"] == "0371-87654321"
        assert reply["consultation"]["mode"] == "phone"
        await talk.desk.recording("stopped")
        await talk.desk.request("point.send", key=new_key(), text="电话里接着说")
        with pytest.raises(WireRefusal):
            await talk.desk.request("media.open", consultation_id=talk.consultation_id)
        ended = await talk.desk.request("room.end", key=new_key())
        assert ended["consultation"]["state"] == "wrap_up"


async def test_a_station_that_goes_away_keeps_its_place(server: Server) -> None:
    async with server.as_person("clerk") as clerk, server.as_person("lawyer") as lawyer:
        async with live(clerk, "station"):
            consultation_id = await call(clerk)
        await eventually(lambda: len(server.app[LIVE].registry) == 0)
        server.clock.advance(6)

        async def absent() -> bool:
            ref = (await clerk.get(f"/api/consultations/{consultation_id}")).json
            return bool(ref["entry"]["state"] == "absent")

        await eventually_async(absent)
        async with live(lawyer, "lawyer") as desk:
            await desk.request("presence.set", state="available")
            assert not [event for event in desk.events if event["type"] == "offer"]
            async with live(clerk, "station"):
                assert (await desk.wait_for("offer"))["offer"]["consultation_id"] == consultation_id


async def test_both_end_at_once(server: Server) -> None:
    async with talking(server) as talk:
        results = await asyncio.gather(
            talk.station.request("room.end", key=new_key()),
            talk.desk.request("room.end", key=new_key()),
            return_exceptions=True,
        )
        states = [r["consultation"]["state"] for r in results if isinstance(r, dict)]
        assert states and set(states) == {"wrap_up"}
        assert all(isinstance(r, dict) or (isinstance(r, WireRefusal) and r.code == "conflict") for r in results)


async def test_a_withdrawal_that_a_crash_cut_off_is_carried_out_at_the_next_start(tmp_path: Path) -> None:
    control = f"unix:{tempfile.mkdtemp(prefix='lawlink-')}/media.sock"
    async with running(tmp_path, media_control=control) as server, talking(server) as talk:
        await talk.desk.recording("recording")
        clerk = await viewer(server, "clerk")
        async with server.app[SESSIONS].begin() as db:
            await consents.withdraw(db, ConsultationId(talk.consultation_id), clerk, server.clock.now())
        await server.stop()
        await server.start()
        await eventually(lambda: all(server.app[LIVE].ready().values()))
        adopted = server.app[LIVE].conduct.find(talk.consultation_id)
        assert adopted is not None
        await eventually(lambda: adopted.recording.value == "stopped")
        (room,) = await server.app[LIVE].worker.client.rooms()
        assert room["recording"] is None or room["recording"]["state"] == "stopped"


async def test_a_stop_that_a_hung_worker_does_not_confirm_is_owed_and_the_worker_killed(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        pid = (await server.app[LIVE].worker.client.health())["pid"]
        os.kill(pid, signal.SIGSTOP)
        asking = asyncio.create_task(talk.station.request("recording.stop", key=new_key()))
        stopped = await talk.desk.room(lambda room: room["recording"]["state"] == "stopped")
        assert stopped["recording"]["cause"] == "withdrawn"
        await asking
        await eventually(lambda: server.app[LIVE].worker.ready.is_set())
        assert (await server.app[LIVE].worker.client.health())["pid"] != pid


async def test_a_server_that_was_silent_resumes_the_recording_by_itself(server: Server) -> None:
    async with talking(server) as talk:
        first = await talk.desk.recording("recording")
        live_room = server.app[LIVE].conduct.find(talk.consultation_id)
        assert live_room is not None
        happened = {"kind": "recording", "room_id": talk.consultation_id, "recording_id": live_room.recording_id}
        server.clock.advance(1)
        await server.app[LIVE].worker_event(happened | {"state": "stopped", "cause": "server_lost"})
        again = await talk.desk.room(lambda room: room["recording"]["at"] != first["at"])
        assert again["recording"]["state"] == "recording"


async def test_an_ending_is_finished_though_its_page_is_reloaded(server: Server) -> None:
    async with talking(server) as talk:
        await talk.desk.recording("recording")
        message = {"v": 1, "id": "end", "type": "room.end", "key": new_key()}
        await talk.desk.ws.send_json(message)
        async with live(talk.lawyer, "lawyer", "w1"):

            async def sealed() -> bool:
                return await recording_state(server) in ("sealed", "incomplete")

            await eventually_async(sealed, 40)
        assert await server.app[LIVE].worker.client.rooms() == []


async def test_a_recording_from_before_both_were_restarted_is_sealed_at_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        async with talking(server) as talk:
            await talk.desk.recording("recording")
            os.kill((await server.app[LIVE].worker.client.health())["pid"], signal.SIGKILL)
            await server.stop()
        await server.start()
        await eventually(lambda: all(server.app[LIVE].ready().values()))
        await server.app[LIVE].conduct.end(talk.consultation_id, cause="ended", person_id=None)

        async def sealed() -> bool:
            return await recording_state(server) in ("sealed", "incomplete")

        await eventually_async(sealed, 40)


async def test_a_room_nobody_comes_to_ends_after_ten_minutes(server: Server) -> None:
    async with accepted(server) as (consultation_id, *_):
        pass
    await eventually(lambda: len(server.app[LIVE].registry) == 0)

    async def failed() -> bool:
        server.clock.advance(120)
        return bool((await clerk_sees(server, consultation_id))["state"] == "failed")

    await eventually_async(failed)


async def clerk_sees(server: Server, consultation_id: str) -> Any:
    async with server.as_person("clerk") as clerk:
        return (await clerk.get(f"/api/consultations/{consultation_id}")).json


async def test_a_socket_closes_when_its_log_in_has_ended(server: Server) -> None:
    async with server.as_person("clerk") as clerk, live(clerk, "station") as page:
        async with server.app[SESSIONS].begin() as db:
            await log_ins.end_all(db, server.people["clerk"], server.clock.now())
        await pass_time(server, 65, page)
        await eventually(lambda: page.ws.closed)
        assert page.ws.close_code == 4401


async def test_the_line_goes_on_after_a_turn_that_failed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = AsyncMock(side_effect=OperationalError("disk", None, Exception("database or disk is full")))
    with monkeypatch.context() as patch:
        patch.setattr("signaling.line.deadlines.expire_due", failing)
        server.app[LIVE].line.touch()
        await eventually(lambda: failing.await_count >= 1)
    async with server.as_person("clerk") as clerk, server.as_person("lawyer") as lawyer:
        async with live(clerk, "station"), live(lawyer, "lawyer") as desk:
            await desk.request("presence.set", state="available")
            consultation_id = await call(clerk)
            assert (await desk.wait_for("offer"))["offer"]["consultation_id"] == consultation_id
