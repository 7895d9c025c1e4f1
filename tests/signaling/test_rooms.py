"""signaling.rooms: the state machine alone, with time handed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import limits
from shared.signaling_messages import ErrorCode, Joined, Offer, PeerJoined, PeerLeft, Role
from signaling.refusal import Refused
from signaling.rooms import Close, Deliver, Rooms

OFFER = Offer("v=0\r\n")


def _enter(rooms: Rooms, room: str = "r", role: Role = Role.PEER, address: str = "a", now_ms: int = 0) -> int:
    connection = rooms.open(address, now_ms)
    rooms.join(connection, room, role, ())
    return connection


def _refusal(rooms: Rooms, room: str, role: Role = Role.PEER, address: str = "z") -> ErrorCode:
    connection = rooms.open(address, 0)
    with pytest.raises(Refused) as refused:
        rooms.join(connection, room, role, ())
    rooms.leave(connection, "", 0)
    return refused.value.code


def test_the_first_is_polite_and_the_second_makes_the_offer() -> None:
    rooms = Rooms()
    first, second = rooms.open("a", 0), rooms.open("b", 0)
    assert rooms.join(first, "r", Role.RECEIVER, ()) == [
        Deliver(first, Joined(Role.RECEIVER, False, True, ()))
    ]
    assert rooms.join(second, "r", Role.SENDER, ()) == [
        Deliver(second, Joined(Role.SENDER, True, False, ())),
        Deliver(first, PeerJoined(Role.SENDER)),
    ]


def test_a_description_goes_to_the_other_one_only() -> None:
    rooms = Rooms()
    first, second = _enter(rooms), _enter(rooms)
    _enter(rooms, room="elsewhere")
    assert rooms.relay(first, OFFER) == [Deliver(second, OFFER)]


def test_a_third_guest_is_refused() -> None:
    rooms = Rooms()
    for _ in range(limits.SIGNALING_PEERS_PER_ROOM):
        _enter(rooms)
    assert _refusal(rooms, "r") is ErrorCode.ROOM_FULL


@pytest.mark.parametrize("role", [Role.SENDER, Role.RECEIVER])
def test_two_of_one_kind_do_not_meet(role: Role) -> None:
    rooms = Rooms()
    _enter(rooms, role=role)
    assert _refusal(rooms, "r", role) is ErrorCode.ROLE_TAKEN


@pytest.mark.parametrize("role", list(Role))
def test_a_peer_meets_anybody(role: Role) -> None:
    rooms = Rooms()
    _enter(rooms, role=Role.PEER)
    _enter(rooms, role=role)


def test_nothing_is_relayed_before_joining_or_to_an_empty_seat() -> None:
    rooms = Rooms()
    outside, alone = rooms.open("a", 0), _enter(rooms)
    for connection, code in ((outside, ErrorCode.NOT_JOINED), (alone, ErrorCode.NO_PEER)):
        with pytest.raises(Refused) as refused:
            rooms.relay(connection, OFFER)
        assert refused.value.code is code


def test_a_connection_joins_once() -> None:
    rooms = Rooms()
    connection = _enter(rooms)
    with pytest.raises(Refused) as refused:
        rooms.join(connection, "other", Role.PEER, ())
    assert refused.value.code is ErrorCode.ALREADY_JOINED


def test_the_one_who_stays_hears_who_left_and_the_seat_is_free_again() -> None:
    rooms = Rooms()
    first, second = _enter(rooms), _enter(rooms)
    assert rooms.leave(second, "hung up", 0) == [Deliver(first, PeerLeft("hung up"))]
    assert rooms.leave(second, "hung up", 0) == []
    _enter(rooms)


def test_a_gone_connection_cannot_act() -> None:
    rooms = Rooms()
    gone = _enter(rooms)
    rooms.leave(gone, "", 0)
    with pytest.raises(Refused):
        rooms.relay(gone, OFFER)
    with pytest.raises(Refused):
        rooms.join(gone, "r", Role.PEER, ())


def test_a_connection_past_its_join_deadline_is_closed() -> None:
    rooms = Rooms()
    late, joined = rooms.open("a", 0), _enter(rooms)
    assert rooms.poll(limits.SIGNALING_JOIN_DEADLINE_MS - 1) == []
    assert rooms.poll(limits.SIGNALING_JOIN_DEADLINE_MS) == [Close(late, ErrorCode.JOIN_DEADLINE)]
    assert rooms.has_joined(joined) and not rooms.is_open(late)


def test_an_empty_room_is_forgotten_after_its_time_to_live() -> None:
    rooms = Rooms()
    rooms.leave(_enter(rooms), "", 1000)
    rooms.poll(1000 + limits.SIGNALING_EMPTY_ROOM_TTL_MS - 1)
    assert rooms.room_count == 1
    rooms.poll(1000 + limits.SIGNALING_EMPTY_ROOM_TTL_MS)
    assert rooms.room_count == 0


def test_an_empty_room_that_somebody_re_enters_stays() -> None:
    rooms = Rooms()
    rooms.leave(_enter(rooms), "", 0)
    _enter(rooms)
    rooms.poll(10 * limits.SIGNALING_EMPTY_ROOM_TTL_MS)
    assert rooms.room_count == 1


def test_one_room_past_the_limit_is_refused_and_existing_ones_stay_open() -> None:
    rooms = Rooms()
    for number in range(limits.SIGNALING_ROOMS_MAX):
        _enter(rooms, f"room{number}", address=f"a{number}")
    assert _refusal(rooms, "one-more") is ErrorCode.TOO_MANY_ROOMS
    _enter(rooms, "room0", address="z")
    assert rooms.room_count == limits.SIGNALING_ROOMS_MAX


def test_one_room_past_the_limit_of_an_address_is_refused_to_that_address_only() -> None:
    rooms = Rooms()
    for number in range(limits.SIGNALING_ROOMS_PER_ADDRESS):
        _enter(rooms, f"room{number}")
    assert _refusal(rooms, "one-more", address="a") is ErrorCode.TOO_MANY_ROOMS
    _enter(rooms, "one-more", address="b")


def test_leaving_does_not_let_an_address_open_rooms_in_a_loop() -> None:
    rooms = Rooms()
    for number in range(limits.SIGNALING_ROOMS_PER_ADDRESS):
        rooms.leave(_enter(rooms, f"room{number}"), "", 0)
    assert _refusal(rooms, "one-more", address="a") is ErrorCode.TOO_MANY_ROOMS


def test_connections_of_one_address_are_limited() -> None:
    rooms = Rooms()
    for _ in range(limits.SIGNALING_CONNECTIONS_PER_ADDRESS):
        rooms.open("a", 0)
    with pytest.raises(Refused) as refused:
        rooms.open("a", 0)
    assert refused.value.code is ErrorCode.TOO_MANY_CONNECTIONS
    rooms.open("b", 0)


def test_connections_are_limited_in_total() -> None:
    rooms = Rooms()
    for number in range(limits.SIGNALING_CONNECTIONS_MAX):
        rooms.open(f"a{number}", 0)
    with pytest.raises(Refused):
        rooms.open("z", 0)
    assert rooms.connection_count == limits.SIGNALING_CONNECTIONS_MAX


STEP = st.tuples(
    st.sampled_from(["open", "join", "relay", "leave", "poll"]),
    st.integers(1, 12),
    st.sampled_from(["r1", "r2"]),
    st.sampled_from(list(Role)),
)


@given(st.lists(STEP, max_size=60))
def test_any_sequence_keeps_the_invariants(steps: list[tuple[str, int, str, Role]]) -> None:
    rooms = Rooms()
    now_ms = 0
    for action, connection, room, role in steps:
        now_ms += 700
        try:
            if action == "open":
                rooms.open("a", now_ms)
            elif action == "join":
                rooms.join(connection, room, role, ())
            elif action == "relay":
                for effect in rooms.relay(connection, OFFER):
                    assert effect.connection != connection and rooms.has_joined(effect.connection)
            elif action == "leave":
                rooms.leave(connection, "", now_ms)
            else:
                rooms.poll(now_ms)
        except Refused:
            pass
        assert rooms.room_count <= 2
        assert sum(rooms.has_joined(n) for n in range(1, 61)) <= 2 * limits.SIGNALING_PEERS_PER_ROOM
