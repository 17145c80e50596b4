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
    consultation_id, recording_id = await unsealed_recording(server, clerk)
    await server.app[ARCHIVE].finish(recording_id, dossier(consultation_id, minutes=0.1))
    return consultation_id, recording_id


async def unsealed_recording(server: Server, clerk: Browser) -> tuple[ConsultationId, str]:
    """The same with closed journals and no seal yet."""
    talked = await talk(server, clerk)
    # The generated journals tell of that time.
    server.clock.set_wall(STARTED_AT)
    begun = await server.app[ARCHIVE].begin(talked.consultation_id, server.orgs["east"])
    for source in (AUDIO, CAMERA):
        path = begun.directory / source.publication_id / f"{source.part:04d}.journal"
        await asyncio.to_thread(write_journal, path, source, begun.key, "ended", begun.recording_id)
    return talked.consultation_id, begun.recording_id
