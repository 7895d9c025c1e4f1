"""The JSON messages between a peer and the signaling service: frozen dataclasses, `parse` and `serialise`.

Imports the standard library, `shared.limits` and `shared.errors` only. Invariant: `parse` returns a message
whose every field is of its declared type, inside its limit and free of control characters, or raises
`RemoteError`; nothing else.

    client -> server   join (first message, carries the token), offer, answer, candidate, bye
    server -> client   joined, peer-joined, peer-left, error, bye; the other peer's offer, answer, candidate

The peer that joins second makes the offer; the one that was there first is the polite one of perfect
negotiation. `candidate` is reserved for ends that trickle (browsers); aiortc sends complete descriptions.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from shared import limits
from shared.errors import LimitExceeded, MalformedMessage

ROOM_PATTERN: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{limits.SIGNALING_ROOM_MAX_CHARS}}}")
"""Names a room may have: safe in a URL, in a shell and in a file name."""
ICE_URL_PATTERN: Final = re.compile(r"(stuns?|turns?):[A-Za-z0-9_.:\[\]?=-]+")
"""Addresses of ICE servers (RFC 7064, RFC 7065), without anything a shell or a page could trip over."""


class Role(StrEnum):
    """What a peer does in its room; one `sender` and one `receiver` at most, `peer` does both."""

    SENDER = "sender"
    RECEIVER = "receiver"
    PEER = "peer"


class ErrorCode(StrEnum):
    """Why the service refused something; programs switch on this, people read the message beside it."""

    MALFORMED = "malformed"
    BAD_TOKEN = "bad-token"
    EXPIRED_TOKEN = "expired-token"
    USED_TOKEN = "used-token"
    WRONG_ROOM = "wrong-room"
    WRONG_ROLE = "wrong-role"
    ROLE_TAKEN = "role-taken"
    ROOM_FULL = "room-full"
    TOO_MANY_ROOMS = "too-many-rooms"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    RATE_LIMITED = "rate-limited"
    NOT_JOINED = "not-joined"
    ALREADY_JOINED = "already-joined"
    NO_PEER = "no-peer"
    JOIN_DEADLINE = "join-deadline"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class IceServer:
    """One STUN or TURN server as WebRTC names it; `username` and `credential` are empty for STUN."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """First message of a connection: enter `room` as `role`; the signed token must say the same."""

    room: str
    role: Role
    token: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The service let this peer in. `peer_present`: the other is already there, and this end makes the offer."""

    role: Role
    peer_present: bool
    polite: bool
    ice_servers: tuple[IceServer, ...]


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """The other peer came in and will make the offer."""

    role: Role


@dataclass(frozen=True, slots=True)
class Offer:
    """A session description offer (RFC 8829), relayed unread."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A session description answer (RFC 8829), relayed unread."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trickled ICE candidate (RFC 8838); an empty `candidate` ends them."""

    candidate: str
    mid: str
    line_index: int


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The other peer is gone from the room; the call itself may go on, it is peer to peer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Error:
    """The service refused the last message, or closes the connection; `message` is for people."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class Bye:
    """An orderly end, from a peer that hangs up or from a service that stops."""

    reason: str


_TYPES: Final = {
    "join": Join,
    "joined": Joined,
    "peer-joined": PeerJoined,
    "offer": Offer,
    "answer": Answer,
    "candidate": Candidate,
    "peer-left": PeerLeft,
    "error": Error,
    "bye": Bye,
}
Message = Join | Joined | PeerJoined | Offer | Answer | Candidate | PeerLeft | Error | Bye
Relayed = Offer | Answer | Candidate

Reader = Callable[[object], object]


def strip_controls(text: str, keep: str = "") -> str:
    """`text` without control, format, surrogate and unassigned characters (Unicode C*), `keep` excepted."""
    return "".join(c for c in text if c in keep or not unicodedata.category(c).startswith("C"))


def text_within(limit_bytes: int, keep: str = "") -> Reader:
    """Reads text of so many bytes of UTF-8 at most, without control characters but those in `keep`."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise MalformedMessage("text expected")
        if len(value.encode("utf-8", "surrogatepass")) > limit_bytes:
            raise LimitExceeded(f"text longer than {limit_bytes} bytes")
        return strip_controls(value, keep)

    return read


def matching(pattern: re.Pattern[str], limit_bytes: int) -> Reader:
    """Reads text that is all of `pattern`."""
    read_text = text_within(limit_bytes)

    def read(value: object) -> object:
        if not pattern.fullmatch(str(text := read_text(value))) or text != value:
            raise MalformedMessage("text of another form expected")
        return text

    return read


