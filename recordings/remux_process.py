"""Runs `python -m recordings.remux` beside the server, with the key on its standard input."""

import asyncio
import errno
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from recordings.errors import SealingFailed, StorageFull
from recordings.parts import Remuxed

TIMEOUT_S = 3600.0
_ROOT = Path(__file__).resolve().parent.parent
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


async def run_remux(recording_id: str, key: bytes, journals: Iterable[Path], staging: Path) -> Remuxed:
    """Write the parts of all journals under `staging` (absolute paths). Raises StorageFull, SealingFailed. A cancelled
    call leaves no process.
    """
    order = {
        "recording_id": recording_id,
        "key": key.hex(),
        "journals": [str(path) for path in journals],
        "staging": str(staging),
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "recordings.remux", stdin=pipe, stdout=pipe, stderr=pipe, cwd=_ROOT
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer, noise = await process.communicate(json.dumps(order).encode())
    except TimeoutError as error:
        raise SealingFailed(f"remuxing {recording_id} took more than {TIMEOUT_S:.0f} s and was ended") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return Remuxed.load(answer)
    if answer.startswith(b'{"errno"'):
        failure = json.loads(answer)
        if failure["errno"] in _NO_ROOM:
            raise StorageFull(f"no room to remux {recording_id}: free some, sealing goes on by itself")
        raise SealingFailed(f"remuxing {recording_id} failed: {failure['text']}")
    lines = noise.decode(errors="replace").strip().splitlines()
    raise SealingFailed(f"remuxing {recording_id} ended with {process.returncode}: {lines[-1] if lines else 'no word'}")
