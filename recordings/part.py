"""One journal into one WebM part: a first reading for the clocks, a second one for the frames."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from media.journal import JournalError, JournalHeader, JournalReader, Kind, Record
from recordings.clock_fit import Arrival, ClockFit, Report
from recordings.frames import Frame, opus_filler, opus_frames, opus_samples, vp8_frames, vp8_size
from recordings.parts import Cause, PartGap, PartResult
from recordings.rtp import Malformed, Unwrapper, in_order, parse_header, parse_sender_report, read_packets
from recordings.webm import WebmWriter

_WINDOW = {"vp8": 1024, "opus": 128}
_OPUS_GAP_TICKS = 480
_VP8_IDLE_S = 3.0
_KEYFRAME_S = 0.1
_MERGE_MS = 500
_LAST_FRAME_MS = 40
# How far a fitted time may lie outside the journal's own span before the timestamp is taken for nonsense.
_SLACK_US = 10_000_000


@dataclass
class Scan:
    """What a first reading of a journal tells; `last_timestamp` is the highest unwrapped media timestamp, `damage` says
    why the reading ended early."""

    path: Path
    header: JournalHeader
    reports: list[Report] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    mutes: list[tuple[int, bool]] = field(default_factory=list)
    first_timestamp: int | None = None
    last_timestamp: int = 0
    first_wall_us: int = 0
    last_wall_us: int = 0
    overflow: int = 0
    close_reason: str | None = None
    recovery: dict[str, int] | None = None
    blocks: int = 0
    head: str = ""
    damage: str = ""


def scan(path: Path, key: bytes) -> Scan:
    """Read a whole journal for its clocks; of a damaged one what stands before the damage. Raises JournalError (nothing
    can be read), OSError."""
    reader = JournalReader(path, key)
    found = Scan(path, reader.header)
    header = reader.header
    unwrapper = Unwrapper()
    early: list[Record] = []
    second: int | None = None
    best = 0.0
    tick_us = 1e6 / header.clock_rate
    for record in _readable(reader, found):
        found.last_wall_us = record.wall_us
        if record.kind is not Kind.RTP:
            # A report may stand before the first packet, without which its timestamp cannot be unwrapped.
            if found.first_timestamp is None:
                early.append(record)
            else:
                _note(found, record, unwrapper)
            continue
        try:
            payload_type, sequence, timestamp, _, ssrc = parse_header(record.payload)
        except Malformed:
            continue
        if ssrc != header.ssrc or payload_type != header.payload_type:
            continue
        _, timestamp = unwrapper(sequence, timestamp)
        if found.first_timestamp is None:
            found.first_timestamp, found.first_wall_us = timestamp, record.wall_us
            for note in early:
                _note(found, note, unwrapper)
        found.last_timestamp = max(found.last_timestamp, timestamp)
        delay = record.wall_us - timestamp * tick_us
        if record.wall_us // 1_000_000 != second:
            second, best = record.wall_us // 1_000_000, delay
            found.arrivals.append(Arrival(timestamp, record.wall_us))
        elif delay < best:
            best = delay
            found.arrivals[-1] = Arrival(timestamp, record.wall_us)
    found.close_reason = "damaged" if found.damage else reader.close_reason
    found.recovery = reader.recovery
    found.blocks, found.head = reader.blocks, reader.head_hex
    return found


def _readable(reader: JournalReader, found: Scan) -> Iterator[Record]:
    try:
        yield from reader
    except JournalError as error:
        found.damage = str(error)


def _control(payload: bytes) -> dict[str, Any]:
    try:
        note = json.loads(payload)
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def _note(found: Scan, record: Record, unwrapper: Unwrapper) -> None:
    if record.kind is Kind.SENDER_REPORT:
        try:
            report = parse_sender_report(record.payload)
        except Malformed:
            return
        timestamp = unwrapper.timestamp(report.timestamp)
        if report.ssrc == found.header.ssrc and timestamp is not None:
            found.reports.append(Report(timestamp, report.ntp_us, record.wall_us))
        return
    note = _control(record.payload)
    if note.get("event") == "overflow":
        found.overflow += int(note.get("dropped", 1))
    elif note.get("event") in ("muted", "unmuted"):
        found.mutes.append((record.wall_us, note["event"] == "muted"))


class PartMuxer:
    """Frames of one journal → WebM, with every gap written down.

    Sound is filled over its gaps with frames that ask the decoder to conceal, because players close holes up and would
    run ahead of the picture; each fill is listed. Pictures simply stand longer.
    """

    def __init__(self, found: Scan, fit: ClockFit, file: BinaryIO | RawIOBase) -> None:
        self._scan = found
        self._fit = fit
        self._file = file
        self._rate = found.header.clock_rate
        self._writer: WebmWriter | None = None
        self._first_us = 0.0
        self._last_ms = -1
        self.result = PartResult()

    def run(self, key: bytes) -> PartResult:
        """Write the whole part. `frames` stays 0, and nothing is written, when the journal holds no decodable frame."""
        frames = self._plausible(self._frames(key))
        if self._scan.header.codec == "opus":
            self._write_sound(frames)
        else:
            self._write_pictures(frames)
        if self._writer is not None:
            self._writer.close()
            self.result.start_us = round(self._first_us)
            self._end_gap()
        return self.result

    def _frames(self, key: bytes) -> Iterator[Frame]:
        header = self._scan.header
        reader = JournalReader(self._scan.path, key)
        records = (record for record in _readable(reader, self._scan) if record.kind is Kind.RTP)
        reception = self.result.reception
        packets = read_packets(records, header.ssrc, header.payload_type, reception)
        ordered = in_order(packets, _WINDOW[header.codec], reception)
        return opus_frames(ordered) if header.codec == "opus" else vp8_frames(ordered)

    def _plausible(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        low, high = self._scan.first_wall_us - _SLACK_US, self._scan.last_wall_us + _SLACK_US
        for frame in frames:
            if low <= self._fit.wall_us(frame.timestamp) <= high:
                yield frame
            else:
                self.result.implausible += 1

    def _write_sound(self, frames: Iterator[Frame]) -> None:
        end: int | None = None
        last: Frame | None = None
        for frame in frames:
            if end is None or last is None:
                self._open(frame)
            elif frame.timestamp < end - _OPUS_GAP_TICKS:
                self.result.implausible += 1
                continue
            elif frame.timestamp - end >= _OPUS_GAP_TICKS:
                self._gap(end, frame.timestamp, "loss" if frame.lost else self._silence(end))
                self._fill(opus_filler(last.content), end, frame.timestamp)
            self._write(frame, self._ms(frame.timestamp), frame.duration * 1000 // self._rate)
            end, last = frame.timestamp + frame.duration, frame
        if end is not None:
            self.result.duration_ms = self._ms(end)

    def _write_pictures(self, frames: Iterator[Frame]) -> None:
        held: Frame | None = None
        for frame in frames:
            if held is None:
                self._open(frame)
                self.result.size = vp8_size(frame.content)
            elif frame.timestamp <= held.timestamp:
                self.result.implausible += 1
                continue
            else:
                if frame.lost:
                    self._gap(held.timestamp, frame.timestamp, "loss")
                elif frame.timestamp - held.timestamp > _VP8_IDLE_S * self._rate:
                    cause = self._silence(held.timestamp)
                    self._gap(held.timestamp, frame.timestamp, cause if cause == "mute" else "idle")
                self._hold(held, self._ms(frame.timestamp) - self._ms(held.timestamp))
            held = frame
        if held is not None:
            self._hold(held, _LAST_FRAME_MS)
            self.result.duration_ms = self._ms(held.timestamp) + _LAST_FRAME_MS

    def _hold(self, frame: Frame, duration_ms: int) -> None:
        self._write(frame, self._ms(frame.timestamp), duration_ms)

    def _open(self, first: Frame) -> None:
        header = self._scan.header
        self._first_us = self._fit.wall_us(first.timestamp)
        size = vp8_size(first.content) if header.codec == "vp8" else None
        duration = (self._scan.last_wall_us - self._first_us) / 1e6
        self._writer = WebmWriter(self._file, header.codec, size, duration)
        start = self._scan.first_timestamp
        if start is not None and first.timestamp - start > _KEYFRAME_S * self._rate:
            self.result.gaps.append(PartGap(self._ms(start), 0, "keyframe", -self._ms(start)))

    def _write(self, frame: Frame, at_ms: int, duration_ms: int) -> None:
        if self._writer is None:
            raise RuntimeError("a frame before the first one")
        at_ms = max(at_ms, self._last_ms + 1)
        self._writer.write(frame.content, at_ms, duration_ms, frame.keyframe)
        self._last_ms = at_ms
        self.result.frames += 1
        self.result.keyframes += frame.keyframe

    def _fill(self, filler: bytes, start: int, end: int) -> None:
        samples = opus_samples(filler)
        for timestamp in range(start, end - samples + 1, samples):
            frame = Frame(timestamp, samples, True, False, filler)
            self._write(frame, self._ms(timestamp), samples * 1000 // self._rate)
            self.result.frames -= 1
            self.result.keyframes -= 1
            self.result.filler += 1

    def _gap(self, start: int, end: int, cause: Cause) -> None:
        from_ms, to_ms = self._ms(start), self._ms(end)
        gaps = self.result.gaps
        if gaps and gaps[-1].cause == cause and from_ms - gaps[-1].to_ms <= _MERGE_MS:
            gaps[-1].to_ms = to_ms
            gaps[-1].missing_ms += to_ms - from_ms
        else:
            gaps.append(PartGap(from_ms, to_ms, cause, to_ms - from_ms))

    def _end_gap(self) -> None:
        """Packets after the last whole frame: what could not be decoded any more is missing, not over."""
        end_ms = self._ms(self._scan.last_timestamp)
        if end_ms - self.result.duration_ms > _MERGE_MS and not self.result.implausible:
            missing = end_ms - self.result.duration_ms
            self.result.gaps.append(PartGap(self.result.duration_ms, end_ms, "loss", missing))

    def _silence(self, timestamp: int) -> Cause:
        wall_us = self._fit.wall_us(timestamp)
        muted = [muted for at_us, muted in self._scan.mutes if at_us <= wall_us + _MERGE_MS * 1000]
        return "mute" if muted and muted[-1] else "dtx"

    def _ms(self, timestamp: int) -> int:
        return round((self._fit.wall_us(timestamp) - self._first_us) / 1000)
