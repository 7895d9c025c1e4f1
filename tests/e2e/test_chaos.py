"""Calls that come and go while signaling processes, Redis and receivers are killed: no wrong picture, no call that stays lost.

    FACEWIRE_CHAOS_MINUTES=10 FACEWIRE_CHAOS_CALLS=50 python -m pytest -s -m slow tests/e2e/test_chaos.py

Two signaling processes with one Redis and two receivers for many calls, all as programs; the senders are made up: each sends a
face of its own for a second, then voice. Default: 1 minute, 8 calls at a time, for two cores.
"""

import asyncio
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from experiments.demo.processes import Child, Children
from receiver.session_maker import motion_model
from shared.errors import RemoteError, UserError
from shared.join_token import join_from_token
from shared.signaling_messages import Role
from shared.transport.base import TransportClosed
from shared.transport.signaling_client import connect_call
from signaling.keys import new_secret
from signaling.pool_tokens import sign_pool_token, sign_watch_token
from signaling.tokens import sign_token
from tests.e2e.service_processes import Picture, Viewer, start_worker
from tests.models.runtime.faces import reference
from tests.receiver.ports import free_port
from tests.receiver.remote import Remote
from tests.signaling.redis_process import RedisProcess

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.network]
MINUTES = float(os.environ.get("FACEWIRE_CHAOS_MINUTES", "1"))
CALLS = int(os.environ.get("FACEWIRE_CHAOS_CALLS", "8"))
TROUBLE_S = 12.0
BACK_S = 1.0
"""How long what was killed stays away."""
BACK_IN_CALL_S = 5.0
FACES = 4
MOTION_MS = 1000


@dataclass
class World:
    """Everything that runs, and what was seen of it."""

    folder: Path
    children: Children
    redis: RedisProcess
    random: random.Random
    secret: str = field(default_factory=new_secret)
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    signaling: dict[int, Child] = field(default_factory=dict)
    receivers: list[Child] = field(default_factory=list)
    on_show: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    back_s: list[float] = field(default_factory=list)

    def start_signaling(self, port: int) -> None:
        arguments = ["signaling", "serve", "--port", str(port), "--secret-file", str(self.folder / "secret")]
        self.signaling[port] = self.children.start("signaling", [*arguments, "--redis", self.redis.url])

    def start_receiver(self, port: int) -> None:
        more = ("--calls", str(CALLS), "--rejoin-seconds", "1")
        worker = start_worker(self.children, f"ws://127.0.0.1:{port}", self.folder / "pool.token", *more)
        self.receivers.append(worker.child)

    def base(self) -> str:
        return f"//127.0.0.1:{self.random.choice(self.ports)}"

    async def where(self, room: str) -> tuple[str, str] | None:
        """Where a viewer goes, as any of the processes says."""
        token = sign_watch_token(self.secret, room, 60, time.time())
        try:
            async with aiohttp.ClientSession() as http:
                url = f"http:{self.base()}/watch"
                async with http.post(url, json={"room": room, "token": token}) as response:
                    told = await response.json() if response.status == 200 else None
        except aiohttp.ClientError:
            return None
        return None if told is None else (told["url"], told["key"])


