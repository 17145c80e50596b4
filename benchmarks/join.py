"""`lawlink bench join`: from making an offer to the first forwarded packet at the joiner; median over many joins.

One participant is in the room and sends; another joins: offer, answer, ICE, DTLS, first SRTP packet.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.relay import join
from benchmarks.support import recorded_media
from benchmarks.support.load import Generator
from benchmarks.support.processes import Api, process
from benchmarks.support.recorded_media import Frames
from benchmarks.support.results import publish

TARGET_MS = 60.0
DEADLINE_S = 10.0


async def one_join(api: Api, room_id: str, frames: dict[str, Frames]) -> float:
    """Milliseconds from the request for an offer to the first forwarded packet."""
    await api.call("PUT", f"/v1/rooms/{room_id}", {})
    _, sender = await join(api, room_id, "clerk", frames)
    sender.release()
    sending = asyncio.create_task(asyncio.to_thread(Generator([sender], stamp=False).run, 1.0, 0.0))
    await asyncio.sleep(0.2 + random.random() * 0.05)
    start = time.monotonic()
    _, joiner = await join(api, room_id, "lawyer", frames)
    async with asyncio.timeout(DEADLINE_S):
        while not joiner.first_packet_at:  # noqa: ASYNC110 - set by the socket's reader
            await asyncio.sleep(0.001)
    taken = (joiner.first_packet_at - start) * 1000
    await joiner.close()
    await sending
    await sender.close()
    await api.call("DELETE", f"/v1/rooms/{room_id}")
    return taken


async def run(joins: int) -> dict[str, Any]:
    frames = recorded_media.make()
    with tempfile.TemporaryDirectory() as directory:
        control = Path(directory, "control")
        async with process("media", "--control", f"unix:{control}", "--host", "127.0.0.1"):
            api = Api(control)
            taken = sorted([await one_join(api, f"room{number}", frames) for number in range(joins)])
            await api.close()
    return {
        "joins": joins,
        "median_ms": round(statistics.median(taken), 1),
        "p95_ms": round(taken[min(joins - 1, int(0.95 * joins))], 1),
        "min_ms": round(taken[0], 1),
        "max_ms": round(taken[-1], 1),
        "target_ms": TARGET_MS,
    }


def main(arguments: list[str] | None = None) -> int:
    flags = argparse.ArgumentParser(prog="lawlink bench join", description=__doc__)
    flags.add_argument("--joins", type=int, default=50, metavar="N")
    flags.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = flags.parse_args(arguments)
    publish("join", asyncio.run(run(chosen.joins)), chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
