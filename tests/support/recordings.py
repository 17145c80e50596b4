"""Sealed recordings in a running server, from journals that were written as a media worker writes them."""

import asyncio

from scheduler.ids import ConsultationId
from signaling.keys import ARCHIVE
from tests.support.archive import STARTED_AT, dossier
from tests.support.consultations import talk
from tests.support.rtp import AUDIO, CAMERA, write_journal
from tests.support.server import Browser, Server


async def sealed_recording(server: Server, clerk: Browser) -> tuple[ConsultationId, str]:
    """A consultation that has ended, and the id of its sealed recording (one microphone, one camera)."""
    talked = await talk(server, clerk)
    # The generated journals tell of that time.
    server.clock.set_wall(STARTED_AT)
    archive = server.app[ARCHIVE]
    begun = await archive.begin(talked.consultation_id, server.orgs["east"])
    for source in (AUDIO, CAMERA):
        path = begun.directory / source.publication_id / f"{source.part:04d}.journal"
        await asyncio.to_thread(write_journal, path, source, begun.key, "ended", begun.recording_id)
    await archive.finish(begun.recording_id, dossier(talked.consultation_id, minutes=0.1))
    return talked.consultation_id, begun.recording_id
