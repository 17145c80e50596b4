"""The control API: states, refusals, and events."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from media.peer import INTERRUPTED_AFTER, TIMEOUT
from media.relay import Limits
from media.room import GRACE
from media.worker import Worker
from tests.support.eventually import eventually
from tests.support.media_clock import ManualMediaClock
from tests.support.media_worker import Control, Refusal, worker_here
from tests.support.rtp_peer import RtpPeer, join, signalling

PEERS = "/v1/rooms/r/participants/clerk/peers"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Worker, Control]]:
    async with worker_here(tmp_path) as (worker, control):
        yield worker, control


async def refusal(control: Control, method: str, path: str, body: Any = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await control.call(method, path, body)
    return caught.value


async def test_health_says_what_is_served(place: tuple[Worker, Control]) -> None:
    worker, control = place
    health = await control.call("GET", "/v1/health")
    assert health["boot_id"] == worker.boot_id
    assert health["udp"] == [{"host": "127.0.0.1", "port": worker.relay.port.port}]
    assert {"version", "pid", "uptime_s", "rooms", "peers", "recordings", "last_event", "limits"} <= set(health)
    assert await control.call("POST", "/v1/contact", {}) == {}


async def test_room_state(place: tuple[Worker, Control]) -> None:
    _, control = place
    empty: dict[str, Any] = {"room_id": "r", "participants": [], "recording": None}
    assert await control.call("PUT", "/v1/rooms/r", {}) == empty
    assert await control.call("PUT", "/v1/rooms/r", {}) == empty
    reply = await control.call("POST", PEERS, {})
    state = await control.call("GET", "/v1/rooms/r")
    (participant,) = state["participants"]
    assert participant["peers"] == [{"peer_id": reply["peer_id"], "state": "new"}]
    assert reply["offer"]["version"] == 1 and reply["offer"]["tracks"] == {}
    assert await control.call("DELETE", "/v1/rooms/r/participants/clerk") == {}
    assert await control.call("GET", "/v1/rooms/r") == empty
    assert await control.call("DELETE", "/v1/rooms/r") == {}
    assert await control.call("DELETE", "/v1/rooms/r") == {}


async def test_unknown_things_are_not_found(place: tuple[Worker, Control]) -> None:
    _, control = place
    for method, path in (
        ("GET", "/v1/rooms/nowhere"),
        ("POST", "/v1/rooms/nowhere/participants/clerk/peers"),
        ("DELETE", "/v1/rooms/nowhere/participants/clerk"),
        ("POST", "/v1/peers/nobody/restart"),
        ("POST", "/v1/peers/nobody/offer"),
        ("POST", "/v1/rooms/nowhere/recording/stop"),
        ("GET", "/v1/nothing"),
    ):
        refused = await refusal(control, method, path, {"cause": "ended"})
        assert (refused.status, refused.code) == (404, "not_found"), path


async def test_odd_requests_are_refused_in_words(place: tuple[Worker, Control]) -> None:
    _, control = place
    await control.call("PUT", "/v1/rooms/r", {})
    peer_id = (await control.call("POST", PEERS, {}))["peer_id"]
    answer = f"/v1/peers/{peer_id}/answer"
    for body in (
        b"not json",
        b"[1]",
        b'{"version": "1", "sdp": "v=0"}',
        b'{"version": true, "sdp": ""}',
        b"{}",
        b"\xff",
    ):
        status, reply = await control.post_raw(answer, body)
        assert (status, reply["error"]["code"]) == (400, "bad_request"), body
    status, reply = await control.post_raw(answer, b"x" * 1_000_000)
    assert (status, reply["error"]["code"]) == (413, "too_large")
    assert (await refusal(control, "PUT", "/v1/rooms/" + "x" * 65, {})).status == 400
    assert (await refusal(control, "PUT", "/v1/rooms/a%20b", {})).status == 400
    assert (await refusal(control, "GET", "/v1/events?after=x")).status == 400
    assert (await refusal(control, "PATCH", "/v1/rooms")).status == 405


async def test_useless_answers_leave_the_offer_open(place: tuple[Worker, Control]) -> None:
    _, control = place
    await control.call("PUT", "/v1/rooms/r", {})
    peer = RtpPeer(control, "r", "clerk")
    reply = await control.call("POST", PEERS, {})
    peer.peer_id, good = reply["peer_id"], peer.answer_to(reply["offer"])
    path = f"/v1/peers/{peer.peer_id}/answer"
    for sdp, words in (
        ("v=0" + "x" * 50_000, "too long"),
        (good.replace("VP8", "H264"), "no usable codec"),
        ("\r\n".join(line for line in good.splitlines() if "fingerprint" not in line), "fingerprint"),
        (good.replace("a=mid:1", "a=mid:7"), "m-lines"),
    ):
        refused = await refusal(control, "POST", path, {"version": 1, "sdp": sdp})
        assert refused.status == 400 and words in refused.text
    assert (await refusal(control, "POST", path, {"version": 2, "sdp": good})).status == 409
    await peer.answer(reply["offer"])
    assert (await refusal(control, "POST", path, {"version": 1, "sdp": good})).status == 409
    await peer.connect(reply["offer"]["sdp"])
    await peer.vanish()


async def test_limits_are_named(tmp_path: Path) -> None:
    async with worker_here(tmp_path, limits=Limits(rooms=1, participants=2, peers=2)) as (_, control):
        await control.call("PUT", "/v1/rooms/r", {})
        for path, name in (("/v1/rooms/s", "rooms"),):
            refused = await refusal(control, "PUT", path, {})
            assert (refused.status, refused.code) == (429, "limit") and name in refused.text
        for name in ("a", "b"):
            await control.call("POST", f"/v1/rooms/r/participants/{name}/peers", {})
        refused = await refusal(control, "POST", "/v1/rooms/r/participants/c/peers", {})
        assert refused.status == 429 and "participants" in refused.text
        again = await control.call("POST", "/v1/rooms/r/participants/a/peers", {})
        assert again["offer"]["version"] == 1, "a participant who comes back takes no more room"


async def test_events_are_waited_for(place: tuple[Worker, Control]) -> None:
    worker, control = place
    nothing = await control.call("GET", "/v1/events?after=0&wait_s=0")
    assert nothing == {"boot_id": worker.boot_id, "events": [], "next": 0}
    await control.call("PUT", "/v1/rooms/r", {})
    await control.call("POST", PEERS, {})
    await control.call("DELETE", "/v1/rooms/r")
    event = await control.wait_for("peer_closed", cause="room_closed")
    assert event["n"] == 1 and event["room_id"] == "r"
    assert (await control.call("GET", "/v1/events?after=99&wait_s=0"))["gap"] is True


async def test_silence_is_told_and_then_ends_the_peer(tmp_path: Path) -> None:
    clock = ManualMediaClock()
    async with worker_here(tmp_path, clock) as (worker, control), signalling(control) as served:
        await control.call("PUT", "/v1/rooms/r", {})
        clerk = await join(served, control, "clerk")
        async with clerk.streaming():
            await control.wait_for("publication_started", source="audio")
        await clerk.vanish()
        clock.advance(INTERRUPTED_AFTER + 0.1)
        await control.wait_for("peer_interrupted", peer_id=clerk.peer_id)
        worker.relay.peer(clerk.peer_id)[1].ice.checked_at = clock.now
        await control.wait_for("peer_restored", peer_id=clerk.peer_id)
        clock.advance(INTERRUPTED_AFTER + 0.1)
        await eventually(lambda: sum(e["kind"] == "peer_interrupted" for e in control.events) == 2)
        clock.advance(TIMEOUT + 0.1)
        closed = await control.wait_for("peer_closed", peer_id=clerk.peer_id)
        assert closed["cause"] == "timeout"
        assert [e for e in control.events if e["kind"] == "publication_ended"] == []
        clock.advance(GRACE + 0.1)
        await control.wait_for("publication_ended", publication_id="clerk.audio")


async def test_a_peer_that_never_connects_times_out(tmp_path: Path) -> None:
    clock = ManualMediaClock()
    async with worker_here(tmp_path, clock) as (_, control):
        await control.call("PUT", "/v1/rooms/r", {})
        peer_id = (await control.call("POST", PEERS, {}))["peer_id"]
        clock.advance(TIMEOUT + 0.1)
        assert (await control.wait_for("peer_closed", peer_id=peer_id))["cause"] == "timeout"


async def test_closed_rooms_leave_nothing_behind(place: tuple[Worker, Control]) -> None:
    worker, control = place
    async with signalling(control) as served:
        for _ in range(3):
            await control.call("PUT", "/v1/rooms/r", {})
            clerk = await join(served, control, "clerk")
            lawyer = await join(served, control, "lawyer")
            async with clerk.streaming():
                await lawyer.gets_more("clerk.audio", 5)
            await control.call("DELETE", "/v1/rooms/r")
            await clerk.vanish()
            await lawyer.vanish()
    port = worker.relay.port
    assert port.flows == {} and port._agents == {} and worker.relay.gappy == set()
    await eventually(lambda: not worker.relay._closing)


async def test_statistics_name_everything(place: tuple[Worker, Control]) -> None:
    _, control = place
    await control.call("PUT", "/v1/rooms/r", {})
    async with signalling(control) as served:
        clerk = await join(served, control, "clerk")
        lawyer = await join(served, control, "lawyer", publish=())
        async with clerk.streaming():
            await lawyer.gets_more("clerk.camera", 10)
        stats = await control.call("GET", "/v1/stats")
    of = {peer["participant_id"]: peer for peer in stats["peers"]}
    published = {p["publication_id"]: p for p in of["clerk"]["publications"]}
    sent = {s["publication_id"]: s for s in of["lawyer"]["subscriptions"]}
    assert published["clerk.camera"]["packets"] >= sent["clerk.camera"]["packets"] >= 10
    assert {"loss", "jitter_ms", "nacks", "plis", "rate_bps", "octets"} <= set(published["clerk.camera"])
    assert {"loss", "rtt_ms", "nacks", "resent", "plis", "rate_bps", "octets"} <= set(sent["clerk.camera"])
    assert stats["forwarded"] >= 10 and set(stats["dropped"]) >= {"strangers", "unauthentic", "replayed"}
