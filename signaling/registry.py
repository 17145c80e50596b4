"""Who is connected: one session per person and workspace, surviving reconnects; each with one bounded outbox."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from scheduler.access import Viewer
from scheduler.ids import LogInId, new_id
from signaling import messages
from signaling.messages import Hello, Message

OUTBOX_MESSAGES: Final = 256
SESSION_OUTLIVES_S: Final = 600.0
"""How long the line keeps a place and a room a participant after the connection was lost."""

ABSENT_AFTER_S: Final = 5.0
"""A reload or a short outage is over by then; nobody is told that somebody is away before."""

Workspace = Literal["station", "lawyer"]


class Outbox:
    """What is still to be written to one connection.

    A reader too slow for `OUTBOX_MESSAGES` is let go: it reconnects and gets the whole state.
    """

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Message] = asyncio.Queue(OUTBOX_MESSAGES)
        self.closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def put(self, message: Message) -> None:
        if self.closing.done():
            return
        if self.queue.full():
            self.close(messages.CLOSE_SLOW, "outbox full")
        else:
            self.queue.put_nowait(message)

    def close(self, code: int, reason: str) -> None:
        if not self.closing.done():
            self.closing.set_result((code, reason))


@dataclass(slots=True)
class Session:
    """One person's signalling conversation in one workspace."""

    session_id: str
    viewer: Viewer
    workspace: Workspace
    window: str
    resume: str
    outbox: Outbox | None = None
    detached_at: float | None = None
    reported_absent: bool = False
    consultation_id: str | None = None

    def send(self, message: Message) -> None:
        if self.outbox is not None:
            self.outbox.put(message)


class Registry:
    def __init__(self) -> None:
        self._sessions: dict[tuple[str, Workspace], Session] = {}

    def attach(self, viewer: Viewer, hello: Hello, outbox: Outbox) -> tuple[Session, bool]:
        """Binds a connection; an older one of the same person and workspace is told `replaced` and closed.

        Returns the session and whether it is the one that `hello.resume` names."""
        at = (str(viewer.person_id), hello.workspace)
        session = self._sessions.get(at)
        resumed = session is not None and secrets.compare_digest(hello.resume or "-", session.resume)
        if session is None:
            session = Session(new_id(), viewer, hello.workspace, hello.window, "")
            self._sessions[at] = session
        elif session.outbox is not None:
            if session.window != hello.window:
                session.outbox.put(messages.event("replaced"))
            session.outbox.close(messages.CLOSE_REPLACED, "another window")
        session.viewer, session.window, session.outbox = viewer, hello.window, outbox
        session.detached_at, session.reported_absent = None, False
        session.resume = secrets.token_urlsafe(24)
        return session, resumed

    def detach(self, session: Session, outbox: Outbox, now: float) -> bool:
        """The connection ended. Returns False when a newer one has already taken its place."""
        if session.outbox is not outbox:
            return False
        session.outbox, session.detached_at = None, now
        return True

    def newly_absent(self, now: float) -> list[Session]:
        """Sessions without a connection for `ABSENT_AFTER_S`; each is returned once."""
        absent = [s for s in self._sessions.values() if s.detached_at is not None and not s.reported_absent]
        absent = [s for s in absent if now - (s.detached_at or now) > ABSENT_AFTER_S]
        for session in absent:
            session.reported_absent = True
        return absent

    def anybody_at(self, org_id: str) -> bool:
        return any(s.outbox is not None for s in self.of_street(org_id))

    def expire(self, now: float) -> list[Session]:
        """Removes and returns the sessions nobody came back to."""
        sessions = list(self._sessions.values())
        gone = [s for s in sessions if s.detached_at is not None and now - s.detached_at > SESSION_OUTLIVES_S]
        for session in gone:
            del self._sessions[(str(session.viewer.person_id), session.workspace)]
        return gone

    def find(self, person_id: str, workspace: Workspace) -> Session | None:
        return self._sessions.get((str(person_id), workspace))

    def of(self, workspace: Workspace) -> Iterator[Session]:
        return iter([s for s in self._sessions.values() if s.workspace == workspace])

    def of_street(self, org_id: str) -> Iterator[Session]:
        return iter([s for s in self.of("station") if str(s.viewer.org_id) == org_id])

    def log_ins(self) -> Iterator[LogInId]:
        """Of everybody who is connected."""
        return iter([s.viewer.log_in_id for s in self._sessions.values() if s.outbox is not None])

    def end_log_in(self, log_in_id: str) -> None:
        """The log-in was ended or revoked: its connections close."""
        for session in list(self._sessions.values()):
            if str(session.viewer.log_in_id) == log_in_id and session.outbox is not None:
                session.outbox.close(messages.CLOSE_LOG_IN_ENDED, "log-in ended")

    def close_all(self, code: int, reason: str) -> None:
        for session in self._sessions.values():
            if session.outbox is not None:
                session.outbox.close(code, reason)

    def __len__(self) -> int:
        return sum(s.outbox is not None for s in self._sessions.values())
