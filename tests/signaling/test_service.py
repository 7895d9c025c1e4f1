"""signaling.service over real WebSockets: joining, relaying, refusing, and every limit a stranger can reach."""

import asyncio
import io
import logging
import time

import pytest
from aiohttp import WSCloseCode

from shared import limits
from shared.signaling_messages import (
    Answer,
    Bye,
    Candidate,
    Error,
    ErrorCode,
    Join,
    Joined,
    Offer,
    PeerJoined,
    PeerLeft,
    Role,
    serialise,
)
from signaling.logs import JsonFormatter
from signaling.refusal import Refused
from signaling.service import Outbox
from signaling.tokens import sign_token
from tests.signaling.bench import SECRET, Bench, closed_with, hear

pytestmark = pytest.mark.network


async def _error(
    bench: Bench, room: str = "r", role: Role = Role.PEER, token: str | None = None
) -> ErrorCode:
    socket, answer = await bench.join(room, role, token)
    assert isinstance(answer, Error), answer
    assert await closed_with(socket) == WSCloseCode.POLICY_VIOLATION
    return answer.code


async def test_two_peers_meet_and_exchange_descriptions(bench: Bench) -> None:
    first, joined_first = await bench.join(role=Role.RECEIVER)
    second, joined_second = await bench.join(role=Role.SENDER)
    assert isinstance(joined_first, Joined) and isinstance(joined_second, Joined)
    assert (joined_first.peer_present, joined_first.polite) == (False, True)
    assert (joined_second.peer_present, joined_second.polite) == (True, False)
    assert await hear(first) == PeerJoined(Role.SENDER)
    for sender, receiver, message in (
        (second, first, Offer("v=0\r\n")),
        (first, second, Answer("v=0\r\n")),
        (first, second, Candidate("candidate:1", "0", 0)),
    ):
        await sender.send_str(serialise(message))
        assert await hear(receiver) == message


async def test_only_who_has_joined_is_told_turn_credentials(bench: Bench) -> None:
    _, joined = await bench.join()
    assert isinstance(joined, Joined)
    stun, turn = joined.ice_servers
    assert stun.credential == "" and turn.credential
    assert int(turn.username.split(":")[0]) == bench.time.unix_s + limits.TURN_CREDENTIAL_S
    _, refused = await bench.join(token="a.b.c")
    assert isinstance(refused, Error)


async def test_a_wrong_role_is_refused(bench: Bench) -> None:
    assert (
        await _error(bench, role=Role.SENDER, token=bench.token(role=Role.RECEIVER)) is ErrorCode.WRONG_ROLE
    )


async def test_a_token_of_another_room_is_refused(bench: Bench) -> None:
    assert await _error(bench, room="r", token=bench.token(room="other")) is ErrorCode.WRONG_ROOM


async def test_an_expired_token_is_refused(bench: Bench) -> None:
    token = bench.token(seconds=60)
    bench.time.unix_s += 60
    assert await _error(bench, token=token) is ErrorCode.EXPIRED_TOKEN


async def test_a_replayed_token_is_refused_even_after_its_owner_left(bench: Bench) -> None:
    token = bench.token()
    socket, _ = await bench.join(token=token)
    assert await _error(bench, token=token) is ErrorCode.USED_TOKEN
    await socket.close()
    assert await _error(bench, token=token) is ErrorCode.USED_TOKEN


async def test_a_third_guest_gets_a_clear_error_and_the_call_is_not_disturbed(bench: Bench) -> None:
    first, _ = await bench.join()
    second, _ = await bench.join()
    await hear(first)
    socket, answer = await bench.join()
    assert answer == Error(ErrorCode.ROOM_FULL, "The room already has its two people.")
    assert await closed_with(socket) == WSCloseCode.POLICY_VIOLATION
    await second.send_str(serialise(Offer("v=0\r\n")))
    assert await hear(first) == Offer("v=0\r\n")


async def test_who_is_turned_away_at_a_full_room_may_use_the_token_later(bench: Bench) -> None:
    await bench.join()
    second, _ = await bench.join()
    token = bench.token()
    assert await _error(bench, token=token) is ErrorCode.ROOM_FULL
    await second.close()
    await asyncio.sleep(0)
    while bench.lobby.rooms.connection_count > 1:
        await asyncio.sleep(0.001)
    _, answer = await bench.join(token=token)
    assert isinstance(answer, Joined)


