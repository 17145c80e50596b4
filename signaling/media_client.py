"""The control API of one media worker (media/CONTROL.md), typed, over a Unix socket or TCP."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

REQUEST_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 2.0
MAX_REPLY_BYTES: Final = 8 << 20


class WorkerUnavailable(Exception):
    """No answer from the worker: it is dead, starting, or hung."""


class WorkerRefused(Exception):
    """The worker answered with an error of CONTROL.md."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(f"{status} {code}: {text}")
        self.status = status
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class MediaOffer:
    """An offer on its way to a browser; `sdp` is passed through unread."""

    peer_id: str
    version: int
    sdp: str
    tracks: dict[str, Any]

    @classmethod
    def of(cls, peer_id: str, offer: dict[str, Any]) -> MediaOffer:
        return cls(peer_id, offer["version"], offer["sdp"], offer["tracks"])


class MediaClient:
    """`control` is `unix:/path` or `tcp:host:port`."""

    def __init__(self, control: str) -> None:
        kind, _, where = control.partition(":")
        if kind not in ("unix", "tcp") or not where:
            raise ValueError(f"control address {control!r}: write unix:/path or tcp:host:port")
        self._unix = where if kind == "unix" else None
        self._base = "http://worker" if kind == "unix" else f"http://{where}"
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def health(self) -> dict[str, Any]:
        return await self._call("GET", "/v1/health", timeout_s=CONNECT_TIMEOUT_S)

    async def stats(self) -> dict[str, Any]:
        return await self._call("GET", "/v1/stats")

    async def rooms(self) -> list[dict[str, Any]]:
        rooms: list[dict[str, Any]] = (await self._call("GET", "/v1/rooms"))["rooms"]
        return rooms

    async def make_room(self, room_id: str) -> dict[str, Any]:
        return await self._call("PUT", f"/v1/rooms/{room_id}", {})

    async def delete_room(self, room_id: str) -> None:
        await self._call("DELETE", f"/v1/rooms/{room_id}")

    async def open_peer(self, room_id: str, participant_id: str) -> MediaOffer:
        reply = await self._call("POST", f"/v1/rooms/{room_id}/participants/{participant_id}/peers", {})
        return MediaOffer.of(reply["peer_id"], reply["offer"])

    async def remove_participant(self, room_id: str, participant_id: str) -> None:
        await self._call("DELETE", f"/v1/rooms/{room_id}/participants/{participant_id}")

    async def answer(self, peer_id: str, version: int, sdp: str) -> None:
        await self._call("POST", f"/v1/peers/{peer_id}/answer", {"version": version, "sdp": sdp})

    async def restart(self, peer_id: str) -> MediaOffer:
        return MediaOffer.of(peer_id, (await self._call("POST", f"/v1/peers/{peer_id}/restart", {}))["offer"])

    async def offer_again(self, peer_id: str) -> MediaOffer:
        return MediaOffer.of(peer_id, (await self._call("POST", f"/v1/peers/{peer_id}/offer", {}))["offer"])

    async def start_recording(self, room_id: str, recording_id: str, key: bytes, directory: str) -> dict[str, Any]:
        """`key`: 32 bytes; it exists in the worker's memory only."""
        body = {"recording_id": recording_id, "key": base64.b64encode(key).decode(), "directory": directory}
        return await self._call("POST", f"/v1/rooms/{room_id}/recording", body)

    async def pause_recording(self, room_id: str, cause: str) -> dict[str, Any]:
        return await self._call("POST", f"/v1/rooms/{room_id}/recording/pause", {"cause": cause})

    async def stop_recording(self, room_id: str, cause: str) -> dict[str, Any]:
        return await self._call("POST", f"/v1/rooms/{room_id}/recording/stop", {"cause": cause})

    async def contact(self) -> None:
        """Tells the worker that its server lives; without it recording stops after 10 s."""
        await self._call("POST", "/v1/contact", {}, timeout_s=CONNECT_TIMEOUT_S)

    async def events(self, after: int, wait_s: float) -> dict[str, Any]:
        path = f"/v1/events?after={after}&wait_s={wait_s:g}"
        return await self._call("GET", path, timeout_s=wait_s + CONNECT_TIMEOUT_S)

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._session().request(method, self._base + path, json=body, timeout=timeout) as response:
                reply = await response.json()
                if response.status >= 400:
                    error = reply.get("error", {})
                    raise WorkerRefused(response.status, error.get("code", "unknown"), error.get("text", ""))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            raise WorkerUnavailable(f"{method} {path}: {exc!r}") from exc
        if not isinstance(reply, dict):
            raise WorkerUnavailable(f"{method} {path}: the reply is no object")
        return reply

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.UnixConnector(self._unix) if self._unix else aiohttp.TCPConnector()
            self._http = aiohttp.ClientSession(connector=connector, read_bufsize=MAX_REPLY_BYTES)
        return self._http
