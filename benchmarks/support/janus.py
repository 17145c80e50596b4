"""Debian's Janus (videoroom) under the same load: a participant publishes on one connection, receives on another."""

import asyncio
import contextlib
import itertools
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.support.load import Client
from benchmarks.support.processes import START_DEADLINE_S, pin
from benchmarks.support.recorded_media import Frames
from media.port import default_hosts

REPLY_DEADLINE_S = 20.0
PLUGINS = "audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"
TRANSPORTS = "mqtt nanomsg pfunix rabbitmq websockets"


class JanusUnavailable(Exception):
    """Janus cannot be measured here; the text says why."""


def find() -> tuple[str, Path, str]:
    """The binary, the folder of its plugins, and an address: libnice does not serve loopback."""
    binary = shutil.which("janus")
    folder = next(Path("/usr/lib").glob("*/janus/plugins"), None)
    if binary is None or folder is None:
        raise JanusUnavailable("janus is not installed: apt install janus")
    host = next((h for h in default_hosts() if ":" not in h and not h.startswith("127.")), None)
    if host is None:
        raise JanusUnavailable("janus needs an IPv4 address other than loopback")
    return binary, folder.parent, host


def configure(directory: Path, libraries: Path, host: str, port: int) -> None:
    plugins = ",".join(f"libjanus_{name}.so" for name in PLUGINS.split())
    transports = ",".join(f"libjanus_{name}.so" for name in TRANSPORTS.split())
    (directory / "janus.jcfg").write_text(
        f"""general: {{
  configs_folder = "{directory}"
  plugins_folder = "{libraries}/plugins"
  transports_folder = "{libraries}/transports"
  events_folder = "{libraries}/events"
  loggers_folder = "{libraries}/loggers"
  session_timeout = 0
}}
nat: {{ ice_enforce_list = "{host}" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
loggers: {{ disable = "libjanus_jsonlog.so" }}
""",
        encoding="utf-8",
    )
    (directory / "janus.plugin.videoroom.jcfg").write_text("general: {}\n", encoding="utf-8")
    (directory / "janus.transport.http.jcfg").write_text(
        f'general: {{ json = "compact"\n base_path = "/janus"\n http = true\n port = {port}\n ip = "127.0.0.1" }}\n'
        "admin: { admin_http = false }\n",
        encoding="utf-8",
    )


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, "Session", str]]:
    """Janus as a process on the first core, and a session with it."""
    binary, libraries, host = find()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configure(directory, libraries, host, port)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        binary, "-C", str(directory / "janus.jcfg"), "-F", str(directory), stdout=quiet, stderr=quiet
    )
    session = Session(f"http://127.0.0.1:{port}/janus")
    try:
        await session.open()
        pin(process.pid, first=True)
        yield process, session, host
    finally:
        await session.close()
        process.terminate()
        await process.wait()


class Session:
    """One session of Janus's HTTP API; replies to messages come by long poll, told apart by transaction."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._http = aiohttp.ClientSession()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._polling: asyncio.Task[None] | None = None

    async def open(self) -> None:
        async with asyncio.timeout(START_DEADLINE_S):
            while True:
                try:
                    created = await self._post("", {"janus": "create"})
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
        self._base += f"/{created['data']['id']}"
        self._polling = asyncio.create_task(self._poll())

    async def close(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await self._http.close()

    async def attach(self) -> int:
        attached = await self._post("", {"janus": "attach", "plugin": "janus.plugin.videoroom"})
        return int(attached["data"]["id"])

    async def message(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        """The plugin's reply, with its `jsep` if there is one."""
        transaction = str(next(self._numbers))
        future = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        request: dict[str, Any] = {"janus": "message", "body": body} | ({"jsep": jsep} if jsep else {})
        reply = await self._post(f"/{handle}", request, transaction)
        if reply["janus"] == "success":
            self._waiting.pop(transaction)
        else:
            reply = await asyncio.wait_for(future, REPLY_DEADLINE_S)
        found: dict[str, Any] = reply["plugindata"]["data"]
        if "error" in found:
            raise JanusUnavailable(f"janus refused {body['request']}: {found['error']}")
        return found | {"jsep": reply.get("jsep")}

    async def _post(self, path: str, body: dict[str, Any], transaction: str = "0") -> dict[str, Any]:
        async with self._http.post(self._base + path, json=body | {"transaction": transaction}) as response:
            reply: dict[str, Any] = await response.json()
        if reply["janus"] == "error":
            raise JanusUnavailable(f"janus: {reply['error']}")
        return reply

    async def _poll(self) -> None:
        while True:
            async with self._http.get(f"{self._base}?maxev=10") as response:
                events = await response.json()
            for event in events if isinstance(events, list) else [events]:
                future = self._waiting.pop(event.get("transaction", ""), None)
                if future is not None and not future.done():
                    future.set_result(event)


async def consult(session: Session, host: str, room: int, frames: dict[str, Frames]) -> list[Client]:
    """Four clients: two that publish, two that receive."""
    room_keys = {"request": "create", "room": room, "publishers": 6, "bitrate": 0, "audiocodec": "opus"}
    await session.message(await session.attach(), room_keys | {"videocodec": "vp8"})
    published = [await _publish(session, host, room, frames) for _ in range(2)]
    feeds = [feed for feed, _ in published]
    received = [await _subscribe(session, host, room, feed) for feed in reversed(feeds)]
    return [client for _, client in published] + received


async def _publish(session: Session, host: str, room: int, frames: dict[str, Frames]) -> tuple[int, Client]:
    handle = await session.attach()
    joined = await session.message(handle, {"request": "join", "ptype": "publisher", "room": room})
    client = Client(frames, lite=True, host=host)
    offer = {"type": "offer", "sdp": client.offer()}
    reply = await session.message(handle, {"request": "publish", "audiocodec": "opus", "videocodec": "vp8"}, offer)
    await client.connect(reply["jsep"]["sdp"])
    return int(joined["id"]), client


async def _subscribe(session: Session, host: str, room: int, feed: int) -> Client:
    handle = await session.attach()
    wanted = {"request": "join", "ptype": "subscriber", "room": room, "streams": [{"feed": feed}]}
    async with asyncio.timeout(REPLY_DEADLINE_S):
        while True:
            try:
                reply = await session.message(handle, wanted)
                break
            except JanusUnavailable:  # the publisher's connection is not up yet
                await asyncio.sleep(0.05)
    client = Client(None, lite=True, host=host)
    answer = {"type": "answer", "sdp": client.answer(reply["jsep"]["sdp"])}
    connecting = asyncio.create_task(client.connect(reply["jsep"]["sdp"]))
    with contextlib.suppress(JanusUnavailable):
        await session.message(handle, {"request": "start"}, answer)
    await connecting
    return client
