"""aiortc's own RTCPeerConnection as the client, with real encoders, on a clean and on a lossy path."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

from tests.support.eventually import eventually
from tests.support.media_worker import Control, worker_here
from tests.support.udp_proxy import udp_proxy


class StockClient:
    """`via` replaces every candidate."""

    def __init__(self, control: Control, participant_id: str, via: tuple[str, int] | None = None) -> None:
        self._control, self.participant_id, self._via = control, participant_id, via
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.connection = RTCPeerConnection(configuration)
        self.connection.on("track", self._on_track)
        self.frames = {"audio": 0, "video": 0}
        self.peer_id = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        reply = await self._control.call("POST", f"/v1/rooms/r/participants/{self.participant_id}/peers", {})
        self.peer_id = reply["peer_id"]
        await self.answer(reply["offer"])

    async def answer(self, offer: dict[str, Any]) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(self._localised(offer["sdp"]), "offer"))
        for transceiver in self.connection.getTransceivers():
            if transceiver.mid in ("0", "1") and transceiver.direction != "sendonly":
                track = AudioStreamTrack() if transceiver.kind == "audio" else VideoStreamTrack()
                transceiver.sender.replaceTrack(track)
                transceiver.direction = "sendonly"
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        body = {"version": offer["version"], "sdp": self.connection.localDescription.sdp}
        await self._control.call("POST", f"/v1/peers/{self.peer_id}/answer", body)

    def _localised(self, sdp: str) -> str:
        """aiortc reads candidates from the last line of a bundle; the relay gives them with the first."""
        if self._via is not None:
            sdp = re.sub(r"udp (\d+) \S+ \d+ typ host", rf"udp \1 {self._via[0]} {self._via[1]} typ host", sdp)
        candidates = "".join(re.findall(r"a=(?:candidate|end-of-candidates).*\r\n", sdp))
        head, *sections = sdp.replace(candidates, "").split("m=")
        return head + "".join(f"m={section}{candidates}" for section in sections)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._count(track)))

    async def _count(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                self.frames[track.kind] += 1
        except MediaStreamError:
            return

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def pair(control: Control, via: tuple[str, int] | None = None) -> AsyncIterator[list[StockClient]]:
    await control.call("PUT", "/v1/rooms/r", {})
    clients = [StockClient(control, "clerk", via), StockClient(control, "lawyer", via)]

    async def follow() -> None:
        async for event in control.each_event():
            if event["kind"] == "offer":
                await next(c for c in clients if c.peer_id == event["peer_id"]).answer(event["offer"])

    following = asyncio.create_task(follow())
    try:
        for client in clients:
            await client.join()
        yield clients
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        for client in clients:
            await client.close()


def everybody_has(clients: list[StockClient], frames: int) -> bool:
    return all(count >= frames for client in clients for count in client.frames.values())


@pytest.fixture(autouse=True)
def every_address_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])


async def test_frames_are_decoded_both_ways(tmp_path: Path) -> None:
    async with worker_here(tmp_path) as (_, control), pair(control) as clients:
        await eventually(lambda: everybody_has(clients, 30))


async def test_five_per_cent_loss_both_ways_is_repaired(tmp_path: Path) -> None:
    async with worker_here(tmp_path) as (worker, control):
        async with udp_proxy(("127.0.0.1", worker.relay.port.port)) as proxy, pair(control, proxy.address) as clients:
            await eventually(lambda: everybody_has(clients, 10))
            proxy.lose(0.05)
            await eventually(lambda: everybody_has(clients, 150))
            stats = await control.call("GET", "/v1/stats")
        published = [p for peer in stats["peers"] for p in peer["publications"]]
        sent = [s for peer in stats["peers"] for s in peer["subscriptions"]]
        assert proxy.dropped > 20
        assert sum(p["recovered"] for p in published) > 5, "the relay asks publishers again"
        assert sum(s["resent"] for s in sent) > 5, "the relay answers its subscribers"
