"""Generated RTP → journal → WebM → decoded to the end: nothing is lost, moved or invented in silence."""

import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from media.journal import Kind, recover
from recordings.chunks import read_sealed
from recordings.errors import SealingFailed
from recordings.index import build_index
from recordings.parts import Part, Remuxed
from recordings.remux import remux
from recordings.remux_process import run_remux
from tests.support.archive import files_under, holds_media
from tests.support.rtp import (
    AUDIO,
    CAMERA,
    START_US,
    Event,
    Source,
    encoded_pictures,
    events,
    write_events,
    write_journal,
)
from tests.support.webm import Decoded, decode_pictures, decode_sound

KEY = bytes(range(32))


def remuxed(directory: Path, *sources: Source) -> Remuxed:
    journals = [
        write_journal(directory / "journals" / f"{number}.journal", source, KEY)
        for number, source in enumerate(sources)
    ]
    return remux(KEY, journals, directory / "staging")


def content_of(directory: Path, part: Part) -> bytes:
    assert part.stored is not None
    path = directory / "staging" / part.stored.path
    assert path.stat().st_size == part.stored.sealed_bytes
    with path.open("rb") as file:
        content = b"".join(read_sealed(file, KEY, part.stored.path))
    assert len(content) == part.stored.bytes
    return content


def decoded(directory: Path, part: Part) -> Decoded:
    content = content_of(directory, part)
    found = decode_sound(content) if part.codec == "opus" else decode_pictures(content)
    assert abs(found.duration_s - part.result.duration_ms / 1000) < 0.05, "the declared duration is finite and right"
    return found


def offsets_ms(directory: Path, parts: Iterable[Part]) -> list[float]:
    """Sound minus picture in ms, at each flash, on the recording's clock."""
    tracks = {part.codec: (part.result.start_us / 1e6 - START_US / 1e6, decoded(directory, part)) for part in parts}
    (sound_at, sound), (picture_at, pictures) = tracks["opus"], tracks["vp8"]
    beeps = np.array(sound.onsets_s) + sound_at
    return [
        float(beeps[np.abs(beeps - flash - picture_at).argmin()] - flash - picture_at) * 1000
        for flash in pictures.onsets_s
    ]


def test_every_frame_comes_back(tmp_path: Path) -> None:
    done = remuxed(tmp_path, AUDIO, CAMERA)
    sound, pictures = (decoded(tmp_path, part) for part in done.parts)
    assert sound.samples == 4 * 48_000 and len(pictures.times_s) == 120
    assert pictures.sizes == {(160, 96)}
    assert [part.result.gaps for part in done.parts] == [[], []]
    assert [part.result.reception.lost for part in done.parts] == [0, 0], "16- and 32-bit counters wrap in here"
    assert done.parts[1].result.keyframes == 4


def test_no_plain_byte_reaches_the_disk(tmp_path: Path) -> None:
    remuxed(tmp_path, AUDIO, CAMERA)
    picture = encoded_pictures()[0][0][100:140]
    for path in files_under(tmp_path):
        content = path.read_bytes()
        assert not holds_media(content) and picture not in content, path


def test_packets_of_a_frame_keep_their_bytes(tmp_path: Path) -> None:
    done = remuxed(tmp_path, CAMERA)
    content = content_of(tmp_path, done.parts[0])
    assert all(frame in content for frame, _ in encoded_pictures())


@pytest.mark.parametrize("offset_s", [0.0, -86_400.0, 5.0], ids=["same clock", "a day behind", "five seconds ahead"])
def test_sound_and_picture_stay_together(tmp_path: Path, offset_s: float) -> None:
    """Both media clocks are 100 ppm off in opposite directions, the network jitters, the publisher's clock is wrong."""
    jitter = np.random.default_rng(7).uniform(0.02, 0.12, 100_000)

    def delay_s(number: int) -> float:
        return float(jitter[number])

    sound = replace(AUDIO, end_s=60.0, publisher_offset_s=offset_s, delay_s=delay_s, skew_ppm=100.0)
    camera = replace(CAMERA, end_s=60.0, publisher_offset_s=offset_s, delay_s=delay_s, skew_ppm=-100.0)
    done = remuxed(tmp_path, sound, camera)
    offsets = offsets_ms(tmp_path, done.parts)
    assert len(offsets) >= 59
    assert float(np.percentile(np.abs(offsets), 95)) <= 45, offsets
    for part, skew in zip(done.parts, (100, -100), strict=True):
        assert part.clock["source"] == "sender_reports"
        assert part.clock["skew_ppm"] == pytest.approx(skew, abs=2)
        assert part.clock["residual_us"] < 1000


