"""shared.control: kinds, unknown kinds and keys, wrong types, and msgpack that would grow."""

import random

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.control import (
    PAYLOAD_MAX_BYTES,
    AuthCommit,
    AuthReveal,
    Bye,
    ControlMessage,
    Disclosure,
    Hello,
    KeyframeBound,
    MediaConfig,
    Pin,
    pack_control,
    parse_control,
)
from shared.errors import MalformedMessage
from shared.frames import Rung
from shared.limits import BUNDLE_MAX_MS, BUNDLE_MIN_MS, CONTROL_MAX_ITEMS, CONTROL_MAX_STRING_BYTES

short = st.text(max_size=40)
messages = (
    st.builds(Hello, st.integers(1, 15), short, short, st.lists(short, max_size=4).map(tuple))
    | st.builds(Disclosure, short, st.booleans())
    | st.builds(
        MediaConfig,
        st.integers(0, 600),
        st.integers(BUNDLE_MIN_MS, BUNDLE_MAX_MS),
        st.integers(20, 120),
        st.sampled_from(Rung),
    )
    | st.builds(Pin, st.none() | st.sampled_from(Rung))
    | st.builds(AuthCommit, st.binary(min_size=32, max_size=32).map(bytes.hex))
    | st.builds(KeyframeBound, st.integers(0, 255), st.binary(min_size=16, max_size=16).map(bytes.hex))
    | st.builds(AuthReveal, st.binary(min_size=32, max_size=32).map(bytes.hex))
    | st.builds(Bye, short)
)


@given(messages)
def test_what_is_packed_is_read_back(message: ControlMessage) -> None:
    assert parse_control(pack_control(message)) == message


def test_unknown_kinds_and_keys_are_ignored() -> None:
    assert parse_control(msgpack.packb({"kind": "dance", "steps": 3})) is None
    assert parse_control(msgpack.packb({"kind": "bye", "reason": "x", "mood": [1, 2]})) == Bye("x")


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "bye", "reason": 5},
        {"kind": "bye"},
        {"kind": 7},
        {"reason": "x"},
        {"kind": "auth_commit", "commitment": "0" * 63},
        {"kind": "auth_commit", "commitment": "0" * 65},
        {"kind": "keyframe_bound", "keyframe_id": 256, "tag": "a" * 32},
        {"kind": "keyframe_bound", "keyframe_id": 0, "tag": "a" * 31},
        {"kind": "keyframe_bound", "keyframe_id": 0, "tag": "a" * 33},
        {"kind": "auth_reveal", "nonce": "A" * 64},
        {"kind": "auth_reveal", "nonce": b"0" * 64},
        {"kind": "pin", "rung": 4},
        {"kind": "pin", "rung": True},
        {"kind": "pin", "rung": "video"},
        {"kind": "disclosure", "text": "x", "reconstructed": 1},
        {"kind": "hello", "protocol": 0, "model": "", "tables": "", "features": []},
        {"kind": "hello", "protocol": 1, "model": "", "tables": "", "features": "all"},
        {"kind": "hello", "protocol": 1, "model": "", "tables": "", "features": [1]},
        {"kind": "media_config", "fps_x10": 2.5, "bundle_ms": 80, "voice_frame_ms": 80, "rung": 1},
        {
            "kind": "media_config",
            "fps_x10": 250,
            "bundle_ms": BUNDLE_MAX_MS + 1,
            "voice_frame_ms": 80,
            "rung": 1,
        },
        {1: "bye"},
        ["bye"],
        "bye",
        None,
    ],
)
def test_wrong_types_and_ranges_are_refused(content: object) -> None:
    with pytest.raises(MalformedMessage):
        parse_control(msgpack.packb(content))


def test_strings_may_be_as_long_as_the_limit() -> None:
    longest = Bye("x" * CONTROL_MAX_STRING_BYTES)
    assert parse_control(pack_control(longest)) == longest
    with pytest.raises(MalformedMessage):
        parse_control(msgpack.packb({"kind": "bye", "reason": "x" * (CONTROL_MAX_STRING_BYTES + 1)}))
    with pytest.raises(ValueError, match="refuse"):
        pack_control(Bye("x" * (CONTROL_MAX_STRING_BYTES + 1)))


def test_lists_and_maps_may_be_as_long_as_the_limit() -> None:
    for size in (CONTROL_MAX_ITEMS, CONTROL_MAX_ITEMS + 1):
        lists = msgpack.packb({"kind": "bye", "reason": "", "extra": [0] * size})
        maps = msgpack.packb({"kind": "bye", "reason": "", "extra": {str(key): 0 for key in range(size)}})
        for payload in (lists, maps):
            if size == CONTROL_MAX_ITEMS:
                assert parse_control(payload) == Bye("")
            else:
                with pytest.raises(MalformedMessage):
                    parse_control(payload)


def test_a_payload_may_be_as_long_as_the_limit() -> None:
    def of_size(size_bytes: int) -> bytes:
        fill = {str(key): "y" * 100 for key in range(9)}
        bare = len(msgpack.packb({"kind": "bye", "reason": "", **fill, "z": "z" * 200}))
        return bytes(
            msgpack.packb({"kind": "bye", "reason": "", **fill, "z": "z" * (200 + size_bytes - bare)})
        )

    assert len(of_size(PAYLOAD_MAX_BYTES)) == PAYLOAD_MAX_BYTES
    assert parse_control(of_size(PAYLOAD_MAX_BYTES)) == Bye("")
    with pytest.raises(MalformedMessage, match="1150 bytes"):
        parse_control(of_size(PAYLOAD_MAX_BYTES + 1))
    with pytest.raises(ValueError, match="1149"):
        pack_control(Hello(1, "a" * 256, "b" * 256, ("c" * 256, "d" * 256, "e" * 256)))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x81",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc7\x04\x05abcd",
        b"\xd6\xff\x00\x00\x00\x01",
        b"\x91" * 1100,
        b"\x81\xa4kind\xa2\xff\xfe",
        b"\x81\x90\x01",
        b"\xc1",
        b"\x80\x80",
    ],
)
def test_hostile_msgpack_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_control(payload)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    read_or_refused(payload)


def test_mutated_messages_are_read_or_refused() -> None:
    rng = random.Random(3)
    seeds = [pack_control(message) for message in (Hello(1, "a", "b", ("c",)), Bye("x"), Pin(Rung.VIDEO))]
    for _ in range(5000):
        payload = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 3)):
            payload[rng.randrange(len(payload))] = rng.randrange(256)
        read_or_refused(bytes(payload))


def read_or_refused(payload: bytes) -> None:
    try:
        message = parse_control(payload)
    except MalformedMessage:
        return
    if message is not None:
        assert parse_control(pack_control(message)) == message
