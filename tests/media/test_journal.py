"""The journal: what is read is what was written, any truncation recovers, any changed bit is found."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.journal import (
    BLOCK_BYTES,
    BLOCK_US,
    BUFFER_LIMIT,
    LOST_MS_MAX,
    RECORD_LIMIT,
    JournalAltered,
    JournalBusy,
    JournalError,
    JournalHeader,
    JournalReader,
    JournalTruncated,
    JournalWriter,
    Kind,
    Record,
    recover,
)

KEY = bytes(range(32))
HEADER = JournalHeader(
    "rec1", "clerk.camera", "clerk", "camera", 1, "vp8", 96, 0x1234, 90_000, "boot", 1_700_000_000_000_000, 5
)
SECRET = "张三说了什么".encode()

records_st = st.lists(
    st.builds(
        Record,
        st.sampled_from(Kind),
        st.integers(0, 2**63),
        st.integers(0, 2**63),
        st.binary(max_size=300),
    ),
    max_size=12,
)


def write(path: Path, blocks: list[list[Record]], close: str | None = "ended") -> list[int]:
    """A journal with the given blocks; returns the file's length after each commit."""
    writer = JournalWriter.create(path, HEADER, KEY)
    lengths = [path.stat().st_size]
    for block in blocks:
        for record in block:
            writer.append(record.kind, record.payload, record.mono_us, record.wall_us)
        pending = writer.take()
        assert (pending is None) == (not block)
        if pending is not None:
            writer.commit(pending)
            lengths.append(path.stat().st_size)
    if close is None:
        writer._file.close()
    else:
        writer.close(close)
    return lengths


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory per example: hypothesis reuses function-scoped fixtures."""
    with TemporaryDirectory() as directory:
        yield Path(directory) / "part"


def some_blocks(count: int, size: int = 40) -> list[list[Record]]:
    return [[Record(Kind.RTP, 1000 * n, 2000 * n, SECRET + bytes([n]) * size)] for n in range(count)]


@given(st.lists(records_st, max_size=5))
@settings(deadline=None, max_examples=50)
def test_reads_back_what_was_written(blocks: list[list[Record]]) -> None:
    with scratch() as path:
        write(path, blocks)
        reader = JournalReader(path, KEY)
        assert reader.header == HEADER
        assert list(reader) == [record for block in blocks for record in block]
        assert (reader.closed, reader.close_reason, reader.recovery) == (True, "ended", None)
        assert list(reader) == [record for block in blocks for record in block], "a second pass reads the same"


def test_summary_names_the_head_the_reader_arrives_at(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path / "part", HEADER, KEY)
    writer.append(Kind.RTP, b"left over", 1, 2)
    summary = writer.close("ended")
    reader = JournalReader(summary.path, KEY)
    reader.verify()
    assert (summary.head_hex, summary.blocks) == (reader.head_hex, reader.blocks) == (reader.head_hex, 3)
    assert summary.bytes == summary.path.stat().st_size == reader.good_bytes


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_any_truncation_recovers_a_valid_prefix(data: st.DataObject) -> None:
    blocks = some_blocks(5)
    with scratch() as path:
        lengths = write(path, blocks, close=data.draw(st.sampled_from([None, "ended"])))
        cut = data.draw(st.integers(lengths[0], path.stat().st_size - 1))
        os.truncate(path, cut)
        whole = sum(length <= cut for length in lengths[1:])
        found = recover(path, KEY)
        reader = JournalReader(path, KEY)
        assert list(reader) == [record for block in blocks[:whole] for record in block]
        assert (reader.closed, reader.close_reason) == (True, "crash")
        assert reader.recovery == {"truncated_bytes": found.truncated_bytes, "lost_ms_max": LOST_MS_MAX}
        assert found.truncated_bytes == cut - max(length for length in lengths if length <= cut)
        assert (found.head_hex, found.blocks) == (reader.head_hex, reader.blocks)
        assert recover(path, KEY).head_hex == found.head_hex, "a second recovery changes nothing"


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_any_flipped_bit_is_found(data: st.DataObject) -> None:
    with scratch() as path:
        write(path, some_blocks(3))
        content = bytearray(path.read_bytes())
        bit = data.draw(st.integers(0, len(content) * 8 - 1))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(JournalError):
            JournalReader(path, KEY).verify()


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_recovery_refuses_damage_that_is_no_torn_end(data: st.DataObject) -> None:
    with scratch() as path:
        lengths = write(path, some_blocks(4))
        content = bytearray(path.read_bytes())
        bit = data.draw(st.integers(lengths[0] * 8, lengths[-1] * 8 - 1))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(JournalError):
            recover(path, KEY)
        assert path.read_bytes() == content


def test_zeros_after_a_power_loss_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "part"
    lengths = write(path, some_blocks(2), close=None)
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert recover(path, KEY).truncated_bytes == 5000
    assert lengths[-1] < path.stat().st_size < lengths[-1] + 200
    assert len(list(JournalReader(path, KEY))) == 2


def test_a_torn_header_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "part"
    lengths = write(path, [])
    for cut in (0, 10, 24, lengths[0] - 1):
        os.truncate(path, cut)
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(JournalError):
            recover(path, KEY)


def test_blocks_cannot_be_swapped_dropped_or_taken_from_another_file(tmp_path: Path) -> None:
    blocks = some_blocks(3)
    edges = write(tmp_path / "a", blocks)
    write(tmp_path / "b", blocks)
    content, other = (tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()
    first, second = content[edges[0] : edges[1]], content[edges[1] : edges[2]]
    forged = {
        "swapped": content[: edges[0]] + second + first + content[edges[2] :],
        "dropped": content[: edges[0]] + content[edges[1] :],
        "repeated": content[: edges[1]] + first + content[edges[1] :],
        "foreign": content[: edges[0]] + other[edges[0] : edges[1]] + content[edges[1] :],
        "longer": content + second,
    }
    for name, bytes_ in forged.items():
        (tmp_path / name).write_bytes(bytes_)
        with pytest.raises(JournalAltered):
            JournalReader(tmp_path / name, KEY).verify()


def test_another_key_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "part", some_blocks(1))
    with pytest.raises(JournalAltered, match="key"):
        JournalReader(tmp_path / "part", bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        JournalReader(tmp_path / "part", b"short")


def test_nothing_plain_on_disk(tmp_path: Path) -> None:
    write(tmp_path / "part", some_blocks(3))
    content = (tmp_path / "part").read_bytes()
    for plain in (SECRET, b"clerk", b"rec1", b"ended", b"vp8"):
        assert plain not in content
    assert (tmp_path / "part").stat().st_mode & 0o777 == 0o600


def test_files_of_the_same_content_share_no_block(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, some_blocks(1))
    assert (tmp_path / "a").read_bytes()[16:] != (tmp_path / "b").read_bytes()[16:]


def test_due_after_a_second_or_a_full_block(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path / "part", HEADER, KEY)
    assert not writer.due(10 * BLOCK_US) and writer.take() is None
    writer.append(Kind.RTP, b"x", 100, 0)
    assert not writer.due(100 + BLOCK_US - 1)
    assert writer.due(100 + BLOCK_US)
    for _ in range(BLOCK_BYTES // 1000):
        writer.append(Kind.RTP, bytes(1000), 100, 0)
    assert writer.due(100)
    writer.close("ended")


def test_a_stalled_disk_costs_counted_records_not_memory(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path / "part", HEADER, KEY)
    for n in range(BUFFER_LIMIT // 60_000 + 10):
        writer.append(Kind.RTP, bytes(60_000), n, n)
    writer.close("ended")
    *kept, note = JournalReader(tmp_path / "part", KEY)
    assert sum(len(record.payload) for record in kept) <= BUFFER_LIMIT
    assert note.kind is Kind.CONTROL
    assert note.payload == b'{"event":"overflow","dropped":%d}' % (BUFFER_LIMIT // 60_000 + 10 - len(kept))
    assert note.mono_us == len(kept)


def test_records_are_bounded(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path / "part", HEADER, KEY)
    with pytest.raises(ValueError, match="at most"):
        writer.append(Kind.RTP, bytes(RECORD_LIMIT + 1), 0, 0)
    writer.append(Kind.RTP, memoryview(bytearray(RECORD_LIMIT)), 0, 0)
    writer.close("ended")


def test_a_part_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "part", some_blocks(1))
    content = (tmp_path / "part").read_bytes()
    with pytest.raises(FileExistsError):
        JournalWriter.create(tmp_path / "part", replace(HEADER, part=2), KEY)
    assert (tmp_path / "part").read_bytes() == content


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_full_disk_leaves_the_prefix_and_allows_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "part"
    writer = JournalWriter.create(path, HEADER, KEY)
    length = path.stat().st_size
    writer.append(Kind.RTP, SECRET, 1, 2)
    block = writer.take()
    assert block is not None

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="no space"):
            writer.commit(block)
    assert path.stat().st_size == length
    writer.commit(block)
    writer.close("ended")
    assert [record.payload for record in JournalReader(path, KEY)] == [SECRET]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, view, offset: pwrite(fd, view[:7], offset))
    write(tmp_path / "part", some_blocks(2))
    assert len(list(JournalReader(tmp_path / "part", KEY))) == 2


def test_nonces_never_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed attempt, its repetition and the end block each take a new counter; recovery takes a new salt."""
    path = tmp_path / "part"
    writer = JournalWriter.create(path, HEADER, KEY)
    seen: list[bytes] = []
    pwrite = os.pwrite

    def watched(descriptor: int, view: memoryview, offset: int) -> int:
        seen.append(bytes(view[:16]))
        return pwrite(descriptor, view, offset)

    def gone(_: int) -> None:
        raise OSError("gone")

    monkeypatch.setattr(os, "pwrite", watched)
    writer.append(Kind.RTP, SECRET, 1, 2)
    block = writer.take()
    assert block is not None
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", gone)
        with pytest.raises(OSError, match="gone"):
            writer.commit(block)
    writer.commit(block)
    writer.close("ended")
    counters = [prefix[8:] for prefix in seen]
    assert len(counters) == len(set(counters)) == 3


def test_truncated_and_altered_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "part"
    write(path, some_blocks(2), close=None)
    reader = JournalReader(path, KEY)
    reader.verify()
    assert not reader.closed and reader.close_reason is None
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(JournalTruncated, match="recover"):
        JournalReader(path, KEY).verify()


def test_recovery_keeps_away_from_a_living_writer(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path / "part", HEADER, KEY)
    with pytest.raises(JournalBusy, match="try again"):
        recover(tmp_path / "part", KEY)
    summary = writer.close("ended")
    assert recover(tmp_path / "part", KEY).head_hex == summary.head_hex