async def test_the_next_room_past_the_limit_is_refused(bench: Bench) -> None:
    for number in range(limits.SIGNALING_ROOMS_PER_ADDRESS):
        await bench.join(f"room{number}")
    assert await _error(bench, "one-more") is ErrorCode.TOO_MANY_ROOMS


async def test_the_first_message_must_be_join(bench: Bench) -> None:
    socket = await bench.connect()
    await socket.send_str(serialise(Offer("v=0\r\n")))
    answer = await hear(socket)
    assert isinstance(answer, Error) and answer.code is ErrorCode.NOT_JOINED
    assert await closed_with(socket) == WSCloseCode.POLICY_VIOLATION


async def test_joining_twice_is_refused_and_the_seat_kept(bench: Bench) -> None:
    socket, _ = await bench.join()
    await socket.send_str(serialise(Join("other", Role.PEER, bench.token("other"))))
    answer = await hear(socket)
    assert isinstance(answer, Error) and answer.code is ErrorCode.ALREADY_JOINED
    assert bench.lobby.rooms.has_joined(1)


async def test_a_message_that_only_the_server_may_send_is_refused(bench: Bench) -> None:
    socket, _ = await bench.join()
    await socket.send_str(serialise(PeerLeft("forged")))
    answer = await hear(socket)
    assert isinstance(answer, Error) and answer.code is ErrorCode.MALFORMED


@pytest.mark.parametrize(
    "garbage", ["", "not json", "[]", '{"type":"join"}', "\x00" * 1000, b"\x00\xff", b"{}"]
)
async def test_a_stranger_that_speaks_garbage_is_told_so_and_closed(
    bench: Bench, garbage: str | bytes
) -> None:
    socket = await bench.connect()
    await (socket.send_bytes(garbage) if isinstance(garbage, bytes) else socket.send_str(garbage))
    answer = await hear(socket)
    assert isinstance(answer, Error) and answer.code is ErrorCode.MALFORMED
    assert await closed_with(socket) == WSCloseCode.POLICY_VIOLATION


async def test_a_peer_that_slips_once_keeps_its_seat(bench: Bench) -> None:
    socket, _ = await bench.join()
    await socket.send_str("garbage")
    assert isinstance(await hear(socket), Error)
    other, _ = await bench.join()
    assert await hear(socket) == PeerJoined(Role.PEER)
    await other.close()


async def test_a_message_at_the_size_limit_passes_and_one_byte_more_closes(bench: Bench) -> None:
    first, _ = await bench.join()
    second, _ = await bench.join()
    await hear(first)
    text = serialise(Offer("a" * limits.SIGNALING_SDP_MAX_BYTES))
    await second.send_str(text + " " * (limits.SIGNALING_MESSAGE_MAX_BYTES - len(text)))
    assert await hear(first) == Offer("a" * limits.SIGNALING_SDP_MAX_BYTES)
    await second.send_str(text + " " * (limits.SIGNALING_MESSAGE_MAX_BYTES - len(text) + 1))
    assert await closed_with(second) == WSCloseCode.MESSAGE_TOO_BIG
    assert await hear(first) == PeerLeft("connection lost")


async def test_compression_is_not_negotiated(bench: Bench) -> None:
    socket = await bench.client.ws_connect("/ws", compress=15)
    assert socket.compress == 0
    await socket.close()


async def test_a_flood_is_closed_within_two_seconds(bench: Bench) -> None:
    socket, _ = await bench.join()
    started_s = time.monotonic()
    for _ in range(limits.SIGNALING_MESSAGES_BURST + limits.SIGNALING_RATE_VIOLATIONS_MAX + 1):
        await socket.send_str(serialise(Candidate("", "0", 0)))
    assert await closed_with(socket) == WSCloseCode.POLICY_VIOLATION
    assert time.monotonic() - started_s < 2