def test_without_reports_arrival_times_serve(tmp_path: Path) -> None:
    done = remuxed(tmp_path, *(replace(source, reports_every_s=0.0, end_s=10.0) for source in (AUDIO, CAMERA)))
    assert [part.clock["source"] for part in done.parts] == ["arrival", "arrival"]
    assert max(map(abs, offsets_ms(tmp_path, done.parts))) <= 45


def test_lost_sound_is_filled_and_declared(tmp_path: Path) -> None:
    done = remuxed(tmp_path, replace(AUDIO, lost=lambda number: 50 <= number < 60))
    part = done.parts[0]
    assert [(gap.from_ms, gap.to_ms, gap.cause, gap.missing_ms) for gap in part.result.gaps] == [
        (1000, 1200, "loss", 200)
    ]
    assert (part.result.filler, part.result.reception.lost, part.result.frames) == (10, 10, 190)
    assert decoded(tmp_path, part).samples == 4 * 48_000


def test_silence_is_not_loss(tmp_path: Path) -> None:
    """With DTX a packet comes every 400 ms; the sequence runs on, the timestamps jump."""

    def silent(at_s: float) -> bool:
        return 1.0 < at_s < 3.0 and round(at_s / 0.02) % 20 != 0

    done = remuxed(tmp_path, replace(AUDIO, silent=silent))
    part = done.parts[0]
    assert {gap.cause for gap in part.result.gaps} == {"dtx"}
    assert len(part.result.gaps) == 1, "spans that are nearly one are joined"
    assert part.result.gaps[0].missing_ms == 20 * part.result.filler
    assert decoded(tmp_path, part).samples == 4 * 48_000


