"""What happened in a room, for the recording's timeline: kept in the audit trail, so that no crash loses it."""

from __future__ import annotations

from enum import StrEnum

from scheduler import audit
from scheduler.clock import Clock
from scheduler.db import Sessions
from scheduler.ids import OrgId, PersonId
from signaling.consultation import LiveConsultation, Participant


class Happening(StrEnum):
    JOINED = "joined"
    LOST = "lost"
    BACK = "back"
    DOCUMENT_ON = "document_on"
    DOCUMENT_OFF = "document_off"
    SCREEN_ON = "screen_on"
    SCREEN_OFF = "screen_off"


class Timeline:
    def __init__(self, clock: Clock, sessions: Sessions) -> None:
        self._clock = clock
        self._sessions = sessions

    async def presence(self, live: LiveConsultation, participant: Participant) -> None:
        """Notes a participant's coming, going or return, once each."""
        there = participant.present == "joined"
        if there == participant.noted_there:
            return
        first, participant.noted_there = not participant.noted_before, there
        participant.noted_before = True
        came = Happening.JOINED if first else Happening.BACK
        await self.note(live, participant, came if there else Happening.LOST)

    async def shown(self, live: LiveConsultation, participant: Participant, before: tuple[bool, bool]) -> None:
        """`before`: whether document and screen were shown until now."""
        if participant.document_on != before[0]:
            kind = Happening.DOCUMENT_ON if participant.document_on else Happening.DOCUMENT_OFF
            await self.note(live, participant, kind)
        if participant.screen_on != before[1]:
            await self.note(live, participant, Happening.SCREEN_ON if participant.screen_on else Happening.SCREEN_OFF)

    async def note(self, live: LiveConsultation, participant: Participant, kind: Happening) -> None:
        async with self._sessions.begin() as db:
            await audit.append(
                db,
                at=self._clock.now(),
                person_id=PersonId(participant.person_id),
                org_id=OrgId(live.street["id"]),
                action=f"room.{kind}",
                subject_kind="consultation",
                subject_id=live.consultation_id,
                detail={"participant_id": participant.id},
            )
