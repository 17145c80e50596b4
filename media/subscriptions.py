"""What one peer is sent: m-lines reserved for publications, and media flowing on those it has agreed to."""

from typing import Protocol

from media.clock import MediaClock
from media.feedback import Feedback
from media.ice import Path
from media.negotiation import Negotiation, Publication, Slot
from media.rtc import SecureTransport
from media.stream import Subscription


class Link(Protocol):
    """The subscriber's transport. `path` is None until its first check, `connected` false until the handshake."""

    @property
    def connected(self) -> bool: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def secure(self) -> SecureTransport: ...
    @property
    def clock(self) -> MediaClock: ...


class Subscriptions:
    """One slot per publication. Media flow once its offer was answered and the publication has a stream: earlier ones
    would waste the keyframe.
    """

    def __init__(self, link: Link, negotiation: Negotiation, feedback: Feedback) -> None:
        self._link, self._negotiation, self._feedback = link, negotiation, feedback

    def add(self, publication: Publication) -> None:
        slot = self._negotiation.free_slot(publication.source)
        slot.publication = publication
        slot.subscription = Subscription(self._feedback, publication.source, publication.participant_id)

    def remove(self, publication: Publication) -> None:
        for slot in self._negotiation.slots:
            if slot.publication is publication:
                self._detach(slot)
                slot.publication = slot.subscription = None
                self._negotiation.stale = True

    def resume(self, publication: Publication) -> None:
        """The publication has another stream."""
        for slot in self._negotiation.slots:
            if slot.publication is publication:
                self._attach(slot)

    def attach_all(self) -> None:
        """Let flow whatever can by now."""
        for slot in self._negotiation.slots:
            self._attach(slot)

    def detach_all(self) -> None:
        for slot in self._negotiation.slots:
            self._detach(slot)

    def _attach(self, slot: Slot) -> None:
        out, link, path = slot.subscription, self._link, self._link.path
        stream = slot.publication.stream if slot.publication is not None else None
        if out is None or stream is None or path is None or not (slot.agreed and link.connected):
            return
        if out.stream is stream:
            return
        out.unbind()
        out.transport, out.tx = link.secure, link.secure.tx
        out.address, out.sendto = path.address, path.socket.sendto
        self._feedback.subscriptions[out.ssrc] = out
        out.bind(stream)
        now = link.clock.monotonic()
        if stream.reported_at:
            self._feedback.send_sender_report(out, stream, now - stream.reported_at, now)
        if stream.packets:
            stream.feedback.request_keyframe(stream, now)

    def _detach(self, slot: Slot) -> None:
        out = slot.subscription
        if out is not None:
            out.unbind()
            self._feedback.subscriptions.pop(out.ssrc, None)
