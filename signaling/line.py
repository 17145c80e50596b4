"""Drives the waiting line in time, and tells every screen what has become of it.

The line itself lives in the tables (`scheduler.waiting`, `offers`, `deadlines`); this module runs it when something has
changed or a deadline has come, and turns the results into events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final, Protocol

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from scheduler import deadlines, offers, overviews, presence
from scheduler.clock import Clock
from scheduler.consultations import consultation, open_consultation_of_lawyer, open_consultation_of_station
from scheduler.db import Sessions
from scheduler.deadlines import Expired
from scheduler.ids import ConsultationId, OrgId, PersonId
from scheduler.offers import OfferMade, OfferMissed, OfferWithdrawn
from signaling import wire
from signaling.messages import Message, event
from signaling.registry import Registry, Session
from signaling.survival import surviving

TURN_S: Final = 0.5
"""How often deadlines are looked at."""
LINE_EVERY_S: Final = 2.0
ESTIMATE_EVERY_S: Final = 15.0
BREAK_TEXT: Final = "两次没有接听，已为您转为小休。要继续接听，请点「上线」。"


class Ended(Protocol):
    async def ended(self, consultation_id: str) -> None:
        """A consultation was ended by time."""


class LineKeeper:
    """`sessions` for what writes, `reads` for what only looks."""

    def __init__(self, clock: Clock, sessions: Sessions, reads: Sessions, registry: Registry) -> None:
        self._clock = clock
        self._sessions = sessions
        self._reads = reads
        self._registry = registry
        self._changed = asyncio.Event()
        self._line_due = True
        self._line_told_at = float("-inf")

    def touch(self) -> None:
        """Something has changed that may free a lawyer, add an entry or move a place."""
        self._line_due = True
        self._changed.set()

    async def run(self, ended: Ended) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), TURN_S)
            async with surviving("a turn of the line"):
                await self.turn(ended)

    async def turn(self, ended: Ended) -> None:
        """One look at the line: what is due expires, who is free is asked, what has changed is told."""
        due = self._changed.is_set()
        self._changed.clear()
        try:
            await self._turn(ended, due)
        except Exception:
            self._changed.set()
            raise

    async def _turn(self, ended: Ended, due: bool) -> None:
        now = self._clock.now()
        if not due:
            async with self._reads() as db:
                deadline = await deadlines.next_deadline(db, now)
            due = deadline is not None and deadline <= now
        if due:
            async with self._sessions.begin() as db:
                expired = await deadlines.expire_due(db, now)
                made = await offers.match_and_offer(db, now)
            await self._announce(expired, made, ended)
        await self._tell_line_when_due()

    async def _announce(self, expired: Expired, made: list[OfferMade], ended: Ended) -> None:
        for missed in expired.missed:
            await self._tell_missed(missed)
        for person_id in (*expired.freed, *expired.went_offline):
            await self.tell_presence(person_id)
        for offer in made:
            await self._tell_offer(offer)
        for consultation_id in expired.changed:
            await self.tell_consultation(consultation_id)
        for consultation_id in expired.ended:
            await ended.ended(consultation_id)
        if expired or made:
            self._line_due = True

    # ── single screens ──────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_missed(self, missed: OfferMissed) -> None:
        session = self._registry.find(missed.lawyer_id, "lawyer")
        if session is not None:
            session.send(event("offer.ended", offer_id=missed.offer_id, cause="missed"))
            if missed.on_break:
                session.send(event("notice", code="lawyer_break", text=BREAK_TEXT))
        await self.tell_presence(missed.lawyer_id)
        await self.tell_consultation(missed.consultation_id)

    async def _tell_offer(self, offer: OfferMade) -> None:
        session = self._registry.find(offer.lawyer_id, "lawyer")
        if session is not None:
            async with self._reads() as db:
                view = await overviews.offer_view(db, offer.offer_id, self._clock.now())
            session.send(event("offer", offer=to_jsonable_python(view)))
        await self.tell_presence(offer.lawyer_id)
        await self.tell_consultation(offer.consultation_id)

    async def tell_withdrawn(self, withdrawn: OfferWithdrawn | None) -> None:
        if withdrawn is None:
            return
        session = self._registry.find(withdrawn.lawyer_id, "lawyer")
        if session is not None:
            session.send(event("offer.ended", offer_id=withdrawn.offer_id, cause="withdrawn"))
        await self.tell_presence(withdrawn.lawyer_id)

    async def tell_presence(self, person_id: PersonId) -> None:
        session = self._registry.find(person_id, "lawyer")
        if session is not None:
            session.send(event("presence", presence=await self.presence_of(person_id)))

    async def presence_of(self, person_id: PersonId) -> Message:
        async with self._reads() as db:
            found = await presence.presence(db, person_id, self._clock.now())
        return wire.presence(found)

    async def tell_consultation(self, consultation_id: str) -> None:
        """To the station it belongs to and to its lawyer, whose presence follows it."""
        async with self._reads() as db:
            found = await consultation(db, ConsultationId(consultation_id))
            ref = await overviews.consultation_ref(db, found.id, self._clock.now())
        message = event("consultation", consultation=to_jsonable_python(ref))
        for session in self._registry.of_street(found.org_id):
            session.send(message)
        lawyer = self._registry.find(found.lawyer_id, "lawyer") if found.lawyer_id else None
        if lawyer is not None:
            lawyer.send(message)
            lawyer.send(event("presence", presence=await self.presence_of(lawyer.viewer.person_id)))

    async def ref_of(self, consultation_id: str) -> Message:
        """`ConsultationRef` of PROTOCOL.md."""
        async with self._reads() as db:
            found = await overviews.consultation_ref(db, ConsultationId(consultation_id), self._clock.now())
        ref: Message = to_jsonable_python(found)
        return ref

    # ── all screens ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_line_when_due(self) -> None:
        since = self._clock.monotonic() - self._line_told_at
        if (self._line_due and since >= LINE_EVERY_S) or since >= ESTIMATE_EVERY_S:
            self._line_due, self._line_told_at = False, self._clock.monotonic()
            await self._tell_line()

    async def _tell_line(self) -> None:
        stations, lawyers = list(self._registry.of("station")), list(self._registry.of("lawyer"))
        if not stations and not lawyers:
            return
        now = self._clock.now()
        async with self._reads() as db:
            summary = to_jsonable_python(await overviews.line_summary(db, now))
            rows = to_jsonable_python(await overviews.line_rows(db, now))
            places = await self._places(db, stations)
        _send_all(stations, event("line", line=summary))
        _send_all(lawyers, event("line", line=summary, rows=rows))
        for session, ref in places:
            session.send(event("consultation", consultation=ref))

    async def _places(self, db: AsyncSession, stations: list[Session]) -> list[tuple[Session, Message]]:
        """Place and estimate of every station that has somebody in the line."""
        told = []
        for session in stations:
            ref = await self._open_at(db, session.viewer.org_id)
            if ref is not None and ref["entry"] is not None and ref["entry"]["position"] is not None:
                told.append((session, ref))
        return told

    async def _open_at(self, db: AsyncSession, org_id: OrgId) -> Message | None:
        open_id = await open_consultation_of_station(db, org_id)
        if open_id is None:
            return None
        ref: Message = to_jsonable_python(await overviews.consultation_ref(db, open_id, self._clock.now()))
        return ref

    async def whole_state(self, session: Session) -> Message:
        """What a workspace needs after a hello, but for its room."""
        now = self._clock.now()
        async with self._reads() as db:
            state: Message = {"line": to_jsonable_python(await overviews.line_summary(db, now))}
            if session.workspace == "station":
                return state | {"consultation": await self._open_at(db, session.viewer.org_id)}
            person_id = session.viewer.person_id
            state["rows"] = to_jsonable_python(await overviews.line_rows(db, now))
            state["presence"] = wire.presence(await presence.presence(db, person_id, now))
            offer_id = await offers.open_offer_of(db, person_id)
            state["offer"] = offer_id and to_jsonable_python(await overviews.offer_view(db, offer_id, now))
            open_id = await open_consultation_of_lawyer(db, person_id)
            state["consultation"] = open_id and to_jsonable_python(await overviews.consultation_ref(db, open_id, now))
            return state


def _send_all(sessions: Iterable[Session], message: Message) -> None:
    for session in sessions:
        session.send(message)
