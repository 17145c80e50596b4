"""The control API of media/CONTROL.md: HTTP and JSON over a Unix socket or TCP."""

import base64
import binascii
import dataclasses
import json
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web

from media import stats
from media.journal import KEY_BYTES
from media.negotiation import VersionConflict
from media.recording import DirectoryRefused, DiskFull, RecordingConflict
from media.relay import LimitReached, NotFound
from media.room import Room
from media.sdp import SdpError
from media.worker import Worker

API_VERSION = 1
MAX_BODY = 128 * 1024
MAX_WAIT = 30.0
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CAUSE = re.compile(r"[a-z_]{1,32}")
WORKER = web.AppKey("worker", Worker)

_T = TypeVar("_T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRequest(Exception):
    """The request cannot be understood; the text says why."""


_STATUS: dict[type[Exception], tuple[int, str]] = {
    BadRequest: (400, "bad_request"),
    SdpError: (400, "bad_request"),
    NotFound: (404, "not_found"),
    DirectoryRefused: (400, "bad_request"),
    VersionConflict: (409, "conflict"),
    RecordingConflict: (409, "conflict"),
    LimitReached: (429, "limit"),
    DiskFull: (507, "disk_full"),
}


def application(worker: Worker) -> web.Application:
    app = web.Application(middlewares=[_errors], client_max_size=MAX_BODY)
    app[WORKER] = worker
    app.add_routes(
        [
            web.get("/v1/health", health),
            web.post("/v1/contact", contact),
            web.get("/v1/events", events),
            web.get("/v1/stats", statistics),
            web.get("/v1/rooms", list_rooms),
            web.put("/v1/rooms/{room_id}", open_room),
            web.get("/v1/rooms/{room_id}", read_room),
            web.delete("/v1/rooms/{room_id}", close_room),
            web.post("/v1/rooms/{room_id}/participants/{participant_id}/peers", join),
            web.delete("/v1/rooms/{room_id}/participants/{participant_id}", remove),
            web.post("/v1/peers/{peer_id}/answer", answer),
            web.post("/v1/peers/{peer_id}/restart", restart),
            web.post("/v1/peers/{peer_id}/offer", offer_again),
            web.post("/v1/rooms/{room_id}/recording", start_recording),
            web.post("/v1/rooms/{room_id}/recording/pause", pause_recording),
            web.post("/v1/rooms/{room_id}/recording/stop", stop_recording),
        ]
    )
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    worker = request.app[WORKER]
    worker.touch()
    try:
        reply = await handler(request)
        worker.touch()  # a long poll that was waited for is contact too
        return reply
    except tuple(_STATUS) as error:
        status, code = _STATUS[type(error)]
        extra = {"limit": error.name} if isinstance(error, LimitReached) else {}
        return _refusal(status, code, str(error), extra)
    except web.HTTPRequestEntityTooLarge:
        return _refusal(413, "too_large", f"a body may have {MAX_BODY} bytes at most")
    except web.HTTPException as error:
        return _refusal(error.status, "not_found" if error.status == 404 else "bad_request", error.reason)


def _refusal(status: int, code: str, text: str, extra: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"code": code, "text": text, **(extra or {})}}, status=status)


def _identifier(request: web.Request, name: str) -> str:
    value = request.match_info[name]
    if not _ID.fullmatch(value):
        raise BadRequest(f"{name} must be 1 to 64 characters of A-Z a-z 0-9 _ . : -")
    return value


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def _field(body: dict[str, Any], name: str, kind: type[_T]) -> _T:
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadRequest(f"field {name!r} must be a {kind.__name__}")
    return value


async def health(request: web.Request) -> web.Response:
    worker = request.app[WORKER]
    port = worker.relay.port
    return web.json_response(
        {
            "boot_id": worker.boot_id,
            "version": API_VERSION,
            "pid": os.getpid(),
            "uptime_s": round(worker.clock.monotonic() - worker.started_at, 3),
            "rooms": len(worker.relay.rooms),
            "peers": len(worker.relay.peers()),
            "recordings": worker.recordings.active,
            "udp": [{"host": host, "port": port.port} for host in port.hosts],
            "last_event": worker.events.last,
            "limits": dataclasses.asdict(worker.limits),
        }
    )


async def contact(request: web.Request) -> web.Response:
    return web.json_response({})


