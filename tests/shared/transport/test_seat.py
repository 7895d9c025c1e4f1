"""shared.transport.seat: a seat that is kept, taken anew, and a connection that is tried again."""

import pytest

from shared.errors import UserError
from shared.signaling_messages import Join, Role
from shared.transport import seat as module
from shared.transport.seat import CONNECT_TRIES, Seat
from shared.transport.signaling_client import NoConnection

JOIN = Join("room", Role.SENDER, "token")


class FakeMeeting:
    """A room whose calls fail as often as told."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures, self.calls, self.left, self.lost = failures, 0, 0, False

    async def call(self, config: object) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return f"transport {self.calls}"

    async def leave(self) -> None:
        self.left += 1


def seat_in(monkeypatch: pytest.MonkeyPatch, *meetings: FakeMeeting) -> tuple[Seat, list[str]]:
    entered: list[str] = []
    left = list(meetings)

    async def enter(url: str, join: Join) -> FakeMeeting:
        entered.append(url)
        assert join == JOIN
        return left.pop(0)

    monkeypatch.setattr(module, "enter_room", enter)
    return Seat("ws://there", lambda: JOIN), entered


async def test_a_connection_that_did_not_come_about_is_tried_again_in_the_same_seat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meeting = FakeMeeting([NoConnection("lost packets")] * (CONNECT_TRIES - 1))
    seat, entered = seat_in(monkeypatch, meeting)
    assert await seat.meet() == f"transport {CONNECT_TRIES}"
    assert len(entered) == 1 and meeting.left == 0


async def test_one_failure_past_the_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = FakeMeeting([NoConnection("lost packets")] * CONNECT_TRIES)
    seat, _ = seat_in(monkeypatch, meeting)
    with pytest.raises(NoConnection):
        await seat.meet()
    assert meeting.calls == CONNECT_TRIES


async def test_other_errors_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = FakeMeeting([UserError("nobody came")])
    seat, _ = seat_in(monkeypatch, meeting)
    with pytest.raises(UserError, match="nobody"):
        await seat.meet()
    assert meeting.calls == 1


async def test_a_seat_that_the_service_let_go_is_taken_anew_and_left_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = FakeMeeting([]), FakeMeeting([])
    seat, entered = seat_in(monkeypatch, first, second)
    await seat.meet()
    await seat.meet()
    assert len(entered) == 1 and first.calls == 2
    first.lost = True
    await seat.meet()
    assert len(entered) == 2 and first.left == 1 and second.calls == 1
    await seat.leave()
    await seat.leave()
    assert second.left == 1
