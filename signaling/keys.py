"""What the application holds, each under its typed key."""

from typing import Final

from aiohttp import web

from scheduler.clock import Clock
from scheduler.db import Sessions
from scheduler.identity import IdentityCipher
from scheduler.people import Passwords
from signaling.settings import Settings

SETTINGS: Final = web.AppKey("settings", Settings)
CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
# Writing sessions take turns (scheduler.db); READS are for looking only.
SESSIONS: Final[web.AppKey[Sessions]] = web.AppKey("sessions")
READS: Final[web.AppKey[Sessions]] = web.AppKey("reads")
PASSWORDS: Final = web.AppKey("passwords", Passwords)
CIPHER: Final = web.AppKey("cipher", IdentityCipher)
