"""One part's recorder, with a disk that answers when the test says so."""

import asyncio
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from media.feedback import Feedback
from media.journal import JournalReader, Kind
from media.negotiation import Publication
from media.packet import HEADER
from media.recorder import EARLY_LIMIT, KEYFRAME_RETRY, STALLED_AFTER, PartRecorder
from media.sdp import Source
from media.stream import Stream, Subscription
from tests.support.media_clock import ManualMediaClock

T = TypeVar("T")
KEY = bytes(32)


class Place:
    """A recording without a room: its threads run when `work` is called."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualMediaClock()
        self.recording_id, self.boot_id, self.key, self.directory = "rec", "boot", KEY, directory
        self.errors: list[OSError] = []
        self.rtcp: list[bytes] = []
        self._jobs: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []
        self.feedback = Feedback(self, set())

    def in_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.append((future, work))
        return future

    def on_failed(self, error: OSError) -> None:
        self.errors.append(error)

    def send_rtcp(self, data: bytes) -> None:
        self.rtcp.append(data)

    def send_rtp(self, subscription: Subscription, data: bytes) -> None:
        raise AssertionError("a recorder sends nothing")

    async def work(self) -> int:
        """Let the disk do what it was asked; how many jobs that were."""
        jobs, self._jobs = self._jobs, []
        for future, job in jobs:
            try:
                future.set_result(job())
            except OSError as error:
                future.set_exception(error)
        await asyncio.sleep(0)
        return len(jobs)

    def part(self, source: Source = Source.AUDIO, packets: int = 0) -> tuple[Stream, PartRecorder]:
        stream = Stream(self.feedback, source, 7, 1, 0, self.clock.now)
        stream.packets = packets
        publication = Publication(f"clerk.{source}", "clerk", source, stream)
        return stream, PartRecorder(self, publication, stream)

    def send(self, stream: Stream, sequence: int, payload: bytes = b"x", size: int = 0) -> bytes:
        data = HEADER.pack(0x80, stream.payload_type, sequence, 0, 7) + payload + bytes(size)
        if stream.tap is not None:
            stream.tap(data, self.clock.now)
        return data

    async def finish(self, recorder: PartRecorder, reason: str = "ended") -> JournalReader:
        closing = asyncio.create_task(recorder.close(reason))
        while not closing.done():
            await asyncio.sleep(0)
            await self.work()
        closed = closing.result()
        assert closed is not None
        reader = JournalReader(closed.path, KEY)
        reader.verify()
        return reader


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_packets_that_come_while_the_file_is_made_are_kept(place: Place) -> None:
    stream, recorder = place.part()
    sent = [place.send(stream, 1), place.send(stream, 2)]
    await place.work()
    sent.append(place.send(stream, 3))
    reader = await place.finish(recorder)
    assert [record.payload for record in reader] == sent
    assert stream.tap is None and stream.tap_report is None


async def test_a_block_goes_to_the_disk_each_second_and_one_at_a_time(place: Place) -> None:
    stream, recorder = place.part()
    await place.work()
    place.send(stream, 1)
    recorder.tick(place.clock.advance(0.9))
    assert await place.work() == 0
    recorder.tick(place.clock.advance(0.2))
    for sequence in range(2, 5):
        place.send(stream, sequence)
        recorder.tick(place.clock.advance(1.1))
    assert await place.work() == 1, "the second block waits for the first"
    recorder.tick(place.clock.now)
    assert await place.work() == 1
    reader = await place.finish(recorder)
    assert [int.from_bytes(record.payload[2:4], "big") for record in reader] == [1, 2, 3, 4]
    assert reader.blocks == 4


async def test_picture_starts_at_a_keyframe_which_is_asked_for_until_it_comes(place: Place) -> None:
    stream, recorder = place.part(Source.CAMERA, packets=100)
    await place.work()
    recorder.tick(place.clock.now)
    place.send(stream, 1, b"\x10\x01")
    recorder.tick(place.clock.advance(KEYFRAME_RETRY + 0.01))
    assert len(place.rtcp) == 2
    place.send(stream, 2, b"\x10\x00")
    place.send(stream, 3, b"\x00\x01")
    recorder.tick(place.clock.advance(KEYFRAME_RETRY + 0.01))
    assert len(place.rtcp) == 2
    reader = await place.finish(recorder)
    assert [int.from_bytes(record.payload[2:4], "big") for record in reader] == [2, 3]


async def test_the_first_packet_of_all_needs_no_request(place: Place) -> None:
    stream, recorder = place.part(Source.CAMERA)
    await place.work()
    recorder.tick(place.clock.now)
    place.send(stream, 1, b"\x10\x00")
    recorder.tick(place.clock.advance(KEYFRAME_RETRY + 0.01))
    await place.finish(recorder)
    assert place.rtcp == []


async def test_the_last_report_opens_a_part_with_its_own_time(place: Place) -> None:
    stream, recorder = place.part()
    await place.finish(recorder)
    stream.last_report, stream.reported_at = b"report", place.clock.now
    place.clock.advance(5.0)
    publication = Publication("clerk.audio", "clerk", Source.AUDIO, stream)
    again = PartRecorder(place, publication, stream)
    await place.work()
    (record,) = await place.finish(again)
    assert record.kind is Kind.SENDER_REPORT and record.payload == b"report"
    assert place.clock.wall - record.wall_us == 5_000_000


async def test_a_disk_that_does_not_answer_is_told(place: Place) -> None:
    stream, recorder = place.part()
    await place.work()
    place.send(stream, 1)
    recorder.tick(place.clock.advance(1.1))
    recorder.tick(place.clock.advance(STALLED_AFTER - 0.1))
    assert place.errors == []
    recorder.tick(place.clock.advance(0.2))
    assert [error.errno for error in place.errors] == [errno.EIO]
    await place.work()
    await place.finish(recorder)


async def test_what_does_not_fit_while_the_file_is_made_is_declared(place: Place) -> None:
    stream, recorder = place.part()
    for sequence in range(EARLY_LIMIT // 1000 + 50):
        place.send(stream, sequence, size=1000)
    await place.work()
    reader = await place.finish(recorder)
    notes = [json.loads(record.payload) for record in reader if record.kind is Kind.CONTROL]
    assert notes[0]["event"] == "overflow" and notes[0]["dropped"] > 0
    kept = sum(1 for record in reader if record.kind is Kind.RTP)
    assert kept + notes[0]["dropped"] == EARLY_LIMIT // 1000 + 50


async def test_a_file_that_cannot_be_made_is_told(place: Place) -> None:
    (place.directory / "clerk.audio").write_text("in the way", encoding="ascii")
    stream, recorder = place.part()
    await place.work()
    assert [error.errno for error in place.errors] == [errno.EEXIST]
    place.send(stream, 1)
    assert await recorder.close("failed") is None
