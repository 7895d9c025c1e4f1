"""receiver.service.calls and running_call: several calls over one network, and what becomes of those that fail."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.batching.load import LoadLevel
from receiver.call_end import EndReason
from receiver.render_worker import RenderWorker
from receiver.service import running_call
from receiver.service.calls import Calls
from receiver.service.running_call import FAILED, NEVER_CAME, Assignment, RunningCall
from receiver.session_maker import motion_model
from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.open import SinkSet
from shared.errors import UserError
from shared.signaling_messages import Join, Role
from shared.transport.base import Transport
from shared.transport.memory_link import MemoryLink
from tests.models.runtime.faces import reference
from tests.receiver.remote import Remote, send_bytes
from tests.shared.transport.whip_client import until

TALK_MS = 1200


class Screen:
    """A sink that keeps the pictures of its call. breaks_after: so many pictures, None: never."""

    name, shows, live = "screen", False, False

    def __init__(self, breaks_after: int | None = None) -> None:
        self.pictures: list[NDArray[np.uint8]] = []
        self.closed, self._breaks_after = False, breaks_after

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        if self._breaks_after is not None and len(self.pictures) >= self._breaks_after:
            raise SinkFailed("the disk is full")
        if state in (PictureState.FRESH, PictureState.INTERPOLATED):
            self.pictures.append(picture)

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class MemorySeat:
    """A seat in a room of this process: `talk` decides what the sender does who is met there."""

    def __init__(self, join: Callable[[], Join], house: "House") -> None:
        self.join, self.house, self.left = join, house, False

    async def meet(self) -> Transport:
        join = self.join()
        assert join.role is Role.RECEIVER
        self.house.tokens.append(join.token)
        return await self.house.send(join.room)

    async def leave(self) -> None:
        self.left = True


class House:
    """Rooms with senders in them, and the calls that are made of them. Rooms are named after what happens there."""

    def __init__(self, places: int, rejoin_seconds: float) -> None:
        self.worker = RenderWorker(MeshWarpBackend())
        self.ended: list[str] = []
        self.tokens: list[str] = []
        self.screens: dict[str, Screen] = {}
        self.seats: list[MemorySeat] = []
        self._rejoin_seconds = rejoin_seconds
        self._links: list[MemoryLink] = []
        self.remotes: dict[str, Remote] = {}
        self._talking: list[asyncio.Task[None]] = []
        self.calls = Calls(self.worker, places, self._make, on_end=lambda call: self.ended.append(call.room))

    def _make(self, assignment: Assignment) -> RunningCall:
        return RunningCall(assignment, self.worker, self._enter, self._open_sinks, self._rejoin_seconds)

    def _enter(self, join: Callable[[], Join]) -> MemorySeat:
        self.seats.append(MemorySeat(join, self))
        return self.seats[-1]

    def _open_sinks(self, assignment: Assignment) -> SinkSet:
        if assignment.room == "no-sinks":
            raise UserError("the disk is full")
        self.screens[assignment.room] = Screen(0 if assignment.room == "full-disk" else None)
        return SinkSet([self.screens[assignment.room]])

    async def send(self, room: str) -> Transport:
        """What somebody who enters the room meets."""
        if room == "empty" or room in self.remotes:
            await asyncio.Event().wait()
        link = MemoryLink()
        self._links.append(link)
        face = int(room.removeprefix("face")) if room.startswith("face") else 0
        self.remotes[room] = remote = Remote(link.a, model=motion_model(), face=face)
        self._talking.append(asyncio.ensure_future(self._talk(room, remote)))
        return link.b

    async def _talk(self, room: str, remote: Remote) -> None:
        if room == "garbage":
            for _ in range(200):
                await send_bytes(remote.transport, b"\xff" * 50)
        elif room == "lost":
            await remote.talk(300, bye=False)
            await remote.transport.close()
        else:
            await remote.talk(TALK_MS)

    def take(self, *rooms: str) -> list[bool]:
        return [self.calls.take(Assignment(room, f"token of {room}", "k" * 43)) for room in rooms]

    async def close(self) -> None:
        await self.calls.close()
        for remote in self.remotes.values():
            await remote.leave()
            await remote.transport.close()
        await asyncio.gather(*self._talking, return_exceptions=True)
        self.worker.close()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(places=8, rejoin_seconds=0.0)
    yield made
    await made.close()


def _likeness(picture: NDArray[np.uint8], seed: int) -> float:
    pair = picture.astype(float).ravel(), reference(seed).picture.astype(float).ravel()
    return float(np.corrcoef(*pair)[0, 1])


async def test_calls_that_run_together_show_each_its_own_face(house: House) -> None:
    assert house.take("face1", "face2", "face3") == [True] * 3
    assert house.calls.free == 5
    assert await house.calls.wait(20)
    for room in ("face1", "face2", "face3"):
        seed, pictures = int(room[-1]), house.screens[room].pictures
        assert pictures and house.screens[room].closed
        for picture in pictures:
            likeness = {other: _likeness(picture, other) for other in (1, 2, 3)}
            assert likeness[seed] > 0.4, "the face moves by an eighth of its width"
            assert all(likeness[other] < 0.25 for other in {1, 2, 3} - {seed})
    assert sorted(house.ended) == ["face1", "face2", "face3"] and house.calls.free == 8
    assert house.calls.ended == {EndReason.PEER_LEFT.value: 3}
    assert all(seat.left for seat in house.seats)


@pytest.mark.parametrize(
    ("room", "reason"),
    [
        ("garbage", EndReason.PEER_REFUSED.value),
        ("full-disk", EndReason.NO_SINK_LEFT.value),
        ("no-sinks", FAILED),
        ("lost", EndReason.PEER_LOST.value),
    ],
)
async def test_a_call_that_fails_ends_alone(house: House, room: str, reason: str) -> None:
    house.take("face1", room)
    await until(lambda: room in house.ended)
    assert house.calls.ended[reason] == 1 and house.calls.free == 8 - len(house.calls.running)
    assert house.take("face2") == [True], "its place is free again"
    assert await house.calls.wait(20)
    assert house.calls.ended == {reason: 1, EndReason.PEER_LEFT.value: 2}
    assert all(house.screens[good].pictures for good in ("face1", "face2"))
    assert house.worker.calls == 0


async def test_a_session_that_cannot_be_made_ends_its_call_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.take("face1")
    await until(lambda: house.calls.running[0].stats.counts["connections"] == 1)

    class Broken:
        def __init__(self) -> None:
            raise RuntimeError("no memory")

    monkeypatch.setattr("receiver.session_maker.VoiceFeatures", Broken)
    house.take("face2")
    await until(lambda: "face2" in house.ended)
    assert house.calls.ended[FAILED] == 1 and await house.calls.wait(20)
    assert house.calls.ended == {FAILED: 1, EndReason.PEER_LEFT.value: 1}


async def test_a_sender_that_left_before_it_was_met_frees_the_place(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_call, "POOL_MEET_S", 0.05)
    house.take("empty")
    await until(lambda: house.ended == ["empty"])
    assert house.calls.ended == {NEVER_CAME: 1} and house.seats[0].left


async def test_no_more_calls_than_places() -> None:
    house = House(places=2, rejoin_seconds=0.0)
    assert house.take("face1", "face2", "face3") == [True, True, False]
    assert house.calls.free == 0
    await house.close()
    assert house.calls.ended == {EndReason.STOPPED.value: 2}


async def test_a_full_network_has_no_place_free(house: House) -> None:
    house.take("face1")
    house.worker._load.level = LoadLevel.FULL
    assert house.calls.free == 0 and house.take("face2") == [False]
    house.worker._load.level = LoadLevel.LOWERED
    assert house.calls.free == 7


async def test_a_lost_sender_is_waited_for_and_met_by_the_newest_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.transport.rejoin.RETRY_S", 0.05)
    house = House(places=1, rejoin_seconds=5.0)
    house.take("lost")
    await until(lambda: len(house.tokens) == 1)
    assert house.calls.take(Assignment("lost", "a newer token", "k" * 43)), "the same room is no second call"
    await until(lambda: len(house.tokens) == 2)
    assert house.tokens == ["token of lost", "a newer token"] and len(house.calls.running) == 1
    await house.close()
    assert house.ended == ["lost"]


async def test_while_draining_no_call_is_taken_and_those_that_run_go_on(house: House) -> None:
    house.take("face1")
    house.calls.draining = True
    assert house.calls.free == 0 and house.take("face2") == [False]
    assert not await house.calls.wait(0.05)
    assert await house.calls.wait(20)
    assert house.calls.ended == {EndReason.PEER_LEFT.value: 1}


async def test_rows_of_a_call_can_be_forgotten_without_a_trace_in_the_counts(house: House) -> None:
    house.take("face1")
    await until(lambda: len(house.calls.running) == 1 and len(house.calls.running[0].stats.pictures) > 3)
    stats = house.calls.running[0].stats
    before = stats.counts["shown"]
    stats.forget_rows()
    assert (stats.pictures, stats.voice, stats.playout, stats.references) == ([], [], [], [])
    assert stats.counts["shown"] == before and await house.calls.wait(20)
    assert stats.counts["shown"] > before
