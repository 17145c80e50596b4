"""The relay through real UDP, with bare clients whose every packet is known."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiortc.rtp import RtcpPsfbPacket, RtcpRrPacket, RtcpSrPacket, unpack_remb_fci

from media.worker import Worker
from tests.support.eventually import eventually
from tests.support.media_worker import Control, worker_here
from tests.support.rtp_peer import RtpPeer, Signalling, join, signalling
from tests.support.udp_proxy import udp_proxy


@dataclass
class Place:
    worker: Worker
    control: Control
    served: Signalling

    async def join(self, name: str, **options: Any) -> RtpPeer:
        return await join(self.served, self.control, name, **options)

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.worker.relay.port.port)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with worker_here(tmp_path) as (worker, control), signalling(control) as served:
        await control.call("PUT", "/v1/rooms/r", {})
        yield Place(worker, control, served)


async def test_media_flows_both_ways_unchanged(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer")
    async with clerk.streaming(), lawyer.streaming():
        await clerk.gets_more("lawyer.camera")
        await lawyer.gets_more("clerk.camera")
        await lawyer.gets_more("clerk.audio")
    got = lawyer.got("clerk.camera")
    assert [p.payload_type for p in got] == [96] * len(got)
    sent = [data[12:] for data in clerk.sending["camera"].sent.values()]
    assert [p.payload for p in got] == sent[: len(got)]
    assert clerk.undecryptable == lawyer.undecryptable == 0


async def test_first_packet_of_a_late_joiner_comes_after_a_keyframe_request(place: Place) -> None:
    clerk = await place.join("clerk")
    async with clerk.streaming():
        await eventually(lambda: clerk.sending["camera"].count > 20)
        lawyer = await place.join("lawyer", publish=())
        await lawyer.gets_more("clerk.camera")
    assert clerk.asked_for_keyframe() >= 1
    assert any(p.payload[:2] == b"\x10\x00" for p in lawyer.got("clerk.camera"))


async def test_restart_from_another_address_keeps_the_stream(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer")
    async with clerk.streaming(), lawyer.streaming():
        await lawyer.gets_more("clerk.camera")
        await clerk.restart()
        await lawyer.gets_more("clerk.camera")
        await clerk.gets_more("lawyer.camera")
    sequences = [p.sequence for p in lawyer.got("clerk.camera")]
    assert len(set(sequences)) == len(sequences)
    assert len(place.worker.relay.port.flows) == 2


async def test_former_credentials_end_with_the_restart(place: Place) -> None:
    clerk = await place.join("clerk")
    ufrag = place.worker.relay.peer(clerk.peer_id)[1].ice.credentials.ufrag
    await clerk.restart()
    accepted = [c.ufrag for c in place.worker.relay.peer(clerk.peer_id)[1].ice.accepted]
    assert ufrag not in accepted and len(accepted) == 1


async def test_new_peer_continues_sequence_numbers_and_time(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer")
    async with clerk.streaming(), lawyer.streaming():
        await lawyer.gets_more("clerk.camera")
    offers = len([e for e in place.control.events if e["kind"] == "offer" and e["peer_id"] == lawyer.peer_id])
    await clerk.vanish()
    before = lawyer.got("clerk.camera")[-1]
    again = await place.join("clerk")
    async with again.streaming():
        await lawyer.gets_more("clerk.camera")
    got = lawyer.got("clerk.camera")
    after = got[got.index(before) + 1]
    assert after.sequence == (before.sequence + 1) & 0xFFFF
    assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 90_000 * 10
    assert after.payload[:2] == b"\x10\x00", "the first packet of the new peer is forwarded, and is a keyframe's"
    now = len([e for e in place.control.events if e["kind"] == "offer" and e["peer_id"] == lawyer.peer_id])
    assert now == offers, "no new offer for the subscriber"
    closed = await place.control.wait_for("peer_closed", peer_id=clerk.peer_id)
    assert closed["cause"] == "replaced"


async def test_subscriber_gets_a_lost_packet_over_rtx(place: Place) -> None:
    async with udp_proxy(place.address) as proxy:
        clerk = await place.join("clerk")
        lawyer = await place.join("lawyer", publish=(), via=proxy.address)
        async with clerk.streaming():
            await lawyer.gets_more("clerk.camera", 5)
        sequence = lawyer.got("clerk.camera")[-2].sequence
        lawyer.send_nack(lawyer.ssrcs[lawyer.mid_of("clerk.camera")], [sequence])
        await eventually(lambda: len(lawyer.got_rtx("clerk.camera")) == 1)
        again = lawyer.got_rtx("clerk.camera")[0]
        assert again.payload_type == 97
        assert int.from_bytes(again.payload[:2], "big") == sequence
        original = next(p for p in lawyer.got("clerk.camera") if p.sequence == sequence)
        assert again.payload[2:] == original.payload and again.timestamp == original.timestamp


async def test_relay_asks_the_publisher_again_and_repairs(place: Place) -> None:
    async with udp_proxy(place.address) as proxy:
        clerk = await place.join("clerk", publish=("camera",), via=proxy.address)
        lawyer = await place.join("lawyer", publish=())
        async with clerk.streaming():
            await lawyer.gets_more("clerk.camera", 10)
            proxy.lose(0.1)
            await lawyer.gets_more("clerk.camera", 100)
            proxy.lose(0.0)
            await lawyer.gets_more("clerk.camera", 20)
        assert proxy.dropped > 5
        peer = (await place.control.call("GET", "/v1/stats"))["peers"][0]
        (stream,) = peer["publications"]
        assert stream["recovered"] > 5
        counts = sorted(int.from_bytes(p.payload[-4:], "big") for p in lawyer.got("clerk.camera"))
        assert counts == sorted(set(counts)), "nothing is forwarded twice"
        assert len(counts) >= 0.98 * (counts[-1] - counts[0] + 1)


async def test_keyframe_requests_reach_the_publisher_but_not_all_of_them(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.camera")
        before = clerk.asked_for_keyframe()
        ssrc = lawyer.ssrcs[lawyer.mid_of("clerk.camera")]
        for _ in range(20):
            lawyer.send_pli(ssrc)
        await eventually(lambda: clerk.asked_for_keyframe() > before)
        await lawyer.gets_more("clerk.camera", 10)
        assert clerk.asked_for_keyframe() <= before + 2


async def test_reports_keep_the_publishers_clock(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.camera")
        clerk.send_report("camera", 0x1122334455667788)
        ssrc = lawyer.ssrcs[lawyer.mid_of("clerk.camera")]
        await eventually(lambda: any(isinstance(p, RtcpSrPacket) and p.ssrc == ssrc for p in lawyer.rtcp))
        report = next(p for p in lawyer.rtcp if isinstance(p, RtcpSrPacket) and p.ssrc == ssrc)
        assert report.sender_info.ntp_timestamp == 0x1122334455667788
        await eventually(lambda: clerk.sending["camera"].ssrc in _reported(clerk))


def _reported(peer: RtpPeer) -> set[int]:
    return {block.ssrc for p in peer.rtcp if isinstance(p, RtcpRrPacket) for block in p.reports}


async def test_bandwidth_limit_comes_at_once_and_follows_a_tight_subscriber(place: Place) -> None:
    clerk, lawyer = await place.join("clerk", publish=("camera",)), await place.join("lawyer", publish=())

    def limits() -> list[int]:
        found = [p for p in clerk.rtcp if isinstance(p, RtcpPsfbPacket) and p.fmt == 15]
        return [unpack_remb_fci(p.fci)[0] for p in found]

    await eventually(lambda: len(limits()) > 0)
    assert abs(limits()[0] - 2_500_000) < 2_500_000 / 100
    sending = asyncio.create_task(_send_large_frames(clerk))
    await eventually(lambda: place.worker.relay.peer(clerk.peer_id)[1].feedback.streams != {})
    stream = next(iter(place.worker.relay.peer(clerk.peer_id)[1].feedback.streams.values()))
    await eventually(lambda: stream.rate > 600_000)
    lawyer.send_remb(500_000, [lawyer.ssrcs[lawyer.mid_of("clerk.camera")]])
    await eventually(lambda: limits()[-1] < 510_000)
    assert limits()[-1] > 390_000
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def _send_large_frames(peer: RtpPeer) -> None:
    while True:
        for _ in range(5):
            peer.send_frame("camera", 1100)
        await asyncio.sleep(0.01)


async def test_strangers_are_dropped_unparsed(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer", publish=())
    relay = place.worker.relay
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        before = relay.port.dropped
        for first in (0x80, 0x90, 0x16, 0x00, 0xFF, 0x40):
            stranger.sendto(bytes([first, 111]) + os.urandom(60), place.address)
        stranger.sendto(b"", place.address)
        await eventually(lambda: relay.port.dropped == before + 7)
    async with clerk.streaming():
        await lawyer.gets_more("clerk.audio")


async def test_forged_and_replayed_packets_are_counted_and_dropped(place: Place) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer", publish=())
    forwarder = place.worker.relay.forwarder
    async with clerk.streaming():
        await lawyer.gets_more("clerk.audio")
    data = clerk.sending["audio"].sent[(clerk.sending["audio"].sequence - 1) & 0xFFFF]
    head = data[:2] + ((clerk.sending["audio"].sequence + 5) & 0xFFFF).to_bytes(2, "big") + data[4:]
    secret = clerk.dtls._tx_srtp.protect(head)
    clerk.send_datagram(secret)
    await eventually(lambda: len(lawyer.got("clerk.audio")) > 0)
    clerk.send_datagram(secret)
    await eventually(lambda: forwarder.replayed == 1)
    clerk.send_datagram(secret[:-1] + bytes([secret[-1] ^ 1]))
    clerk.send_datagram(secret[:20])
    await eventually(lambda: forwarder.unauthentic + forwarder.replayed == 3)
    clerk.send_rtp(b"\x80\x05" + data[2:8] + (12345).to_bytes(4, "big") + bytes(20))
    await eventually(lambda: forwarder.unrouted == 1)
    clerk.send_rtcp(b"\x81\xc9\x00\x01" + bytes(4))
    feedback = place.worker.relay.peer(clerk.peer_id)[1].feedback
    await eventually(lambda: feedback.malformed == 1)


async def test_offers_wait_for_the_answer_to_the_last_one(place: Place) -> None:
    clerk = await place.join("clerk")
    lawyer = RtpPeer(place.control, "r", "lawyer", publish=())
    place.served.peers.append(lawyer)
    reply = await place.control.call("POST", "/v1/rooms/r/participants/lawyer/peers", {})
    lawyer.peer_id = reply["peer_id"]
    third = await place.join("expert", publish=("audio",))
    assert [e for e in place.control.events if e.get("peer_id") == lawyer.peer_id] == []
    await lawyer.answer(reply["offer"])
    event = await place.control.wait_for("offer", peer_id=lawyer.peer_id)
    assert {track["participant_id"] for track in event["offer"]["tracks"].values()} == {"clerk", "expert"}
    assert clerk.peer_id != third.peer_id


async def test_a_removed_participant_frees_its_lines_for_the_next(place: Place) -> None:
    lawyer, _ = await place.join("lawyer", publish=()), await place.join("clerk")
    await place.control.wait_for("offer", peer_id=lawyer.peer_id)
    await place.control.call("DELETE", "/v1/rooms/r/participants/clerk")
    await eventually(lambda: lawyer.tracks == {})
    await place.join("expert")
    await eventually(lambda: len(lawyer.tracks) == 2)
    assert set(lawyer.tracks) == {"4", "5"}


async def test_a_line_that_is_answered_inactive_ends_its_publication(place: Place) -> None:
    clerk = await place.join("clerk", publish=("audio", "camera"))
    lawyer = await place.join("lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.camera", 5)
    clerk.publish = ("audio",)
    await clerk.offer_again()
    await place.control.wait_for("publication_ended", publication_id="clerk.camera")
    await eventually(lambda: [t["source"] for t in lawyer.tracks.values()] == ["audio"])
    async with clerk.streaming():
        await lawyer.gets_more("clerk.audio", 5)


async def test_a_source_with_an_undeclared_ssrc_is_known_by_its_payload_type(place: Place) -> None:
    clerk = await place.join("clerk", publish=("audio",), declare=False)
    lawyer = await place.join("lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.audio", 5)


async def test_sound_is_repaired_without_rtx(place: Place) -> None:
    clerk = await place.join("clerk", publish=("audio",))
    lawyer = await place.join("lawyer", publish=())
    async with clerk.streaming():
        await lawyer.gets_more("clerk.audio", 5)
        got = lawyer.got("clerk.audio")
        sequence = got[-2].sequence
        lawyer.send_nack(lawyer.ssrcs[lawyer.mid_of("clerk.audio")], [sequence])
        # libsrtp refuses the copy of what has come already: the very same packet is sent again.
        await eventually(lambda: lawyer.undecryptable == 1)


async def test_a_bug_in_one_peer_closes_it_and_not_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clerk, lawyer = await place.join("clerk"), await place.join("lawyer")
    peer = place.worker.relay.peer(lawyer.peer_id)[1]

    def broken(now: float) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(peer, "tick", broken)
    closed = await place.control.wait_for("peer_closed", peer_id=lawyer.peer_id)
    assert closed["cause"] == "failed" and "ZeroDivisionError" in caplog.text
    expert = await place.join("expert", publish=())
    async with clerk.streaming():
        await expert.gets_more("clerk.camera", 5)
