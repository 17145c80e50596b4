"""Log lines: one JSON object each, with what the request or connection is about.

Never logged: bodies, query strings, cookies, passwords, keys, tokens, names of visitors.  Paths are logged as route
patterns (`/api/visits/{visit_id}`), because a path may carry a one-time token.
"""

import json
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

CONTEXT: ContextVar[dict[str, str]] = ContextVar("log_context")
INCIDENT_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Adds `fields` to every line logged inside, also by tasks started inside."""
    token = CONTEXT.set({**CONTEXT.get({}), **fields})
    try:
        yield
    finally:
        CONTEXT.reset(token)


def new_incident() -> str:
    """A number to quote on the telephone: six characters, none that are misread for another."""
    return "".join(secrets.choice(INCIDENT_ALPHABET) for _ in range(6))


def _extra(record: logging.LogRecord) -> dict[str, object]:
    own = {name: value for name, value in vars(record).items() if name not in STANDARD}
    return {**CONTEXT.get({}), **own}


class JsonFormatter(logging.Formatter):
    """`{"at", "level", "logger", "message", …context, …extra, "traceback"?}` in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in _extra(record).items() if name not in line})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """The same for people at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _extra(record).items())
        line = super().formatMessage(record)
        return f"{line}  [{fields}]" if fields else line


def configure(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Sends every logger to `stream`; `form` is `json` or `text`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("aiohttp.access", "alembic", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
