"""One peer's offers and answers: versions, m-lines, and which of them the peer has agreed to. No I/O."""

import dataclasses

from media import sdp
from media.sdp import Answer, Direction, Section, Source, Transport
from media.stream import Stream, Subscription

SEPARATE = (Source.DOCUMENT, Source.SCREEN)
"""Sources outside the participant's lip-synchronised stream."""


class VersionConflict(Exception):
    """An answer to another offer than the last one."""


@dataclasses.dataclass(slots=True, eq=False)
class Publication:
    """What a participant publishes from one source, across reconnects. `stream` is the current SSRC's, if any."""

    publication_id: str
    participant_id: str
    source: Source
    stream: Stream | None = None
    started: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    version: int
    sdp: str
    tracks: dict[str, dict[str, str]]

    def as_json(self) -> dict[str, object]:
        return {"version": self.version, "sdp": self.sdp, "tracks": self.tracks}


@dataclasses.dataclass(slots=True, eq=False)
class Slot:
    """A sendonly m-line. It stays at its place; `publication` is None while it is free for the next of its source."""

    mid: str
    source: Source
    publication: Publication | None = None
    subscription: Subscription | None = None
    offered: Subscription | None = None
    agreed: bool = False

    def section(self) -> Section:
        if self.publication is None or self.subscription is None:
            return Section(self.mid, self.source, Direction.INACTIVE)
        stream_id = _token(self.publication.participant_id)
        if self.source in SEPARATE:
            stream_id += f"-{self.source}"
        track_id = _token(self.publication.publication_id)
        ssrcs = (self.subscription.ssrc, self.subscription.rtx_ssrc)
        return Section(self.mid, self.source, Direction.SENDONLY, stream_id, track_id, *ssrcs)


class Negotiation:
    """Versions count offers; only the last one may be answered, once."""

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.version = 0
        self.outstanding = False
        self._offered: dict[str, Source] = {}
        self.stale = False
        """Something changed since the last offer was made."""

    def free_slot(self, source: Source) -> Slot:
        """A slot for one more subscription: a freed one of the same source, else a new m-line."""
        slot = next((s for s in self.slots if s.source is source and s.publication is None), None)
        if slot is None:
            slot = Slot(str(len(sdp.PUBLISHED) + len(self.slots)), source)
            self.slots.append(slot)
        slot.agreed = False
        self.stale = True
        return slot

    def offer(self, transport: Transport) -> Offer:
        self.version += 1
        self.outstanding, self.stale = True, False
        for slot in self.slots:
            slot.offered = slot.subscription
        tracks = {slot.mid: _track(slot.publication) for slot in self.slots if slot.publication is not None}
        sections = self._sections()
        self._offered = {section.mid: section.source for section in sections}
        return Offer(self.version, sdp.offer(sections, self.version, transport), tracks)

    def accept(self, version: int, text: str) -> Answer:
        """Raises VersionConflict or SdpError; nothing has changed then, and the offer can still be answered."""
        if version != self.version or not self.outstanding:
            raise VersionConflict(f"offer {version} cannot be answered: the last one is {self.version}")
        answer = sdp.parse_answer(text)
        self._check(answer)
        self.outstanding = False
        receiving = {section.mid for section in answer.sections if section.receives}
        for slot in self.slots:
            # A slot given to another publication since the offer was made is not agreed by its answer.
            current = slot.subscription is not None and slot.offered is slot.subscription
            slot.agreed = current and slot.mid in receiving
        return answer

    def _sections(self) -> list[Section]:
        own = [Section(mid, source, Direction.RECVONLY) for mid, source in sdp.PUBLISHED.items()]
        return own + [slot.section() for slot in self.slots]

    def _check(self, answer: Answer) -> None:
        mids = [section.mid for section in answer.sections]
        if mids != list(self._offered):
            raise sdp.SdpError(f"the answer must have the m-lines of the offer: {' '.join(self._offered)}")
        for section in answer.sections:
            if section.sends or section.receives:
                sdp.check_codec(section, self._offered[section.mid])


def _track(publication: Publication) -> dict[str, str]:
    return {
        "publication_id": publication.publication_id,
        "participant_id": publication.participant_id,
        "source": publication.source.value,
    }


def _token(identifier: str) -> str:
    """RFC 8830 wants an SDP token, where a colon is not allowed."""
    return identifier.replace(":", "_")
