"""From journals to a sealed bag and back: what was recorded is in it, nothing plain lies on disk, crashes lose
nothing.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import bagit

from recordings.models import RecordingState
from recordings.verify import verify_bag
from scheduler import audit
from tests.support.archive import World, dossier
from tests.support.rtp import AUDIO, CAMERA

LAWYER_AUDIO = replace(AUDIO, participant_id="lawyer", ssrc=0xF00D)


async def test_a_recording_is_sealed_exported_and_verified(world: World, tmp_path: Path) -> None:
    consultation_id = await world.consultation()
    recording_id = await world.record(consultation_id, AUDIO, CAMERA, LAWYER_AUDIO)
    await world.archive.note_state(recording_id, RecordingState.RECORDING)
    sealed = await world.archive.finish(recording_id, dossier(consultation_id))
    assert (sealed.state, sealed.complete) == (RecordingState.SEALED, True)
    assert 3.9 < sealed.duration_s < 4.2
    assert world.plain_bytes_on_disk() == []
    assert list(world.journals.rglob("*.journal")) == []

    verdict = await world.archive.check(recording_id)
    assert verdict.verdict == "intact", verdict.findings
    assert [line.ok for line in verdict.lines] == [True] * 4

    bag = await world.archive.export(recording_id, tmp_path / "out")
    assert await asyncio.to_thread(lambda: bagit.Bag(str(bag)).is_valid())
    found = await asyncio.to_thread(verify_bag, bag)
    assert (found.verdict, found.findings, found.exit_code) == ("intact", [], 0)
    async with world.database.reads() as db:
        assert (await audit.verify_chain(db)).ok
