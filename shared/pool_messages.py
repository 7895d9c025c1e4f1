"""The JSON messages between a receiver service and the pool of a signaling service: frozen dataclasses, `parse`, `serialise`.

    receiver -> pool   register (first message, carries the token), capacity (also the heartbeat), released
    pool -> receiver   assign, error (as in `shared.signaling_messages`)

Imports the standard library and `shared` only. Invariant: `parse` returns a message whose every field is of its declared type,
inside its limit and free of control characters, or raises `RemoteError`; nothing else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from shared import limits
from shared.errors import LimitExceeded, MalformedMessage
from shared.signaling_messages import (
    ROOM_PATTERN,
    Error,
    ErrorCode,
    Reader,
    load_object,
    matching,
    one_of,
    read_fields,
    text_within,
)

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names of receivers: safe in a log, a shell and a key."""
KEY_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""256 random bits, base64url without padding."""


@dataclass(frozen=True, slots=True)
class Register:
    """A receiver comes into the pool. calls: that it could take now. watch: address for viewers without path, "": none."""

    token: str
    name: str
    calls: int
    watch: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many calls the receiver could take now."""

    calls: int


@dataclass(frozen=True, slots=True)
class Released:
    """The receiver's call in this room has ended, in order or not."""

    room: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Take this room. token: admits into it. watch_key: bearer key of its viewers."""

    room: str
    token: str
    watch_key: str


_TYPES: Final = {
    "register": Register,
    "capacity": Capacity,
    "released": Released,
    "assign": Assign,
    "error": Error,
}
PoolMessage = Register | Capacity | Released | Assign | Error


def _calls(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limits.RENDER_CALLS_MAX:
        raise MalformedMessage(f"number of calls outside 0..{limits.RENDER_CALLS_MAX}")
    return value


_room = matching(ROOM_PATTERN, limits.SIGNALING_ROOM_MAX_CHARS)
_token = text_within(limits.SIGNALING_TOKEN_MAX_BYTES)
_short_text = text_within(limits.SIGNALING_TEXT_MAX_BYTES)
_READERS: Final[Mapping[str, Mapping[str, Reader]]] = {
    "register": {"token": _token, "name": matching(NAME_PATTERN, 64), "calls": _calls, "watch": _short_text},
    "capacity": {"calls": _calls},
    "released": {"room": _room},
    "assign": {"room": _room, "token": _token, "watch_key": matching(KEY_PATTERN, 43)},
    "error": {"code": one_of(ErrorCode), "message": _short_text},
}


def parse(text: str) -> PoolMessage:
    """The message in one WebSocket text frame; raises `MalformedMessage` or `LimitExceeded`."""
    if len(text.encode("utf-8", "surrogatepass")) > limits.SIGNALING_MESSAGE_MAX_BYTES:
        raise LimitExceeded(f"message longer than {limits.SIGNALING_MESSAGE_MAX_BYTES} bytes")
    values = load_object(text)
    kind = values.pop("type", None)
    if not isinstance(kind, str) or kind not in _READERS:
        raise MalformedMessage("message type is not one that is known")
    message: PoolMessage = _TYPES[kind](**read_fields(values, _READERS[kind]))
    return message


def serialise(message: PoolMessage) -> str:
    """One WebSocket text frame; `parse(serialise(m)) == m` for every message that `parse` can return."""
    kind = next(name for name, cls in _TYPES.items() if cls is type(message))
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    return json.dumps({"type": kind, **values}, separators=(",", ":"), ensure_ascii=False)