async def test_a_burst_at_the_limit_is_not_a_flood(bench: Bench) -> None:
    socket, _ = await bench.join()
    codes = []
    for _ in range(limits.SIGNALING_MESSAGES_BURST):  # the join was one, so the last of these is one too many
        await socket.send_str(serialise(Candidate("", "0", 0)))
        answer = await hear(socket)
        assert isinstance(answer, Error)
        codes.append(answer.code)
    assert codes == [ErrorCode.NO_PEER] * (limits.SIGNALING_MESSAGES_BURST - 1) + [ErrorCode.RATE_LIMITED]


async def test_who_does_not_join_in_time_is_closed(bench: Bench) -> None:
    socket = await bench.connect()
    bench.time.ms = limits.SIGNALING_JOIN_DEADLINE_MS
    await bench.service.tick()
    answer = await hear(socket)
    assert isinstance(answer, Error) and answer.code is ErrorCode.JOIN_DEADLINE
    assert await closed_with(socket) == WSCloseCode.POLICY_VIOLATION


async def test_a_hang_up_is_told_to_the_other_one(bench: Bench) -> None:
    first, _ = await bench.join()
    second, _ = await bench.join()
    await hear(first)
    await second.send_str(serialise(Bye("<b>anything</b>")))
    assert await closed_with(second) == WSCloseCode.OK
    assert await hear(first) == PeerLeft("hung up")


async def test_nothing_after_a_hang_up_has_any_effect(bench: Bench) -> None:
    first, _ = await bench.join()
    second, _ = await bench.join()
    await hear(first)
    for message in (Bye(""), Bye(""), Offer("v=0\r\n")):
        await second.send_str(serialise(message))
    await closed_with(second)
    assert await hear(first) == PeerLeft("hung up")


async def test_a_broken_connection_is_told_to_the_other_one(bench: Bench) -> None:
    first, _ = await bench.join()
    second, _ = await bench.join()
    await hear(first)
    await second.close()
    assert await hear(first) == PeerLeft("connection lost")


async def test_a_stopping_service_says_goodbye_and_admits_nobody(bench: Bench) -> None:
    first, _ = await bench.join()
    bench.service.stop()
    assert await hear(first) == Bye("server stopping")
    assert await closed_with(first) == WSCloseCode.GOING_AWAY
    with pytest.raises(Refused):
        await bench.service.admit("192.0.2.1")


async def test_nothing_is_kept_of_connections_that_are_gone(bench: Bench) -> None:
    for number in range(30):
        bench.time.ms += 1000
        socket, _ = await bench.join(f"room{number % 5}")
        await socket.close()
    while bench.lobby.rooms.connection_count:
        await asyncio.sleep(0.001)
    bench.time.ms += limits.SIGNALING_EMPTY_ROOM_TTL_MS
    bench.time.unix_s += 60
    await bench.service.tick()
    assert (bench.lobby.rooms.room_count, bench.lobby.tokens.used_count) == (0, 0)


async def test_logs_hold_no_room_name_address_description_or_token(bench: Bench) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        token = sign_token(SECRET, "private-room", Role.PEER, 60, bench.time.unix_s)
        first, _ = await bench.join("private-room", token=token)
        second, _ = await bench.join("private-room")
        await second.send_str(serialise(Offer("v=0\r\na=fingerprint:private\r\n")))
        await hear(first)
        await second.send_str('{"type":"private"}')
        await hear(second)
        await bench.join("private-room", token=token)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    text = stream.getvalue()
    assert '"joined"' in text and '"refused"' in text
    for secret in ("private", "fingerprint", "127.0.0.1", token, SECRET):
        assert secret not in text


async def test_a_reader_that_is_too_slow_loses_only_its_own_connection() -> None:
    """The outbox alone: a real socket's kernel buffers would take megabytes to fill."""

    class Stalled:
        closed_code: int | None = None

        async def close(self, code: int) -> None:
            self.closed_code = code

    stalled = Stalled()
    outbox = Outbox(stalled, serialise)  # type: ignore[arg-type]
    closing = []
    for _ in range(limits.SIGNALING_OUTBOX_MESSAGES + 1):
        outbox.put(Bye(""))
        closing.append(outbox.closing)
    assert closing == [False] * limits.SIGNALING_OUTBOX_MESSAGES + [True]
    await outbox.run()
    assert stalled.closed_code == WSCloseCode.TRY_AGAIN_LATER
