"""Structured logs: one JSON object a line, with fields from a fixed list.

Invariant: no room name, address, description, token or peer's text can reach a log. Our own events carry only the
fields below; of records from libraries (whose texts may quote a request) only logger, level and exception type remain.
"""

import json
import logging
import time
from typing import Final, TextIO

LOGGER_NAME: Final = "facewire.signaling"
_FIELDS: Final = ("connection", "code", "role", "rooms", "connections", "port", "seconds")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; see the module's invariant for what it leaves out."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object without a line break."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
        }
        if record.name == LOGGER_NAME:
            line["event"] = record.msg
            line |= {name: record.__dict__[name] for name in _FIELDS if name in record.__dict__}
        else:
            line |= {"event": "library", "logger": record.name}
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return json.dumps(line)


def configure_logging(stream: TextIO) -> None:
    """Sends every logger of this process through the formatter to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
