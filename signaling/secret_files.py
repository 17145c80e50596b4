"""Files that hold secrets: written whole or not at all, readable by the server's account alone."""

import os
import tempfile
from pathlib import Path


def make_directory(path: Path) -> None:
    """Makes `path` (and parents) with mode 0700."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_secret(path: Path, content: bytes, *, replace: bool = False) -> None:
    """Writes `content` with mode 0600, durably.  FileExistsError when it is there and `replace` is false."""
    make_directory(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def readable_by_others(path: Path) -> bool:
    """Whether anybody but the owner may read `path`."""
    return bool(path.stat().st_mode & 0o077)