def test_after_a_loss_pictures_wait_for_a_keyframe(tmp_path: Path) -> None:
    packets = len(events(CAMERA))
    done = remuxed(tmp_path, replace(CAMERA, lost=lambda number: number == packets // 3))
    part = done.parts[0]
    (gap,) = part.result.gaps
    assert gap.cause == "loss" and 30 < gap.missing_ms < 1100
    assert part.result.reception.lost == 1
    assert 85 < len(decoded(tmp_path, part).times_s) < 120


def test_one_percent_of_loss_still_decodes(tmp_path: Path) -> None:
    dice = np.random.default_rng(3).random(100_000)
    sources = [replace(source, end_s=20.0, lost=lambda number: bool(dice[number] < 0.01)) for source in (AUDIO, CAMERA)]
    done = remuxed(tmp_path, *sources)
    assert all(part.result.reception.lost and part.result.gaps for part in done.parts)
    assert decoded(tmp_path, done.parts[0]).samples == 20 * 48_000
    assert max(map(abs, offsets_ms(tmp_path, done.parts))) <= 45


def test_reordered_and_doubled_packets_are_put_right(tmp_path: Path) -> None:
    arriving = events(CAMERA)
    shuffled: list[Event] = []
    for start in range(0, len(arriving), 40):
        chunk = arriving[start : start + 40]
        shuffled += chunk[:1] + chunk[:0:-1] + chunk[10:14]
    path = write_events(tmp_path / "journals" / "a", CAMERA, shuffled, KEY)
    done = remux(KEY, [path], tmp_path / "staging")
    reception = done.parts[0].result.reception
    assert (reception.lost, done.parts[0].result.frames) == (0, 120)
    assert reception.duplicates + reception.late > 0
    assert len(decoded(tmp_path, done.parts[0]).times_s) == 120


def test_strangers_and_noise_are_left_out(tmp_path: Path) -> None:
    arriving = events(AUDIO)
    noise = [
        Event(event.wall_us, event.kind, event.payload[:8] + b"evil" + event.payload[12:]) for event in arriving[:50:5]
    ]
    noise += [Event(event.wall_us, event.kind, b"\x80") for event in arriving[:10]]
    mixed = sorted([*arriving, *noise], key=lambda event: event.wall_us)
    done = remux(KEY, [write_events(tmp_path / "journals" / "a", AUDIO, mixed, KEY)], tmp_path / "staging")
    part = done.parts[0]
    assert part.result.frames == 200 and part.result.reception.foreign > 0 and part.result.reception.malformed > 0


def test_a_timestamp_from_nowhere_makes_no_endless_file(tmp_path: Path) -> None:
    arriving = events(AUDIO)
    evil = arriving[100].payload[:4] + (5).to_bytes(4, "big") + arriving[100].payload[8:]
    arriving[100] = replace(arriving[100], payload=evil)
    done = remux(KEY, [write_events(tmp_path / "journals" / "a", AUDIO, arriving, KEY)], tmp_path / "staging")
    assert done.parts[0].result.implausible == 1
    assert decoded(tmp_path, done.parts[0]).duration_s < 4.2


def test_a_reconnect_makes_a_second_part_on_the_same_clock(tmp_path: Path) -> None:
    later = [
        replace(source, start_s=6.0, end_s=10.0, ssrc=0x777, first_sequence=5, first_timestamp=99, part=2)
        for source in (AUDIO, CAMERA)
    ]
    done = remuxed(tmp_path, AUDIO, CAMERA, *later)
    assert [(part.publication_id, part.part) for part in done.parts] == [
        ("clerk.audio", 1), ("clerk.audio", 2), ("clerk.camera", 1), ("clerk.camera", 2),
    ]  # fmt: skip
    index = build_index("rec1", done, START_US, START_US + 10_000_000)
    assert [(gap["publication_id"], gap["from_s"], gap["to_s"], gap["cause"]) for gap in index["gaps"]] == [
        ("clerk.audio", 4.0, 6.0, "disconnect"),
        ("clerk.camera", pytest.approx(4.0, abs=0.05), 6.0, "disconnect"),
    ]
    assert (index["duration_s"], index["complete"]) == (pytest.approx(10.0, abs=0.05), True)
    for number in (1, 2):
        assert max(map(abs, offsets_ms(tmp_path, [part for part in done.parts if part.part == number]))) <= 45


def test_a_killed_worker_leaves_a_playable_part_and_a_declared_gap(tmp_path: Path) -> None:
    journals = []
    for source in (AUDIO, CAMERA):
        path = write_journal(tmp_path / "journals" / source.source, source, KEY, close=None)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size * 2 // 3)
        recover(path, KEY)
        journals.append(path)
    done = remux(KEY, journals, tmp_path / "staging")
    for part in done.parts:
        assert part.journal["close_reason"] == "crash"
        assert decoded(tmp_path, part).duration_s > 1.5
    index = build_index("rec1", done, START_US, START_US + 4_000_000)
    assert not index["complete"]
    assert {gap["cause"] for gap in index["gaps"]} == {"crash"}
    for gap in index["gaps"]:
        assert gap["missing_s"] >= 1.1


def test_of_a_damaged_journal_what_stands_before_the_damage_is_kept(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journals" / "a", AUDIO, KEY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    other = write_journal(tmp_path / "journals" / "b", CAMERA, KEY)
    done = remux(KEY, [path, other], tmp_path / "staging")
    sound, _ = done.parts
    assert "altered" in sound.journal["damage"] and 0.9 < decoded(tmp_path, sound).duration_s < 3
    index = build_index("rec1", done, START_US, START_US + 4_000_000)
    (gap,) = index["gaps"]
    assert (gap["publication_id"], gap["cause"], index["complete"]) == ("clerk.audio", "damaged", False)
    assert gap["to_s"] == index["duration_s"]


def test_a_journal_without_a_header_is_listed(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journals" / "a", AUDIO, KEY)
    path.write_bytes(path.read_bytes()[:40])
    other = write_journal(tmp_path / "journals" / "b", CAMERA, KEY)
    done = remux(KEY, [path, other], tmp_path / "staging")
    assert [lost["path"] for lost in done.unreadable] == ["a"]
    assert [part.publication_id for part in done.parts] == ["clerk.camera"]
    index = build_index("rec1", done, START_US, START_US + 4_000_000)
    assert [(gap["publication_id"], gap["cause"]) for gap in index["gaps"]] == [(None, "unreadable")]
    assert not index["complete"]


def test_a_publication_cannot_leave_its_directory(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journals" / "a", replace(AUDIO, participant_id="../../x"), KEY)
    with pytest.raises(ValueError, match="cannot be part of a path"):
        remux(KEY, [path], tmp_path / "staging")
    assert list(files_under(tmp_path)) == [path]


def test_a_recording_without_any_journal_is_missing_not_empty() -> None:
    index = build_index("rec1", Remuxed(), START_US, START_US + 60_000_000)
    assert [(gap["from_s"], gap["to_s"], gap["cause"]) for gap in index["gaps"]] == [(0.0, 60.0, "missing")]
    assert not index["complete"]
    assert build_index("rec1", Remuxed(), START_US, START_US + 1_000_000)["complete"]


def test_pauses_are_neither_expected_nor_missing(tmp_path: Path) -> None:
    later = [replace(source, start_s=8.0, end_s=10.0, ssrc=0x777, part=2) for source in (AUDIO, CAMERA)]
    journals = [
        write_journal(tmp_path / "j" / f"{n}", source, KEY, close="withdrawn" if source.part == 1 else "ended")
        for n, source in enumerate([AUDIO, CAMERA, *later])
    ]
    index = build_index("rec1", remux(KEY, journals, tmp_path / "staging"), START_US, START_US + 10_000_000)
    assert {gap["cause"] for gap in index["gaps"]} == {"pause"}
    assert index["duration_s"] == pytest.approx(10.0, abs=0.05)
    assert index["expected_s"] == pytest.approx(6.0, abs=0.05)
    assert index["complete"]


def test_muted_sound_is_called_so(tmp_path: Path) -> None:
    arriving = events(replace(AUDIO, silent=lambda at_s: 1.0 <= at_s < 2.0))
    note = Event(START_US + 1_000_000, Kind.CONTROL, b'{"event":"muted"}')
    mixed = sorted([*arriving, note], key=lambda event: event.wall_us)
    done = remux(KEY, [write_events(tmp_path / "j" / "a", AUDIO, mixed, KEY)], tmp_path / "staging")
    assert [(gap.cause, gap.from_ms, gap.to_ms) for gap in done.parts[0].result.gaps] == [("mute", 1000, 2000)]


def test_dropped_records_make_a_recording_incomplete(tmp_path: Path) -> None:
    note = Event(START_US + 1_000_000, Kind.CONTROL, b'{"event":"overflow","dropped":7}')
    noise = Event(START_US + 1_000_000, Kind.CONTROL, b"no json")
    mixed = sorted([*events(AUDIO), note, noise], key=lambda event: event.wall_us)
    done = remux(KEY, [write_events(tmp_path / "j" / "a", AUDIO, mixed, KEY)], tmp_path / "staging")
    index = build_index("rec1", done, START_US, START_US + 4_000_000)
    assert not index["complete"] and [gap["cause"] for gap in index["gaps"]] == ["overflow"]


def test_a_journal_without_a_keyframe_makes_no_file(tmp_path: Path) -> None:
    arriving = events(replace(CAMERA, start_s=0.1, end_s=0.9))
    done = remux(KEY, [write_events(tmp_path / "journals" / "a", CAMERA, arriving, KEY)], tmp_path / "staging")
    assert done.parts[0].stored is None
    assert list(files_under(tmp_path / "staging")) == []


def test_a_size_change_in_the_middle_decodes(tmp_path: Path) -> None:
    first = events(replace(CAMERA, end_s=2.0))
    with patch("tests.support.rtp.encoded_pictures", lambda: encoded_pictures(320, 192)):
        # The sequence goes on where the first half ended.
        packets = sum(event.payload[1] & 0x7F == 96 for event in first)
        second = replace(CAMERA, start_s=2.0, end_s=4.0, first_sequence=CAMERA.first_sequence + packets)
        ticks = 2 * 90_000
        second = replace(second, first_timestamp=CAMERA.first_timestamp + ticks)
        path = write_events(tmp_path / "journals" / "a", CAMERA, [*first, *events(second)], KEY)
    done = remux(KEY, [path], tmp_path / "staging")
    found = decoded(tmp_path, done.parts[0])
    assert found.sizes == {(160, 96), (320, 192)} and len(found.times_s) == 120


async def test_the_process_does_the_same_and_hides_its_key(tmp_path: Path) -> None:
    path = await asyncio.to_thread(write_journal, tmp_path / "journals" / "a", AUDIO, KEY)
    done = await run_remux("rec1", KEY, [path], tmp_path / "staging")
    assert done.parts[0].result.frames == 200
    assert await asyncio.to_thread(lambda: decoded(tmp_path, done.parts[0]).samples) == 4 * 48_000
    assert Remuxed.load(done.dump()) == done


async def test_a_failing_process_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SealingFailed, match=r"No such file"):
        await run_remux("rec1", KEY, [tmp_path / "nothing"], tmp_path / "staging")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SealingFailed, match="ended with 1"):
        await run_remux("rec1", KEY, [], tmp_path / "staging")


def test_answers_survive_json(tmp_path: Path) -> None:
    done = remuxed(tmp_path, CAMERA)
    assert Remuxed.load(json.dumps(json.loads(done.dump())).encode()) == done
