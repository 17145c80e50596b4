import io
import json
import logging
from collections.abc import Iterator

import pytest

from signaling import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_its_context(stream: io.StringIO) -> None:
    with logs.about(request="r1"), logs.about(person="p1"):
        logging.getLogger("test").info("saved %s", "v1", extra={"visit": "v1"})
    logging.getLogger("test").info("after")
    first, second = lines(stream)
    assert first["message"] == "saved v1"
    assert (first["request"], first["person"], first["visit"], first["level"]) == ("r1", "p1", "v1", "info")
    assert str(first["at"]).endswith("+00:00")
    assert "request" not in second


def test_a_traceback_stays_in_its_line(stream: io.StringIO) -> None:
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("test").exception("failed")
    (line,) = lines(stream)
    assert "RuntimeError: boom" in str(line["traceback"])


def test_context_cannot_replace_the_message(stream: io.StringIO) -> None:
    with logs.about(level="none"):
        logging.getLogger("test").warning("real")
    assert lines(stream)[0]["level"] == "warning"


def test_text_form_shows_the_context() -> None:
    record = logging.LogRecord("test", logging.INFO, __file__, 1, "hello", None, None)
    with logs.about(request="r1"):
        assert logs.TextFormatter().format(record).endswith("test: hello  [request=r1]")


def test_incidents_are_short_and_differ() -> None:
    incidents = {logs.new_incident() for _ in range(50)}
    assert len(incidents) == 50
    assert all(len(incident) == 6 and not set(incident) & set("01ilo") for incident in incidents)
