"""`python -m receiver serve`: many calls in one process, seen by their own viewers, and moved when the process is killed."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from experiments.demo.processes import Children
from receiver.session_maker import motion_model
from shared.control import Bye
from shared.join_token import join_from_token
from shared.transport.signaling_client import connect_call
from tests.e2e.media import faces, steadily, write_clip
from tests.e2e.programs import START_S
from tests.e2e.service_processes import Picture, Viewer, ready, start_worker
from tests.e2e.signaling_with_pool import SignalingWithPool, signaling_with_pool
from tests.models.runtime.faces import reference
from tests.receiver.remote import Remote
from tests.receiver.sinks.media import pictures_of
from tests.shared.transport.whip_client import until

pytestmark = [pytest.mark.e2e, pytest.mark.network]
ROOMS = {"one": 1, "two": 2}
"""Rooms, and the seed of the face in each."""


@pytest.fixture
async def signaling(tmp_path: Path) -> AsyncIterator[SignalingWithPool]:
    async with signaling_with_pool(tmp_path) as made:
        (tmp_path / "pool.token").write_text(made.pool_token())
        yield made


def likeness(picture: Picture, seed: int) -> float:
    pair = picture.astype(float).ravel(), reference(seed).picture.astype(float).ravel()
    return float(np.corrcoef(*pair)[0, 1])


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender that has met its receiver, and what it is at: talking for a minute."""

    remote: Remote
    talking: asyncio.Task[None]

    async def hang_up(self) -> None:
        await self.remote.leave()
        await self.remote.transport.close()
        await asyncio.wait({self.talking})


async def talk(signaling: SignalingWithPool, room: str, seed: int) -> Sender:
    transport = await connect_call(signaling.rooms_url, join_from_token(signaling.sender_token(room)))
    remote = Remote(transport, model=motion_model(), face=seed)
    return Sender(remote, asyncio.ensure_future(remote.talk(60_000)))


async def _seen(signaling: SignalingWithPool, room: str, count: int = 10) -> list[Picture]:
    viewer = Viewer()
    try:
        await viewer.watch(partial(signaling.watch, room))
        return await viewer.pictures(count)
    finally:
        await viewer.close()


async def test_one_process_shows_each_viewer_the_call_of_its_room_and_hangs_up_in_good_order(
    tmp_path: Path, signaling: SignalingWithPool
) -> None:
    with Children() as children:
        more = ("--calls", "3", "--drain-seconds", "0")
        worker = start_worker(children, signaling.base, tmp_path / "pool.token", *more)
        await ready(worker)
        coming = [asyncio.ensure_future(talk(signaling, room, seed)) for room, seed in ROOMS.items()]
        async with asyncio.timeout(START_S):
            senders = await asyncio.gather(*coming)
        seen = await asyncio.gather(*(_seen(signaling, room) for room in ROOMS))
        for room, pictures in zip(ROOMS, seen, strict=True):
            for picture in pictures:
                own, other = (likeness(picture, ROOMS[name]) for name in (room, *(ROOMS.keys() - {room})))
                assert own > 0.4 and other < 0.25, "a picture of its own room only"
        await until(lambda: worker.last.get("calls") == 2 and signaling.service.pool.numbers.free == 1)
        worker.child._process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.child.wait, 20.0) and worker.child.status == 0, (
            worker.child.last_words
        )
        await until(lambda: signaling.service.pool.numbers.workers == 0)
        for sender in senders:
            assert any(isinstance(message, Bye) for message in sender.remote.heard)
            await sender.hang_up()


@pytest.mark.slow
async def test_calls_of_a_killed_process_are_seen_at_another_within_five_seconds(
    tmp_path: Path, signaling: SignalingWithPool
) -> None:
    """Two real senders, one of them in the dark: which of them is on show is told by the light."""
    films = {"bright": tmp_path / "bright.mp4", "dark": tmp_path / "dark.mp4"}
    write_clip(films["bright"], faces(100), steadily(100))
    write_clip(
        films["dark"], faces(100), steadily(100), change=lambda picture: (picture * 0.5).astype(np.uint8)
    )
    light = {room: _light(films[room]) for room in films}
    assert light["dark"] < 0.7 * light["bright"]
    middle = (light["dark"] + light["bright"]) / 2
    with Children() as children:
        first = start_worker(children, signaling.base, tmp_path / "pool.token", "--calls", "2")
        await ready(first)
        for room, film in films.items():
            token = tmp_path / f"{room}.token"
            token.write_text(signaling.sender_token(room))
            arguments = ["sender", "--source", str(film), "--loop", "--signaling", signaling.rooms_url]
            children.start("sender", [*arguments, "--token-file", str(token)])
        for room, pictures in zip(films, await _all_seen(signaling, films), strict=True):
            assert all((picture.mean() > middle) == (room == "bright") for picture in pictures)
        await ready(start_worker(children, signaling.base, tmp_path / "pool.token", "--calls", "2"))
        first.kill()
        killed_s = time.monotonic()
        await until(lambda: signaling.service.pool.numbers.workers == 1)
        again = await _all_seen(signaling, films, count=1)
        took_s = time.monotonic() - killed_s
        print(f"both calls seen again after {took_s:.1f} s")
        assert took_s < 5.0
        for room, pictures in zip(films, again, strict=True):
            assert all((picture.mean() > middle) == (room == "bright") for picture in pictures)


async def _all_seen(
    signaling: SignalingWithPool, rooms: Iterable[str], count: int = 25
) -> list[list[Picture]]:
    return await asyncio.gather(*(_seen(signaling, room, count) for room in rooms))


def _light(film: Path) -> float:
    return float(np.mean([picture.mean() for _, picture in pictures_of(film)]))
