"""A stored bag as a plain BagIt directory, for a court or the archive authority."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from recordings.bag_reader import BagReader
from recordings.errors import RecordingError


class ExportRefused(RecordingError):
    """The target directory cannot take a bag; the text says why."""


async def write_bag(reader: BagReader, directory: Path) -> None:
    """Write every file beside `directory` and rename at the end: a bag is there whole or not at all.

    Raises ExportRefused (exists and is not empty, or cannot be written), NotFound, Damaged.
    """
    partial = directory.with_name(f".{directory.name}.partial")
    try:
        await asyncio.to_thread(_prepare, directory, partial)
        for path in reader.files:
            await _write_file(reader, path, partial / path)
        await asyncio.to_thread(_finish, partial, directory)
    except OSError as error:
        raise ExportRefused(f"cannot export to {directory}: {error.strerror}") from error
    finally:
        await asyncio.to_thread(shutil.rmtree, partial, True)


async def _write_file(reader: BagReader, path: str, target: Path) -> None:
    file = await asyncio.to_thread(_create, target)
    try:
        async for chunk in reader.stream(path, 0, reader.size(path)):
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(os.fsync, file.fileno())
    finally:
        file.close()


def _prepare(directory: Path, partial: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ExportRefused(f"{directory} exists and is not an empty directory: name a new one")
    directory.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()


def _create(target: Path) -> BinaryIO:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("xb", buffering=0)


def _finish(partial: Path, directory: Path) -> None:
    partial.rename(directory)
    descriptor = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
