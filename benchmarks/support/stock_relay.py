"""The obvious relay, for comparison: aiortc's RTCPeerConnection and MediaRelay, which decode and encode again.

`python -m benchmarks.support.stock_relay SOCKET` serves `POST /consultations` → `{"id", "offers": [sdp, sdp]}` and
`POST /consultations/{id}/answers` `{"answers": [sdp, sdp]}` on a Unix socket.
"""

import asyncio
import sys
from typing import Any

import aioice.ice
from aiohttp import web
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

CONSULTATIONS: list[list[RTCPeerConnection]] = []


async def open_consultation(_: web.Request) -> web.Response:
    configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
    pair = [RTCPeerConnection(configuration), RTCPeerConnection(configuration)]
    vp8 = [codec for codec in RTCRtpSender.getCapabilities("video").codecs if codec.name in ("VP8", "rtx")]
    for connection in pair:
        for direction in ("recvonly", "sendonly"):
            for kind in ("audio", "video"):
                line = connection.addTransceiver(kind, direction=direction)
                if kind == "video":
                    line.setCodecPreferences(vp8)
        await connection.setLocalDescription(await connection.createOffer())
    CONSULTATIONS.append(pair)
    offers = [connection.localDescription.sdp for connection in pair]
    return web.json_response({"id": len(CONSULTATIONS) - 1, "offers": offers})


async def answer(request: web.Request) -> web.Response:
    body: dict[str, Any] = await request.json()
    pair = CONSULTATIONS[int(request.match_info["id"])]
    for connection, sdp in zip(pair, body["answers"], strict=True):
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
    relay = MediaRelay()
    for connection, other in zip(pair, reversed(pair), strict=True):
        received = [line.receiver.track for line in other.getTransceivers()[:2]]
        for line, track in zip(connection.getTransceivers()[2:], received, strict=True):
            line.sender.replaceTrack(relay.subscribe(track))
    return web.json_response({})


async def serve(path: str) -> None:
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    app = web.Application()
    app.add_routes([web.post("/consultations", open_consultation), web.post("/consultations/{id}/answers", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
