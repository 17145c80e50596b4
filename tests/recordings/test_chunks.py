"""Sealed files: any range equals the slice, any change is found, seeking writers leave what a plain file would hold."""

import io
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.chunks import (
    CHUNK_BYTES,
    PREAMBLE_BYTES,
    ChunkCipher,
    SealingFile,
    open_bytes,
    open_span,
    plain_size,
    read_sealed,
    seal_bytes,
    sealed_size,
    span,
)
from recordings.errors import Damaged

KEY = bytes(range(32))
NAME = "data/media/a/1.webm"
EDGES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]
CONTENT = bytes(i * 7 % 251 for i in range(max(EDGES)))


@pytest.mark.parametrize("size", EDGES)
def test_sizes_and_contents_come_back(size: int) -> None:
    sealed = seal_bytes(KEY, NAME, CONTENT[:size])
    assert len(sealed) == sealed_size(size) and plain_size(len(sealed)) == size
    assert open_bytes(KEY, NAME, sealed) == CONTENT[:size]
    assert CONTENT[:40] not in sealed or size < 40


@given(st.sampled_from(EDGES[1:]), st.data())
@settings(deadline=None, max_examples=100)
def test_a_range_is_the_slice_and_reads_no_more_chunks_than_it_touches(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    sealed = seal_bytes(KEY, NAME, CONTENT[:size])
    at = span(start, end)
    cipher = ChunkCipher(KEY, NAME, sealed[:PREAMBLE_BYTES])
    plain = b"".join(open_span(cipher, at, sealed[at.start : at.end], size))
    offset = at.first * CHUNK_BYTES
    assert plain[start - offset : end - offset] == CONTENT[start:end]
    assert at.count <= (end - start) // CHUNK_BYTES + 2


@given(st.integers(0, sealed_size(CHUNK_BYTES + 9) * 8 - 1))
@settings(deadline=None, max_examples=150)
def test_any_flipped_bit_is_found(bit: int) -> None:
    sealed = bytearray(seal_bytes(KEY, NAME, CONTENT[: CHUNK_BYTES + 9]))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        open_bytes(KEY, NAME, bytes(sealed))


def test_chunks_cannot_be_moved_dropped_cut_or_taken_for_another_file() -> None:
    sealed = seal_bytes(KEY, NAME, CONTENT[: 3 * CHUNK_BYTES])
    step = CHUNK_BYTES + 28
    head, one, two, three = sealed[:24], *(sealed[24 + n * step : 24 + (n + 1) * step] for n in range(3))
    orders = (two + one + three, one + two, one + three, one + two + three + three, one + two + three[:-1], b"")
    for forged in [*(head + order for order in orders), b""]:
        with pytest.raises(Damaged):
            open_bytes(KEY, NAME, forged)
    with pytest.raises(Damaged):
        open_bytes(KEY, "data/media/a/2.webm", sealed)
    with pytest.raises(Damaged):
        open_bytes(bytes(32), NAME, sealed)


step_st = st.tuples(st.integers(0, 14 * CHUNK_BYTES), st.integers(0, 3 * CHUNK_BYTES), st.booleans())


@given(st.lists(step_st, max_size=8))
@settings(deadline=None, max_examples=60)
def test_a_sealing_file_is_a_file(steps: list[tuple[int, int, bool]]) -> None:
    """Against BytesIO: seeks, gaps, overwriting and reading back, over more chunks than are held in memory."""
    model, raw = io.BytesIO(), RawBytes()
    sealing = SealingFile(raw, KEY, NAME)
    for position, length, is_read in steps:
        assert sealing.seek(position) == model.seek(position)
        if is_read:
            assert sealing.read(length) == model.read(length)
        else:
            written = (CONTENT * 4)[position % 100 : position % 100 + length]
            assert sealing.write(written) == model.write(written)
        assert sealing.tell() == model.tell()
    assert sealing.seek(0, 2) == model.seek(0, 2)
    sealing.close()
    assert open_bytes(KEY, NAME, raw.content()) == model.getvalue()


def test_an_unfinished_file_cannot_be_opened() -> None:
    raw = RawBytes()
    sealing = SealingFile(raw, KEY, NAME)
    sealing.write(CONTENT * 4)
    content = raw.content()
    sealing.abort()
    with pytest.raises(Damaged):
        open_bytes(KEY, NAME, content)


def test_reading_a_file_in_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "sealed"
    with path.open("w+b", buffering=0) as raw, SealingFile(raw, KEY, NAME) as sealing:
        sealing.write(CONTENT)
    with path.open("rb") as file:
        assert b"".join(read_sealed(file, KEY, NAME)) == CONTENT
    assert CONTENT[:64] not in path.read_bytes()


def test_chunks_written_again_use_new_nonces() -> None:
    raw = RawBytes()
    sealing = SealingFile(raw, KEY, NAME)
    seen = set()
    for _ in range(20):
        sealing.seek(0)
        sealing.write(CONTENT[: 12 * 1000])
        sealing.seek(0, 2)
        sealing.write(bytes(9 * CHUNK_BYTES))
        seen.add(raw.content()[PREAMBLE_BYTES : PREAMBLE_BYTES + 12])
    sealing.abort()
    assert len(seen) == 20


class RawBytes(io.FileIO):
    """An unnamed temporary file: pread and pwrite need a descriptor."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp()
        os.unlink(name)
        super().__init__(descriptor, "r+")

    def content(self) -> bytes:
        """Also after `close`."""
        return self._left if self.closed else os.pread(self.fileno(), 1 << 30, 0)

    def close(self) -> None:
        if not self.closed:
            self._left = self.content()
        super().close()