@pytest.fixture(autouse=True)
def households(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection of this process comes from a loopback address of its own: limits of one address are not the matter here."""
    begin, chance = aiohttp.TCPConnector.__init__, random.Random(2)

    def elsewhere(self: aiohttp.TCPConnector, *given: Any, **named: Any) -> None:
        address = f"127.{chance.randrange(1, 255)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        begin(self, *given, **({"local_addr": (address, 0)} | named))

    monkeypatch.setattr(aiohttp.TCPConnector, "__init__", elsewhere)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    redis = RedisProcess()
    redis.start()
    try:
        with Children() as children:
            made = World(tmp_path, children, redis, random.Random(1))
            (tmp_path / "secret").write_text(made.secret)
            (tmp_path / "pool.token").write_text(sign_pool_token(made.secret, 3600, time.time()))
            for port in made.ports:
                made.start_signaling(port)
            yield made
    finally:
        redis.kill()


async def one_place(world: World, number: int, end_s: float) -> None:
    """One call after the other until the end, each in a room of its own; one that loses its receiver comes back to its room."""
    turn = 0
    while time.monotonic() < end_s:
        room, face = f"room-{number}-{turn}", world.random.randrange(FACES)
        turn += 1
        left_s = time.monotonic() + world.random.uniform(6.0, 20.0)
        lost_s: float | None = None
        while time.monotonic() < min(left_s, end_s):
            try:
                token = sign_token(world.secret, room, Role.SENDER, 60, time.time(), pool=True)
                async with asyncio.timeout(10):
                    transport = await connect_call(f"ws:{world.base()}/ws", join_from_token(token))
            except (UserError, RemoteError, TimeoutError):
                world.counts["joins that failed"] += 1
                await asyncio.sleep(0.3)
                continue
            if lost_s is not None:
                world.back_s.append(time.monotonic() - lost_s)
            world.counts["connections"] += 1
            remote = Remote(transport, motion_until_ms=MOTION_MS, model=motion_model(), face=face)
            world.on_show[room] = face
            try:
                async with asyncio.timeout(max(0.1, left_s - time.monotonic())):
                    await remote.talk(60_000)
                lost_s = time.monotonic()
            except TimeoutError:
                world.counts["calls that ended in order"] += 1
            finally:
                world.on_show.pop(room, None)
                await remote.leave()
                with suppress(TransportClosed):
                    await transport.close()


async def look(world: World, end_s: float) -> None:
    """A viewer of one call after the other: only the face of that call may be seen."""
    await asyncio.sleep(5.0)
    while time.monotonic() < end_s:
        if not world.on_show:
            await asyncio.sleep(0.2)
            continue
        room = world.random.choice(sorted(world.on_show))
        face, viewer = world.on_show[room], Viewer()
        with suppress(TimeoutError, AssertionError, MediaStreamError, aiohttp.ClientError):
            async with asyncio.timeout(8):
                await viewer.watch(lambda room=room: world.where(room))  # type: ignore[misc]
                for picture in await viewer.pictures(2):
                    seen = [_likeness(picture, known) for known in range(FACES)]
                    world.counts["pictures looked at"] += 1
                    world.counts["wrong pictures"] += seen.index(max(seen)) != face
        await viewer.close()


def _likeness(picture: Picture, face: int) -> float:
    pair = picture.astype(float).ravel(), reference(face).picture.astype(float).ravel()
    return float(np.corrcoef(*pair)[0, 1])


async def make_trouble(world: World, end_s: float) -> None:
    """Signaling, Redis and receivers by turns, without a word, and back after a second."""
    for turn in range(1000):
        await asyncio.sleep(TROUBLE_S)
        if time.monotonic() > end_s - TROUBLE_S:
            return
        what = ("receiver", "signaling", "redis")[turn % 3]
        world.counts[f"killed: {what}"] += 1
        if what == "receiver":
            world.receivers.pop(0)._process.kill()
        elif what == "signaling":
            world.signaling[world.ports[0]]._process.kill()
        else:
            world.redis.kill()
        await asyncio.sleep(BACK_S)
        if what == "receiver":
            world.start_receiver(world.ports[turn // 3 % 2])
        elif what == "signaling":
            world.start_signaling(world.ports[0])
        else:
            await asyncio.to_thread(world.redis.start)


async def test_calls_come_and_go_while_everything_is_killed_by_turns(world: World) -> None:
    for port in world.ports:
        world.start_receiver(port)
    async with aiohttp.ClientSession() as http:
        for port in world.ports:
            await _answers(http, f"http://127.0.0.1:{port}/readyz")
    await asyncio.sleep(5.0)
    end_s = time.monotonic() + 60 * MINUTES
    places = [one_place(world, number, end_s) for number in range(CALLS)]
    await asyncio.gather(*places, look(world, end_s), make_trouble(world, end_s))
    back = sorted(world.back_s)
    print(f"\n{dict(world.counts)}\nback in their calls: {len(back)}", end="")
    if back:
        print(f", median {statistics.median(back):.1f} s, longest {back[-1]:.1f} s")
    assert world.counts["wrong pictures"] == 0 < world.counts["pictures looked at"]
    assert world.counts["calls that ended in order"] >= CALLS
    assert not back or statistics.median(back) < BACK_IN_CALL_S


async def _answers(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(aiohttp.ClientError):
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
