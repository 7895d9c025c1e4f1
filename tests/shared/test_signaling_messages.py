"""shared.signaling_messages: round trips, limits at and one past, and hostile JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import limits
from shared.errors import LimitExceeded, MalformedMessage, RemoteError
from shared.signaling_messages import (
    Answer,
    Bye,
    Candidate,
    Error,
    ErrorCode,
    IceServer,
    Join,
    Joined,
    Message,
    Offer,
    PeerJoined,
    PeerLeft,
    Role,
    parse,
    serialise,
)

TURN = IceServer(("turn:turn.test:3478?transport=udp", "turns:[::1]:5349"), "1700000000:ab", "c2VjcmV0")
EXAMPLES: list[Message] = [
    Join("room-1_A", Role.SENDER, "a.b.c"),
    Joined(Role.PEER, True, False, (IceServer(("stun:stun.test:3478",)), TURN)),
    PeerJoined(Role.RECEIVER),
    Offer("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"),
    Answer("v=0\r\n"),
    Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0),
    Candidate("", "0", 255),
    PeerLeft("hung up"),
    Error(ErrorCode.ROOM_FULL, "The room already has its two people."),
    Bye("done"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "type",
    "room",
    "role",
    "token",
    "sdp",
    "mid",
    "line_index",
    "candidate",
    "code",
    "message",
    "reason",
    "x",
)
KINDS = ("join", "joined", "peer-joined", "offer", "answer", "candidate", "peer-left", "error", "bye")


def _offer(sdp: str) -> str:
    return json.dumps({"type": "offer", "sdp": sdp}, ensure_ascii=False)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_message_survives_a_round_trip(message: Message) -> None:
    assert parse(serialise(message)) == message


def test_json_names_are_those_of_the_protocol() -> None:
    assert json.loads(serialise(PeerJoined(Role.SENDER))) == {"type": "peer-joined", "role": "sender"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type":"join"}',
        '{"type":"hello"}',
        '{"type":["join"]}',
        '{"type":"bye","reason":"x","extra":1}',
        '{"type":"bye","reason":7}',
        '{"type":"bye","reason":"x","reason":"y"}',
        '{"type":"peer-joined","role":"admin"}',
        '{"type":"peer-joined","role":[]}',
        '{"type":"join","room":"../etc","role":"peer","token":"t"}',
        '{"type":"join","room":"a\\u0000","role":"peer","token":"t"}',
        '{"type":"join","room":"","role":"peer","token":"t"}',
        '{"type":"candidate","candidate":"","mid":"0","line_index":true}',
        '{"type":"candidate","candidate":"","mid":"0","line_index":-1}',
        '{"type":"candidate","candidate":"","mid":"0","line_index":256}',
        '{"type":"candidate","candidate":"","mid":"0","line_index":1e400}',
        '{"type":"joined","role":"peer","peer_present":1,"polite":true,"ice_servers":[]}',
        '{"type":"joined","role":"peer","peer_present":true,"polite":true,"ice_servers":["stun:a"]}',
        "9" * 5000,
        "[" * 60_000,
        '{"a":' * 10_000,
    ],
    ids=lambda text: text[:40] or "empty",
)
def test_what_is_not_a_message_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse(text)


@pytest.mark.parametrize("url", ["http://evil.test", "turn:a b", "javascript:alert(1)", "stun:"])
def test_an_ice_server_is_stun_or_turn(url: str) -> None:
    joined = serialise(Joined(Role.PEER, False, True, (IceServer((url,)),)))
    with pytest.raises(MalformedMessage):
        parse(joined)


def test_sdp_at_its_limit_passes_and_one_byte_more_does_not() -> None:
    largest = "a" * limits.SIGNALING_SDP_MAX_BYTES
    assert parse(_offer(largest)) == Offer(largest)
    with pytest.raises(LimitExceeded):
        parse(_offer(largest + "a"))


def test_sdp_is_measured_in_bytes_not_characters() -> None:
    with pytest.raises(LimitExceeded):
        parse(_offer("é" * (limits.SIGNALING_SDP_MAX_BYTES // 2 + 1)))


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("token", limits.SIGNALING_TOKEN_MAX_BYTES),
        ("candidate", limits.SIGNALING_CANDIDATE_MAX_BYTES),
        ("reason", limits.SIGNALING_TEXT_MAX_BYTES),
        ("room", limits.SIGNALING_ROOM_MAX_CHARS),
    ],
)
def test_a_text_at_its_limit_passes_and_one_more_does_not(field: str, limit: int) -> None:
    templates: dict[str, dict[str, object]] = {
        "token": {"type": "join", "room": "r", "role": "peer"},
        "room": {"type": "join", "token": "t", "role": "peer"},
        "candidate": {"type": "candidate", "mid": "0", "line_index": 0},
        "reason": {"type": "bye"},
    }
    parse(json.dumps(templates[field] | {field: "a" * limit}))
    with pytest.raises(RemoteError):
        parse(json.dumps(templates[field] | {field: "a" * (limit + 1)}))


def test_a_message_past_its_limit_is_refused_before_it_is_parsed() -> None:
    padding = " " * (limits.SIGNALING_MESSAGE_MAX_BYTES - len('{"type":"bye","reason":""}'))
    assert parse('{"type":"bye","reason":""}' + padding) == Bye("")
    with pytest.raises(LimitExceeded):
        parse('{"type":"bye","reason":""}' + padding + " ")


def test_ice_servers_at_their_limit_pass_and_one_more_does_not() -> None:
    server = IceServer(("stun:stun.test",))
    most = Joined(Role.PEER, False, True, (server,) * limits.SIGNALING_ICE_SERVERS_MAX)
    assert parse(serialise(most)) == most
    with pytest.raises(MalformedMessage):
        parse(serialise(Joined(Role.PEER, False, True, (*most.ice_servers, server))))


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\x1bb", "a\u202eb", "a\u200bb", "a\x7fb", "a\x85b", "a\nb", "a\ud800b"]
)
def test_control_characters_are_stripped_from_text(text: str) -> None:
    assert parse(json.dumps({"type": "bye", "reason": text})) == Bye("ab")


def test_sdp_keeps_its_line_ends_and_loses_other_controls() -> None:
    assert parse(_offer("v=0\r\ns=\x1b[31m\x00-\r\n")) == Offer("v=0\r\ns=[31m-\r\n")


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:1"]
)
def test_markup_is_carried_as_the_text_it_is(text: str) -> None:
    """The page shows peer text by textContent only; nothing here pretends to sanitise HTML."""
    assert parse(serialise(Bye(text))) == Bye(text)


@given(st.text(max_size=300))
def test_any_text_parses_or_raises_a_remote_error(text: str) -> None:
    _parse_or_refuse(text)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_any_object_parses_or_raises_a_remote_error(kind: str, values: dict[str, object]) -> None:
    _parse_or_refuse(json.dumps({**values, "type": kind}))


@given(st.sampled_from(EXAMPLES), st.data())
def test_any_mutation_of_a_message_parses_or_raises_a_remote_error(
    message: Message, data: st.DataObject
) -> None:
    text = serialise(message)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    _parse_or_refuse(text[:start] + data.draw(st.text(max_size=8)) + text[end:])


def _parse_or_refuse(text: str) -> None:
    try:
        message = parse(text)
    except RemoteError:
        return
    assert parse(serialise(message)) == message
