"""signaling.logs: our fields only, and of other loggers no text at all."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from signaling.logs import LOGGER_NAME, JsonFormatter


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(LOGGER_NAME), logging.getLogger("aiohttp.server")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield text
    for logger in loggers:
        logger.removeHandler(handler)


def test_an_event_is_one_json_line_with_known_fields(stream: io.StringIO) -> None:
    logging.getLogger(LOGGER_NAME).info(
        "joined", extra={"connection": 3, "role": "peer", "room_name": "private"}
    )
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["connection"], line["role"]) == ("joined", "info", 3, "peer")
    assert line.keys() == {"time", "level", "event", "connection", "role"}


def test_a_librarys_text_and_traceback_are_left_out(stream: io.StringIO) -> None:
    try:
        raise ValueError("secret detail")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", "192.0.2.7")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["logger"], line["exception"]) == ("library", "aiohttp.server", "ValueError")
    assert "192.0.2.7" not in stream.getvalue() and "secret" not in stream.getvalue()
