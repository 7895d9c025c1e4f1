"""Control messages on the reliable channel: small maps in msgpack, read with explicit caps.

Must not import state machines. Invariant: `parse_control` raises `MalformedMessage` only; unknown kinds give None and
unknown keys are ignored, so that later versions can add both.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

import msgpack

from shared.errors import MalformedMessage
from shared.frames import Rung
from shared.limits import (
    BUNDLE_MAX_MS,
    BUNDLE_MIN_MS,
    CONTROL_MAX_ITEMS,
    CONTROL_MAX_STRING_BYTES,
    MESSAGE_MAX_BYTES,
)

KIND_KEY: Final = "kind"
FEATURE_BOUND: Final = "bound"
"""Stands in `Hello.features` of an end that binds its keyframes to the connection, see `shared.keyframe_binding`."""
FEATURE_VIDEO: Final = "video"
"""Stands in `Hello.features` of an end that shows thumbnails and video; they are sent to no other."""
PAYLOAD_MAX_BYTES: Final = MESSAGE_MAX_BYTES - 1
"""One byte of the message is version and type."""


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of each end. model, tables: hashes that both ends must share for motion to mean the same.

    protocol: PROTOCOL_VERSION. model: SHA-256 (hex, first 16 digits) of the motion model in use. tables: hash of the
    coder's tables. features: names of optional abilities; unknown ones are ignored.
    """

    protocol: int
    model: str
    tables: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Says that the picture is rebuilt by a network. Sent before the first keyframe."""

    text: str
    reconstructed: bool = True


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """How the sender sends from now on; informative, nothing in it is needed to decode."""

    fps_x10: int
    bundle_ms: int
    voice_frame_ms: int
    rung: Rung


@dataclass(frozen=True, slots=True)
class Pin:
    """The sender of this message wants its peer to stay on `rung`; None: choose freely again."""

    rung: Rung | None


@dataclass(frozen=True, slots=True)
class AuthCommit:
    """First half of `shared.short_authentication`. commitment: SHA-256 as 64 hex digits."""

    commitment: str


@dataclass(frozen=True, slots=True)
class AuthReveal:
    """Second half of `shared.short_authentication`. nonce: 32 bytes as 64 hex digits."""

    nonce: str


@dataclass(frozen=True, slots=True)
class KeyframeBound:
    """A keyframe belongs to this connection. tag: of `shared.keyframe_binding`, 16 bytes as 32 hex digits."""

    keyframe_id: int
    tag: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The call ends. reason: for people, at most 256 bytes."""

    reason: str


ControlMessage = Hello | Disclosure | MediaConfig | Pin | AuthCommit | AuthReveal | KeyframeBound | Bye


def pack_control(message: ControlMessage) -> bytes:
    """`message` as msgpack. Raises ValueError when it would not be accepted at the other end."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    packed: bytes = msgpack.packb({KIND_KEY: _NAMES[type(message)], **values})
    if len(packed) > PAYLOAD_MAX_BYTES:
        raise ValueError(f"control message of {len(packed)} bytes, at most {PAYLOAD_MAX_BYTES} are allowed")
    try:
        parse_control(packed)
    except MalformedMessage as error:
        raise ValueError(f"control message that a peer would refuse: {error}") from error
    return packed


def parse_control(payload: bytes) -> ControlMessage | None:
    """The control message in `payload`, None for a kind this version does not know. Raises MalformedMessage."""
    content = _unpack(payload)
    kind = content.get(KIND_KEY)
    if not isinstance(kind, str):
        raise MalformedMessage("control message without a kind")
    if kind not in _KINDS:
        return None
    message_type, checks = _KINDS[kind]
    values = {}
    for name, check in checks.items():
        if name not in content:
            raise MalformedMessage(f"control message {kind} without {name}")
        values[name] = check(name, content[name])
    return message_type(**values)


def _unpack(payload: bytes) -> dict[str, Any]:
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise MalformedMessage(
            f"control message of {len(payload)} bytes, at most {PAYLOAD_MAX_BYTES} are allowed"
        )
    try:
        content = msgpack.unpackb(
            payload,
            strict_map_key=True,
            max_str_len=CONTROL_MAX_STRING_BYTES,
            max_bin_len=CONTROL_MAX_STRING_BYTES,
            max_array_len=CONTROL_MAX_ITEMS,
            max_map_len=CONTROL_MAX_ITEMS,
            max_ext_len=0,
        )
    except (
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        msgpack.UnpackException,
    ) as error:
        # The text of the error may quote the peer's bytes: only its kind is passed on.
        raise MalformedMessage(
            f"control message is not acceptable msgpack ({type(error).__name__})"
        ) from None
    if not isinstance(content, dict):
        raise MalformedMessage("control message is not a map")
    return content


Check = Callable[[str, Any], Any]


def _integer(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise MalformedMessage(f"{name} must be an integer from {low} to {high}")
        return value

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedMessage(f"{name} must be a string")
    return value


def _hex(count: int) -> Check:
    def check(name: str, value: Any) -> str:
        text = _text(name, value)
        if len(text) != 2 * count or not set(text) <= set("0123456789abcdef"):
            raise MalformedMessage(f"{name} must be {2 * count} lower-case hexadecimal digits")
        return text

    return check


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise MalformedMessage(f"{name} must be true or false")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise MalformedMessage(f"{name} must be a list")
    return tuple(_text(name, item) for item in value)


def _rung(name: str, value: Any) -> Rung:
    return Rung(_integer(min(Rung), max(Rung))(name, value))


def _optional_rung(name: str, value: Any) -> Rung | None:
    return None if value is None else _rung(name, value)


_KINDS: Final[dict[str, tuple[type[ControlMessage], dict[str, Check]]]] = {
    "hello": (
        Hello,
        {
            "protocol": _integer(1, 15),
            "model": _text,
            "tables": _text,
            "features": _texts,
        },
    ),
    "disclosure": (Disclosure, {"text": _text, "reconstructed": _boolean}),
    "media_config": (
        MediaConfig,
        {
            "fps_x10": _integer(0, 600),
            "bundle_ms": _integer(BUNDLE_MIN_MS, BUNDLE_MAX_MS),
            "voice_frame_ms": _integer(20, 120),
            "rung": _rung,
        },
    ),
    "pin": (Pin, {"rung": _optional_rung}),
    "auth_commit": (AuthCommit, {"commitment": _hex(32)}),
    "auth_reveal": (AuthReveal, {"nonce": _hex(32)}),
    "keyframe_bound": (KeyframeBound, {"keyframe_id": _integer(0, 255), "tag": _hex(16)}),
    "bye": (Bye, {"reason": _text}),
}
_NAMES: Final = {message_type: kind for kind, (message_type, _) in _KINDS.items()}
