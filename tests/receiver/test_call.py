"""receiver.call: a call over several connections, in one recording."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.call import ReceiverCall
from receiver.call_end import EndReason
from receiver.render_worker import RenderWorker
from receiver.session import ReceiverSession
from receiver.sinks.open import SinkSet, open_sinks
from receiver.stats import CallStats
from shared.errors import UserError
from shared.transport.base import Transport
from shared.transport.memory_link import MemoryLink
from tests.receiver.remote import MODEL, Remote
from tests.receiver.sinks.media import pictures_of


class Room:
    """Where the receiver meets one remote after another. talk_ms: how long each talks; None: nobody comes."""

    def __init__(self, folder: Path, talk_ms: list[int | None], rejoin_seconds: float = 5.0) -> None:
        self.mp4, self.stats = folder / "call.mp4", CallStats()
        self.sinks = open_sinks([f"mp4:{self.mp4}"])
        self.worker = RenderWorker(MeshWarpBackend())
        self.remotes: list[Remote] = []
        self._talk_ms = list(talk_ms)
        self._talking: list[asyncio.Task[None]] = []
        self.call = ReceiverCall(self._meet, self._session, self.sinks, None, rejoin_seconds)

    async def close(self) -> None:
        for remote in self.remotes:
            await remote.leave()
            await remote.transport.close()
        await asyncio.gather(*self._talking)
        self.sinks.close()
        self.worker.close()

    async def _meet(self) -> Transport:
        talk_ms = self._talk_ms.pop(0) if self._talk_ms else None
        if talk_ms is None:
            raise UserError("nobody is there")
        link = MemoryLink()
        remote = Remote(link.a)
        self.remotes.append(remote)
        self._talking.append(asyncio.ensure_future(self._talk(remote, talk_ms, last=not self._talk_ms)))
        return link.b

    async def _talk(self, remote: Remote, talk_ms: int, last: bool) -> None:
        await remote.talk(talk_ms, bye=last)
        if not last:
            await remote.transport.close()

    async def _session(self, transport: Transport, part: SinkSet, left_s: float | None) -> ReceiverSession:
        return ReceiverSession(transport, self.worker, part, MODEL, left_s, self.stats)


@pytest.fixture
async def room_of(tmp_path: Path) -> AsyncIterator[Callable[..., Room]]:
    made: list[Room] = []

    def make(talk_ms: list[int | None], rejoin_seconds: float = 5.0) -> Room:
        made.append(Room(tmp_path, talk_ms, rejoin_seconds))
        return made[-1]

    yield make
    for room in made:
        await room.close()


async def test_a_peer_that_comes_back_is_recorded_in_the_same_file(room_of: Callable[..., Room]) -> None:
    room = room_of([700, 700])
    end = await room.call.run()
    assert end.reason is EndReason.PEER_LEFT and room.stats.counts["connections"] == 2
    room.sinks.close()
    times_s = [time_s for time_s, _ in pictures_of(room.mp4)]
    assert times_s == sorted(set(times_s)) and times_s[-1] > 1.2
    shown = [row for row in room.stats.pictures if row.state == "WAITING"]
    second = room.stats.pictures.index(next(r for r in room.stats.pictures if r.shown_us > _middle(room)))
    assert all(room.stats.pictures.index(row) < second for row in shown), "no card once there was a picture"


def _middle(room: Room) -> int:
    return (room.stats.pictures[0].shown_us + room.stats.pictures[-1].shown_us) // 2


async def test_a_peer_that_stays_away_ends_the_call_after_the_time_it_is_waited_for(
    room_of: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.transport.rejoin.RETRY_S", 0.05)
    for rejoin_seconds in (0.0, 0.4):
        room = room_of([300, None, None], rejoin_seconds)
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        end = await room.call.run()
        assert end.reason is EndReason.PEER_LOST and room.stats.counts["connections"] == 1
        assert loop.time() - start_s < 0.3 + rejoin_seconds + 1.0


async def test_stop_ends_the_waiting_too(room_of: Callable[..., Room]) -> None:
    room = room_of([300, None, None], 60.0)
    running = asyncio.ensure_future(room.call.run())
    while not room.call.waits:
        await asyncio.sleep(0.02)
    room.call.stop()
    assert (await running).reason is EndReason.STOPPED


async def test_a_first_meeting_that_fails_is_the_callers_to_know(room_of: Callable[..., Room]) -> None:
    with pytest.raises(UserError, match="nobody"):
        await room_of([None]).call.run()


async def test_stop_before_anybody_came(room_of: Callable[..., Room]) -> None:
    room = room_of([])

    async def forever() -> Transport:
        await asyncio.Event().wait()
        raise AssertionError

    call = ReceiverCall(forever, room._session, room.sinks)
    asyncio.get_running_loop().call_later(0.05, call.stop)
    assert (await call.run()).reason is EndReason.STOPPED
