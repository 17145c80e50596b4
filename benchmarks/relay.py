"""`lawlink bench relay`: what one media worker costs per forwarded packet, and what it adds to latency.

The worker runs as its own process on one core, the load generator on another, over loopback, with every feature on:
reports, REMB, one video packet in a hundred asked for again, statistics, and recording with `--record`. CPU figures
hold for an idle machine; on a busy one quote ratios taken in one run (`--peer`).
"""

import argparse
import asyncio
import base64
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.support import janus, recorded_media
from benchmarks.support.load import Client, Figures, Generator, own_cpu_s
from benchmarks.support.processes import Api, cpu_s, pin, process, rss_mb
from benchmarks.support.recorded_media import Frames
from benchmarks.support.results import publish

WARM_UP_S = 2.0
STOCK_CONSULTATIONS = 1


async def join(api: Api, room_id: str, name: str, frames: dict[str, Frames]) -> tuple[str, Client]:
    """One connected participant, and its peer id."""
    reply = await api.call("POST", f"/v1/rooms/{room_id}/participants/{name}/peers", {})
    client, offer = Client(frames), reply["offer"]
    answer = {"version": offer["version"], "sdp": client.answer(offer["sdp"])}
    await api.call("POST", f"/v1/peers/{reply['peer_id']}/answer", answer)
    await client.connect(offer["sdp"])
    return reply["peer_id"], client


async def consult(api: Api, room_id: str, frames: dict[str, Frames], after: int) -> tuple[list[Client], int]:
    """Two participants in a room, both connected and subscribed; and the number of the last event."""
    await api.call("PUT", f"/v1/rooms/{room_id}", {})
    first_id, first = await join(api, room_id, "clerk", frames)
    _, second = await join(api, room_id, "lawyer", frames)
    while True:
        reply = await api.call("GET", f"/v1/events?after={after}&wait_s=5")
        after = reply["next"]
        for event in reply["events"]:
            if event["kind"] == "offer" and event["peer_id"] == first_id:
                offer = event["offer"]
                answer = {"version": offer["version"], "sdp": first.answer(offer["sdp"])}
                await api.call("POST", f"/v1/peers/{first_id}/answer", answer)
                return [first, second], after


def measure(pid: int, clients: list[Client], consultations: int, seconds: float, stamp: bool = True) -> dict[str, Any]:
    """Load for `seconds` after a warm-up, and what it cost the process."""
    generator = Generator(clients, stamp)
    generator.run(WARM_UP_S)
    before, own_before, started = cpu_s(pid), own_cpu_s(), time.monotonic()
    figures = generator.run(seconds)
    used, own, elapsed = cpu_s(pid) - before, own_cpu_s() - own_before, time.monotonic() - started
    return _row(figures) | {
        "consultations": consultations,
        "seconds": round(elapsed, 2),
        "cpu_us_per_packet": round(used / max(1, figures.received) * 1e6, 2),
        "cpu_percent": round(100 * used / elapsed, 1),
        "cpu_percent_per_consultation": round(100 * used / elapsed / consultations, 2),
        "generator_cpu_percent": round(100 * own / elapsed, 1),
        "rss_mb": round(rss_mb(pid), 1),
    }


def _row(figures: Figures) -> dict[str, Any]:
    return {
        "sent": figures.sent,
        "forwarded": figures.received,
        "loss": round(max(0.0, 1 - figures.received / max(1, figures.sent)), 5),
        "p50_ms": figures.percentile(0.5),
        "p99_ms": figures.percentile(0.99),
        "nacks": figures.nacks,
        "resent": figures.resent,
        "undecryptable": figures.bad,
    }