def one_of(kind: type[StrEnum]) -> Reader:
    """Reads a member of `kind`."""

    def read(value: object) -> StrEnum:
        try:
            return kind(value)  # type: ignore[arg-type]  # anything may come; a non-member raises ValueError
        except ValueError:
            raise MalformedMessage(f"{kind.__name__.lower()} is not one that is known") from None

    return read


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise MalformedMessage("true or false expected")
    return value


def _line_index(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 256:
        raise MalformedMessage("media line index outside 0..255")
    return value


def _list_of(read_item: Reader) -> Reader:
    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list) or len(value) > limits.SIGNALING_ICE_SERVERS_MAX:
            raise MalformedMessage(f"list of at most {limits.SIGNALING_ICE_SERVERS_MAX} items expected")
        return tuple(read_item(item) for item in value)

    return read


_short_text = text_within(limits.SIGNALING_TEXT_MAX_BYTES)
_sdp = text_within(limits.SIGNALING_SDP_MAX_BYTES, keep="\r\n")
_role = one_of(Role)
_ICE_SERVER_READERS: Final[Mapping[str, Reader]] = {
    "urls": _list_of(matching(ICE_URL_PATTERN, limits.SIGNALING_TEXT_MAX_BYTES)),
    "username": _short_text,
    "credential": _short_text,
}


def _ice_server(value: object) -> IceServer:
    if not isinstance(value, dict):
        raise MalformedMessage("ICE server is not an object")
    return IceServer(**read_fields(value, _ICE_SERVER_READERS))


_READERS: Final[Mapping[str, Mapping[str, Reader]]] = {
    "join": {
        "room": matching(ROOM_PATTERN, limits.SIGNALING_ROOM_MAX_CHARS),
        "role": _role,
        "token": text_within(limits.SIGNALING_TOKEN_MAX_BYTES),
    },
    "joined": {
        "role": _role,
        "peer_present": _flag,
        "polite": _flag,
        "ice_servers": _list_of(_ice_server),
    },
    "peer-joined": {"role": _role},
    "offer": {"sdp": _sdp},
    "answer": {"sdp": _sdp},
    "candidate": {
        "candidate": text_within(limits.SIGNALING_CANDIDATE_MAX_BYTES),
        "mid": _short_text,
        "line_index": _line_index,
    },
    "peer-left": {"reason": _short_text},
    "error": {"code": one_of(ErrorCode), "message": _short_text},
    "bye": {"reason": _short_text},
}


def read_fields(values: Mapping[str, object], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The values of exactly these keys. Raises RemoteError."""
    if values.keys() != readers.keys():
        raise MalformedMessage(f"expected exactly the keys {sorted(readers)}")
    return {name: read(values[name]) for name, read in readers.items()}


def _object_without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise MalformedMessage("a key occurs twice")
    return values


def load_object(text: str) -> dict[str, object]:
    """A JSON object whose keys occur once each. Raises MalformedMessage."""
    try:
        values = json.loads(text, object_pairs_hook=_object_without_repeats)
    except (ValueError, RecursionError):
        raise MalformedMessage("not JSON, or nested too deeply") from None
    if not isinstance(values, dict):
        raise MalformedMessage("a message is a JSON object")
    return values


def parse(text: str) -> Message:
    """The message in one WebSocket text frame; raises `MalformedMessage` or `LimitExceeded`."""
    if len(text.encode("utf-8", "surrogatepass")) > limits.SIGNALING_MESSAGE_MAX_BYTES:
        raise LimitExceeded(f"message longer than {limits.SIGNALING_MESSAGE_MAX_BYTES} bytes")
    values = load_object(text)
    kind = values.pop("type", None)
    if not isinstance(kind, str) or kind not in _READERS:
        raise MalformedMessage("message type is not one that is known")
    message: Message = _TYPES[kind](**read_fields(values, _READERS[kind]))
    return message


def serialise(message: Message) -> str:
    """One WebSocket text frame; `parse(serialise(m)) == m` for every message that `parse` can return."""
    kind = next(name for name, cls in _TYPES.items() if cls is type(message))
    return json.dumps({"type": kind, **_plain(message)}, separators=(",", ":"), ensure_ascii=False)


def _plain(record: Message | IceServer) -> dict[str, object]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    if isinstance(record, Joined):
        values["ice_servers"] = [_plain(server) for server in record.ice_servers]
    return values
