"""Real Chromium pages that answer the relay's offers, for tests of the media worker alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from tests.support.eventually import eventually_async
from tests.support.media_worker import Control

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
SCRIPT = """
const SOURCES = {0: 'audio', 1: 'video'};
let pc, stream, sending = {};
const videos = {};
async function answer(offer) {
  if (!pc) {
    pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    stream = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 640, height: 360, frameRate: 30}});
    pc.ontrack = (event) => {
      const player = document.createElement(event.track.kind);
      Object.assign(player, {autoplay: true, playsInline: true, srcObject: new MediaStream([event.track])});
      document.body.append(player);
      videos[event.transceiver.mid] = player;
    };
  }
  await pc.setRemoteDescription({type: 'offer', sdp: offer.sdp});
  for (const transceiver of pc.getTransceivers()) {
    const kind = SOURCES[transceiver.mid];
    const track = sending[transceiver.mid] ?? (kind && stream.getTracks().find((t) => t.kind === kind));
    if (!track || transceiver.sender.track === track) continue;
    await transceiver.sender.replaceTrack(track);
    transceiver.direction = 'sendonly';
  }
  await pc.setLocalDescription(await pc.createAnswer());
  return pc.localDescription.sdp;
}
function showDocument() {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width: 1280, height: 720});
  const context = canvas.getContext('2d');
  setInterval(() => { context.fillStyle = 'rgb(220,20,220)'; context.fillRect(0, 0, 1280, 720); }, 66);
  sending[2] = canvas.captureStream(15).getVideoTracks()[0];
}
function stopDocument() {
  const transceiver = pc.getTransceivers().find((t) => t.mid === '2');
  delete sending[2];
  transceiver.direction = 'inactive';
  return transceiver.sender.replaceTrack(null);
}
async function counts() {
  const found = {state: pc.connectionState, framesDecoded: {}, packetsReceived: {}};
  for (const report of (await pc.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    found.packetsReceived[report.mid] = report.packetsReceived;
    if (report.kind === 'video') {
      found.framesDecoded[report.mid] = report.framesDecoded;
    } else {
      found.audioEnergy = report.totalAudioEnergy;
    }
  }
  return found;
}
function colour(mid) {
  const video = videos[mid];
  if (!video || !video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width: video.videoWidth, height: video.videoHeight});
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  return [...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3);
}
"""


class MediaPage:
    """One participant in a real browser."""

    def __init__(self, page: Page, control: Control, room_id: str, participant_id: str) -> None:
        self.page, self.participant_id = page, participant_id
        self._control, self._room_id = control, room_id
        self.peer_id = ""

    async def join(self) -> None:
        path = f"/v1/rooms/{self._room_id}/participants/{self.participant_id}/peers"
        reply = await self._control.call("POST", path, {})
        self.peer_id = reply["peer_id"]
        await self.answer(reply["offer"])

    async def reload(self) -> None:
        await self.page.reload()
        await self.join()

    async def restart(self) -> None:
        await self.answer((await self._control.call("POST", f"/v1/peers/{self.peer_id}/restart", {}))["offer"])

    async def offer_again(self) -> None:
        await self.answer((await self._control.call("POST", f"/v1/peers/{self.peer_id}/offer", {}))["offer"])

    async def answer(self, offer: dict[str, Any]) -> None:
        sdp = await self.page.evaluate("(offer) => answer(offer)", offer)
        body = {"version": offer["version"], "sdp": sdp}
        await self._control.call("POST", f"/v1/peers/{self.peer_id}/answer", body)

    async def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate("counts()")
        return found

    async def colour(self, mid: str) -> list[int] | None:
        found: list[int] | None = await self.page.evaluate("(mid) => colour(mid)", mid)
        return found

    async def hears(self) -> None:
        """Wait for sound: the fake microphone beeps once a second."""

        async def heard() -> bool:
            return bool((await self.counts()).get("audioEnergy"))

        await eventually_async(heard)

    async def more_frames(self, mid: str, frames: int = 15) -> None:
        """Wait until `frames` more were decoded."""
        start = (await self.counts())["framesDecoded"].get(mid, 0)

        async def decoded() -> bool:
            return bool((await self.counts())["framesDecoded"].get(mid, 0) >= start + frames)

        await eventually_async(decoded)


async def serve_offers(control: Control, pages: list[MediaPage]) -> None:
    """Pass the worker's later offers to the pages; runs until cancelled."""
    async for event in control.each_event():
        if event["kind"] == "offer":
            page = next(p for p in pages if p.peer_id == event["peer_id"])
            await page.answer(event["offer"])


@asynccontextmanager
async def chromium() -> AsyncIterator[tuple[Browser, str]]:
    """A browser, and the address of a page that has SCRIPT."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><body><script>{SCRIPT}</script>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", index)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            yield browser, f"http://127.0.0.1:{runner.addresses[0][1]}/"
            await browser.close()
    finally:
        await runner.cleanup()
