"""What the application holds, each under its typed key."""

from typing import TYPE_CHECKING, Final

from aiohttp import web

from recordings.archive import Archive
from recordings.replay import Replays
from scheduler.clock import Clock
from scheduler.db import Sessions
from scheduler.identity import IdentityCipher
from scheduler.people import Passwords
from signaling.settings import Settings

if TYPE_CHECKING:
    from signaling.live import Live

SETTINGS: Final = web.AppKey("settings", Settings)
CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
# Writing sessions take turns (scheduler.db); READS are for looking only.
SESSIONS: Final[web.AppKey[Sessions]] = web.AppKey("sessions")
READS: Final[web.AppKey[Sessions]] = web.AppKey("reads")
PASSWORDS: Final = web.AppKey("passwords", Passwords)
CIPHER: Final = web.AppKey("cipher", IdentityCipher)
ARCHIVE: Final = web.AppKey("archive", Archive)
REPLAYS: Final = web.AppKey("replays", Replays)
LIVE: Final[web.AppKey["Live"]] = web.AppKey("live")
