"""The numbered stream of events."""

import asyncio

from media.events import EventLog


async def test_events_are_numbered_from_one() -> None:
    log = EventLog()
    log.append({"kind": "a"})
    log.append({"kind": "b"})
    assert log.after(0) == ([{"n": 1, "kind": "a"}, {"n": 2, "kind": "b"}], False)
    assert log.after(1) == ([{"n": 2, "kind": "b"}], False)
    assert log.after(2) == ([], False)


async def test_forgotten_events_are_a_gap() -> None:
    log = EventLog(memory=3)
    for _ in range(5):
        log.append({})
    assert log.after(1) == ([{"n": 3}, {"n": 4}, {"n": 5}], True)
    assert log.after(2) == ([{"n": 3}, {"n": 4}, {"n": 5}], False)


async def test_numbers_of_another_stream_are_a_gap() -> None:
    log = EventLog()
    log.append({})
    assert log.after(7)[1]


async def test_waiting_ends_with_the_next_event() -> None:
    log = EventLog()
    waiting = [asyncio.create_task(log.wait_after(0, 30.0)) for _ in range(3)]
    await asyncio.sleep(0)
    log.append({})
    await asyncio.wait_for(asyncio.gather(*waiting), 5.0)


async def test_waiting_ends_by_itself() -> None:
    log = EventLog()
    await asyncio.wait_for(log.wait_after(0, 0.01), 5.0)
    log.append({})
    await asyncio.wait_for(log.wait_after(0, 30.0), 5.0)
