"""What an auditor does over HTTP: search, replay with a reason, check, notes, and the text record."""

import re
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from recordings.replay import MediaFile, Replays
from recordings.search import Criteria, Hit, search
from scheduler import audit, details
from scheduler.access import Action
from scheduler.errors import Invalid, NotFound
from scheduler.ids import ConsultationId, OrgId
from scheduler.intake import own_consultation
from scheduler.terms import MatterCategory
from signaling.http import Body, Exchange, Keyed, Nothing, Query, Route, items, press_apart, reading, writing
from signaling.keys import REPLAYS

REASON_LENGTH: Final = (10, 500)
RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class SearchQuery(Query):
    q: Annotated[str, Field(max_length=200)] = ""
    from_: Annotated[date | None, Field(alias="from")] = None
    to: date | None = None
    org: Annotated[str | None, Field(max_length=26)] = None
    category: MatterCategory | None = None
    cursor: Annotated[str | None, Field(max_length=26)] = None


class ReasonQuery(Query):
    reason: Annotated[str, Field(max_length=1000)] = ""


class NewReplay(Keyed):
    recording_id: Annotated[str, Field(max_length=26)]
    reason: Annotated[str, Field(max_length=1000)]


class Span(Body):
    from_s: Annotated[float, Field(allow_inf_nan=False)]
    to_s: Annotated[float, Field(allow_inf_nan=False)]


class Spans(Body):
    spans: Annotated[list[Span], Field(max_length=1000)]


class NewNote(Keyed):
    at_s: Annotated[float, Field(allow_inf_nan=False)]
    text: Annotated[str, Field(max_length=4000)]


async def get_search(exchange: Exchange[Nothing]) -> object:
    asked = exchange.query(SearchQuery)
    org_id = OrgId(asked.org) if asked.org else None
    criteria = Criteria(asked.q, asked.from_, asked.to, org_id, asked.category, asked.cursor)
    async with exchange.reads() as db:
        page = await search(db, exchange.viewer, criteria)
    return {"items": [_hit(hit) for hit in page.items], "next": page.next, "total": page.total, "took_ms": page.took_ms}


def _hit(hit: Hit) -> dict[str, Any]:
    recording = None
    if hit.recording_id is not None:
        recording = {"id": hit.recording_id, "state": hit.recording_state, "duration_s": hit.recording_duration_s}
    return {
        "consultation_id": hit.consultation_id,
        "case_no": hit.case_no,
        "started_at": hit.started_at,
        "street": hit.street,
        "lawyer": hit.lawyer,
        "category_name": hit.category_name,
        "visitor_masked": hit.visitor_masked,
        "duration_s": hit.duration_s,
        "outcome": hit.outcome,
        "evaluation": hit.evaluation,
        "recording": recording,
        "consent": hit.consent,
    }


async def post_replay(exchange: Exchange[NewReplay]) -> object:
    async def act() -> object:
        body = exchange.body
        return {"replay_id": await _replays(exchange).open(exchange.viewer, body.recording_id, body.reason)}

    return await press_apart(exchange, act)


async def get_manifest(exchange: Exchange[Nothing]) -> object:
    return await _replays(exchange).manifest(exchange.viewer, _replay_id(exchange))


async def get_media(exchange: Exchange[Nothing]) -> web.StreamResponse:
    """One part, whole or in one range (RFC 9110, section 14); decrypted chunk by chunk as it is sent."""
    part = exchange.part("part")
    if not part.isdecimal() or len(part) > 6:
        raise NotFound
    publication_id = exchange.part("publication_id")
    file = await _replays(exchange).media(exchange.viewer, _replay_id(exchange), publication_id, int(part))
    return await _send(exchange.request, file)


async def _send(request: web.Request, file: MediaFile) -> web.StreamResponse:
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "Content-Type": file.mime}
    wanted = wanted_range(request.headers.get("Range"), file.size)
    if wanted is None:
        headers["Content-Range"] = f"bytes */{file.size}"
        return web.Response(status=416, headers=headers)
    start, end = wanted
    whole = (start, end) == (0, file.size) and "Range" not in request.headers
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    response = web.StreamResponse(status=200 if whole else 206, headers=headers)
    response.content_length = end - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _stream(response, file.stream(start, end))
    await response.write_eof()
    return response


