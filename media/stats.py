"""Figures per peer, publication and subscription, as JSON."""

from collections.abc import Iterator

from media.peer import Peer
from media.relay import Relay
from media.stream import Stream, Subscription


def snapshot(relay: Relay) -> dict[str, object]:
    """`loss` counts packets, `jitter_ms` is RFC 3550's, rates are bits per second over the last report interval."""
    forwarder = relay.forwarder
    return {
        "received": forwarder.received,
        "forwarded": forwarder.forwarded,
        "dropped": {
            "strangers": relay.port.dropped,
            "unauthentic": forwarder.unauthentic,
            "replayed": forwarder.replayed,
            "unrouted": forwarder.unrouted,
            "unsent": forwarder.unsent,
        },
        "peers": [_peer(room.room_id, peer) for room in relay.rooms.values() for peer in room.peers()],
    }


def _peer(room_id: str, peer: Peer) -> dict[str, object]:
    path = peer.ice.path
    feedback = peer.feedback
    return {
        "room_id": room_id,
        "participant_id": peer.participant_id,
        "peer_id": peer.peer_id,
        "state": peer.state.value,
        "address": f"{path.address[0]} {path.address[1]}" if path is not None else None,
        "srtp_profile": peer.secure.profile,
        "malformed": feedback.malformed,
        "remb_bps": feedback.remb_in,
        "limit_bps": feedback.remb_out,
        "publications": [_stream(peer.participant_id, stream) for stream in feedback.streams.values()],
        "subscriptions": list(_subscriptions(peer)),
    }


def _stream(participant_id: str, stream: Stream) -> dict[str, object]:
    return {
        "publication_id": f"{participant_id}.{stream.source}",
        "ssrc": stream.ssrc,
        "packets": stream.packets,
        "octets": stream.octets,
        "loss": stream.lost,
        "jitter_ms": round(stream.jitter / stream.clock_rate * 1000, 2),
        "nacks": stream.nacked,
        "recovered": stream.recovered,
        "given_up": stream.given_up,
        "late": stream.late,
        "plis": stream.keyframes_asked,
        "rate_bps": round(stream.rate),
    }


def _subscriptions(peer: Peer) -> Iterator[dict[str, object]]:
    for slot in peer.negotiation.slots:
        if slot.publication is not None and slot.subscription is not None:
            flowing = slot.subscription.stream is not None
            yield {"publication_id": slot.publication.publication_id, "mid": slot.mid, "flowing": flowing} | _sent(
                slot.subscription
            )


def _sent(out: Subscription) -> dict[str, object]:
    return {
        "packets": out.packets,
        "octets": out.octets,
        "loss": round(out.lost_fraction, 4),
        "rtt_ms": round(out.rtt * 1000, 1),
        "nacks": out.nacks,
        "resent": out.resent,
        "plis": out.keyframes_asked,
        "rate_bps": round(out.stream.rate) if out.stream is not None else 0,
    }