async def events(request: web.Request) -> web.Response:
    worker = request.app[WORKER]
    try:
        after = int(request.query.get("after", "0"))
        wait_s = min(MAX_WAIT, max(0.0, float(request.query.get("wait_s", "0"))))
    except ValueError as error:
        raise BadRequest("after must be a whole number, wait_s a number of seconds") from error
    await worker.events.wait_after(after, wait_s)
    found, gap = worker.events.after(after)
    reply: dict[str, Any] = {"boot_id": worker.boot_id, "events": found, "next": worker.events.last}
    return web.json_response(reply | ({"gap": True} if gap else {}))


async def statistics(request: web.Request) -> web.Response:
    return web.json_response(stats.snapshot(request.app[WORKER].relay))


async def list_rooms(request: web.Request) -> web.Response:
    worker = request.app[WORKER]
    return web.json_response({"rooms": [_room_json(worker, room) for room in worker.relay.rooms.values()]})


def _room_json(worker: Worker, room: Room) -> dict[str, object]:
    recording = worker.recordings.of_room(room.room_id)
    return room.as_json() | {"recording": recording.as_json() if recording is not None else None}


async def open_room(request: web.Request) -> web.Response:
    await _body(request)
    worker = request.app[WORKER]
    return web.json_response(_room_json(worker, worker.relay.open_room(_identifier(request, "room_id"))))


async def read_room(request: web.Request) -> web.Response:
    worker = request.app[WORKER]
    return web.json_response(_room_json(worker, worker.relay.room(_identifier(request, "room_id"))))


async def close_room(request: web.Request) -> web.Response:
    await request.app[WORKER].close_room(_identifier(request, "room_id"))
    return web.json_response({})


async def join(request: web.Request) -> web.Response:
    await _body(request)
    room_id, participant_id = _identifier(request, "room_id"), _identifier(request, "participant_id")
    peer = request.app[WORKER].relay.join(room_id, participant_id)
    return web.json_response({"peer_id": peer.peer_id, "offer": peer.offer().as_json()})


async def remove(request: web.Request) -> web.Response:
    room = request.app[WORKER].relay.room(_identifier(request, "room_id"))
    room.remove(_identifier(request, "participant_id"))
    return web.json_response({})


async def answer(request: web.Request) -> web.Response:
    body = await _body(request)
    room, peer = request.app[WORKER].relay.peer(_identifier(request, "peer_id"))
    peer.accept(_field(body, "version", int), _field(body, "sdp", str))
    room.answered(peer)
    return web.json_response({})


async def restart(request: web.Request) -> web.Response:
    _, peer = request.app[WORKER].relay.peer(_identifier(request, "peer_id"))
    return web.json_response({"offer": peer.restart().as_json()})


async def offer_again(request: web.Request) -> web.Response:
    _, peer = request.app[WORKER].relay.peer(_identifier(request, "peer_id"))
    return web.json_response({"offer": peer.offer().as_json()})


async def start_recording(request: web.Request) -> web.Response:
    body = await _body(request)
    worker = request.app[WORKER]
    room = worker.relay.room(_identifier(request, "room_id"))
    recording_id, directory = _field(body, "recording_id", str), _field(body, "directory", str)
    if not _ID.fullmatch(recording_id):
        raise BadRequest("recording_id must be 1 to 64 characters of A-Z a-z 0-9 _ . : -")
    recording = await worker.recordings.start(room, recording_id, _key(body), directory)
    reply = {"recording_id": recording.recording_id, "state": recording.state.value, "at_us": recording.at_us}
    return web.json_response(reply)


def _key(body: dict[str, Any]) -> bytes:
    try:
        key = base64.b64decode(_field(body, "key", str), validate=True)
    except binascii.Error as error:
        raise BadRequest("key must be base64") from error
    if len(key) != KEY_BYTES:
        raise BadRequest(f"key must have {KEY_BYTES} bytes")
    return key


async def pause_recording(request: web.Request) -> web.Response:
    worker, room_id, cause = await _halt(request)
    recording = await worker.recordings.pause(room_id, cause)
    return web.json_response({"state": recording.state.value, "at_us": recording.at_us})


async def stop_recording(request: web.Request) -> web.Response:
    worker, room_id, cause = await _halt(request)
    recording = await worker.recordings.stop(room_id, cause)
    journals = [part.as_json() for part in recording.closed]
    return web.json_response({"state": recording.state.value, "at_us": recording.at_us, "journals": journals})


async def _halt(request: web.Request) -> tuple[Worker, str, str]:
    cause = _field(await _body(request), "cause", str)
    if not _CAUSE.fullmatch(cause):
        raise BadRequest("cause must be 1 to 32 characters of a-z and _")
    worker = request.app[WORKER]
    return worker, worker.relay.room(_identifier(request, "room_id")).room_id, cause