async def bench_worker(consultations: int, seconds: float, record: bool, frames: dict[str, Frames]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        control, journals = Path(directory, "control"), Path(directory, "journals")
        flags = [
            "--control",
            f"unix:{control}",
            "--host",
            "127.0.0.1",
            "--journals",
            str(journals),
            "--reserve-mb",
            "0",
        ]
        flags += ["--max-rooms", str(consultations), "--max-peers", str(2 * consultations)]
        async with process("media", *flags, "--max-recordings", str(consultations)) as worker:
            api = Api(control)
            idle = rss_mb(worker.pid)
            clients: list[Client] = []
            last = 0
            for number in range(consultations):
                pair, last = await consult(api, f"room{number}", frames, last)
                clients += pair
                if record:
                    await api.call("POST", f"/v1/rooms/room{number}/recording", _recording(number))
            for client in clients:
                client.release()
            stop = asyncio.Event()
            contact = asyncio.create_task(_keep_contact(control, stop))
            row = await asyncio.to_thread(measure, worker.pid, clients, consultations, seconds)
            stop.set()
            await contact
            row["dropped"] = await _dropped(api)
            row |= {"recording": record, "rss_mb_per_consultation": round((row["rss_mb"] - idle) / consultations, 2)}
            if record:
                row["journal_mb"] = _journal_mb(journals)
            await api.close()
            for client in clients:
                await client.close()
            return row


async def _dropped(api: Api) -> dict[str, int]:
    """Where the worker has dropped packets; what is lost beyond that was lost in socket buffers."""
    stats = await api.call("GET", "/v1/stats")
    published = [stream for peer in stats["peers"] for stream in peer["publications"]]
    late, missing = sum(p["late"] for p in published), sum(p["loss"] for p in published)
    dropped: dict[str, int] = stats["dropped"]
    return dropped | {"late": late, "missing": missing, "received": stats["received"]}


def _journal_mb(journals: Path) -> float:
    return round(sum(path.stat().st_size for path in journals.rglob("*.journal")) / 1e6, 1)


def _recording(number: int) -> dict[str, str]:
    key = base64.b64encode(os.urandom(32)).decode()
    return {"recording_id": f"rec{number}", "key": key, "directory": f"rec{number}"}


async def _keep_contact(control: Path, stop: asyncio.Event) -> None:
    """A worker without contact stops recording after 10 s."""
    api = Api(control)
    while not stop.is_set():
        await api.call("POST", "/v1/contact", {})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 2.0)
    await api.close()


async def bench_stock(seconds: float, frames: dict[str, Frames]) -> dict[str, Any]:
    """aiortc's MediaRelay under one consultation; it changes every packet, so there is no latency to compare."""
    with tempfile.TemporaryDirectory() as directory:
        control = Path(directory, "control")
        async with process("benchmarks.support.stock_relay", str(control)) as server:
            api = Api(control)
            clients: list[Client] = []
            for _ in range(STOCK_CONSULTATIONS):
                opened = await api.call("POST", "/consultations", {})
                pair = [Client(frames, lite=True) for _ in opened["offers"]]
                answers = [client.answer(offer) for client, offer in zip(pair, opened["offers"], strict=True)]
                await api.call("POST", f"/consultations/{opened['id']}/answers", {"answers": answers})
                await asyncio.gather(*(c.connect(o) for c, o in zip(pair, opened["offers"], strict=True)))
                clients += pair
            for client in clients:
                client.release()
            row = await asyncio.to_thread(measure, server.pid, clients, STOCK_CONSULTATIONS, seconds, False)
            await api.close()
            for client in clients:
                await client.close()
            return row


async def bench_janus(consultations: int, seconds: float, frames: dict[str, Frames]) -> dict[str, Any]:
    """Debian's Janus under the same load, or why not."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            async with janus.running(Path(directory)) as (process, session, host):
                clients: list[Client] = []
                for room in range(1, consultations + 1):
                    clients += await janus.consult(session, host, room, frames)
                for client in clients:
                    client.release()
                row = await asyncio.to_thread(measure, process.pid, clients, consultations, seconds)
                for client in clients:
                    await client.close()
        except janus.JanusUnavailable as reason:
            return {"unavailable": str(reason)}
    return row


async def run(flags: argparse.Namespace) -> dict[str, Any]:
    frames = recorded_media.make()
    pin(os.getpid(), first=False)
    result = await bench_worker(flags.consultations, flags.seconds, flags.record, frames)
    result["load_average"] = round(os.getloadavg()[0], 2)
    for peer in flags.peer:
        if peer == "stock":
            result["stock"] = await bench_stock(flags.seconds, frames)
        else:
            result["janus"] = await bench_janus(flags.consultations, flags.seconds, frames)
    return result


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="lawlink bench relay", description=__doc__)
    flags.add_argument("--consultations", type=int, default=32, metavar="N")
    flags.add_argument("--seconds", type=float, default=8.0, metavar="S", help="length of the measurement")
    flags.add_argument("--record", action="store_true", help="record every consultation as well")
    choice = ["stock", "janus"]
    flags.add_argument("--peer", choices=choice, action="append", default=[], help="measure another relay as well")
    flags.add_argument("--json", action="store_true", help="print one JSON object")
    return flags


def main(arguments: list[str] | None = None, name: str = "relay") -> int:
    flags = parser().parse_args(arguments)
    result = asyncio.run(run(flags))
    publish(name, result, flags.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