async def _stream(response: web.StreamResponse, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        await response.write(chunk)


def wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, end) of a `Range` header; None when it cannot be satisfied.

    A header that is not one range of bytes is ignored, as RFC 9110, section 14.2 allows: the answer is the whole.
    """
    match = RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return 0, size
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else None
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return 0, size
    return (start, end) if start < size else None


async def post_check(exchange: Exchange[Nothing]) -> object:
    return await _replays(exchange).check(exchange.viewer, _replay_id(exchange))


async def post_spans(exchange: Exchange[Spans]) -> object:
    spans = [(span.from_s, span.to_s) for span in exchange.body.spans]
    await _replays(exchange).watched(exchange.viewer, _replay_id(exchange), spans)
    return {}


async def get_notes(exchange: Exchange[Nothing]) -> object:
    return items(await _replays(exchange).notes(exchange.viewer, _replay_id(exchange)))


async def post_note(exchange: Exchange[NewNote]) -> object:
    async def act() -> object:
        body = exchange.body
        return await _replays(exchange).add_note(exchange.viewer, _replay_id(exchange), body.at_s, body.text)

    return await press_apart(exchange, act)


async def delete_note(exchange: Exchange[Nothing]) -> object:
    await _replays(exchange).delete_note(exchange.viewer, _replay_id(exchange), exchange.part("note_id"))
    return {}


async def get_text_record(exchange: Exchange[Nothing]) -> object:
    """The record without its recording; the reason goes into the audit trail."""
    reason = " ".join(exchange.query(ReasonQuery).reason.split())
    least, most = REASON_LENGTH
    if not least <= len(reason) <= most:
        raise Invalid({"reason": f"写明调阅事由，{least} 到 {most} 个字"})
    consultation_id = ConsultationId(exchange.part("consultation_id"))
    async with exchange.sessions.begin() as db:
        found = await own_consultation(db, exchange.viewer, consultation_id, Action.REPLAY)
        record = await details.record(db, consultation_id)
        await audit.append(
            db,
            at=exchange.now,
            action="record.read",
            subject_kind="consultation",
            subject_id=consultation_id,
            person_id=exchange.viewer.person_id,
            org_id=found.org_id,
            reason=reason,
        )
    return record


def _replays(exchange: Exchange[Any]) -> Replays:
    return exchange.request.app[REPLAYS]


def _replay_id(exchange: Exchange[Any]) -> str:
    return exchange.part("replay_id")


AUDIT: Final = "/api/audit"
REPLAY: Final = AUDIT + "/replays/{replay_id}"
MEDIA: Final = REPLAY + "/media/{publication_id}/{part}.webm"
WATCH: Final = Action.REPLAY
ROUTES: Final[tuple[Route, ...]] = (
    reading(AUDIT + "/search", get_search, Action.SEARCH_ARCHIVE, "Consultations that took place", SearchQuery),
    writing("POST", AUDIT + "/replays", post_replay, WATCH, NewReplay, "Open a recording, with a reason"),
    reading(REPLAY, get_manifest, WATCH, "What the player needs"),
    reading(MEDIA, get_media, WATCH, "One part of one track; honours Range"),
    writing("POST", REPLAY + "/check", post_check, WATCH, Nothing, "Compare everything stored with its seal"),
    writing("POST", REPLAY + "/spans", post_spans, WATCH, Spans, "What was really watched"),
    reading(REPLAY + "/notes", get_notes, WATCH, "Everybody's notes"),
    writing("POST", REPLAY + "/notes", post_note, WATCH, NewNote, "A time-coded note"),
    writing("DELETE", REPLAY + "/notes/{note_id}", delete_note, WATCH, Nothing, "Delete an own note"),
    reading(
        AUDIT + "/consultations/{consultation_id}/record",
        get_text_record,
        WATCH,
        "The text record, with a reason",
        ReasonQuery,
    ),
)
