"""Calls that come and go while signaling, Redis, receivers and TURN are killed: no wrong picture, no leak, no call lost.

    FACEWIRE_CHAOS_MINUTES=10 FACEWIRE_CHAOS_CALLS=50 FACEWIRE_CHAOS_OUT=chaos.json \\
        python -m pytest -s -m slow tests/e2e/test_chaos.py

Two signaling processes with one Redis, two receivers for many calls, and coturn where there is one, all as programs; the senders
are made up: each sends a face of its own for a second, then voice, and every fourth goes through the relay and nothing else.
Default: 1 minute, 8 calls at a time, for two cores.
"""

import asyncio
import json
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pytest
from aiortc.mediastreams import MediaStreamError

from experiments.demo.processes import Child, Children
from receiver.session_maker import motion_model
from shared.errors import RemoteError, UserError
from shared.join_token import join_from_token
from shared.provenance import commit, machine
from shared.signaling_messages import Role
from shared.transport.base import TransportClosed
from shared.transport.signaling_client import connect_call
from shared.transport.webrtc import WebRtcConfig
from signaling.keys import new_secret
from signaling.pool_tokens import sign_pool_token, sign_watch_token
from signaling.tokens import sign_token
from tests.e2e.service_processes import Picture, Viewer, start_worker
from tests.models.runtime.faces import reference
from tests.receiver.ports import free_port
from tests.receiver.remote import Remote
from tests.signaling.redis_process import RedisProcess
from tests.turn import COTURN_MISSING, Turn, coturn, has_coturn

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.network]
MINUTES = float(os.environ.get("FACEWIRE_CHAOS_MINUTES", "1"))
CALLS = int(os.environ.get("FACEWIRE_CHAOS_CALLS", "8"))
OUT = os.environ.get("FACEWIRE_CHAOS_OUT")
TROUBLE_S = 9.0
BACK_S = 1.0
"""How long what was killed stays away."""
RECEIVER_BACK_S = 6.0
"""A receiver stays away for longer: its start takes the processors that its calls need to get to the other one."""
BACK_IN_CALL_S = 5.0
FACES = 4
MOTION_MS = 1000
RELAYED_EVERY = 4
LEAK_MB = 40.0
"""What the signaling process that is never killed may gain from its first settled minute to the end, everybody gone."""
RECEIVERS = 2
REDIS_SOCKETS = 64
"""As many as there were commands at once, kept for the next crowd."""
EMPTY_S = 75.0
"""Until a room that nobody is in is forgotten: its last seat's lease, and the minute it is kept for those who come back."""


@dataclass
class World:
    """Everything that runs, and what was seen of it."""

    folder: Path
    children: Children
    redis: RedisProcess
    turn: Turn | None
    random: random.Random
    secret: str = field(default_factory=new_secret)
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    signaling: dict[int, Child] = field(default_factory=dict)
    receivers: list[Child] = field(default_factory=list)
    on_show: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """Why joins failed, in the words that a person would read."""
    back_s: dict[str, list[float]] = field(default_factory=dict)
    """From the moment at which something was killed to a call's being connected again, by what was killed."""
    killed: tuple[str, float] = ("nothing", 0.0)

    def start_signaling(self, port: int) -> None:
        arguments = ["signaling", "serve", "--port", str(port), "--secret-file", str(self.folder / "secret")]
        if self.turn is not None:
            arguments += ["--ice-server", self.turn.url, "--turn-secret-file", str(self.turn.secret_file)]
        self.signaling[port] = self.children.start("signaling", [*arguments, "--redis", self.redis.url])

    def start_receiver(self, port: int) -> None:
        more = ("--calls", str(CALLS), "--rejoin-seconds", "1")
        worker = start_worker(self.children, f"ws://127.0.0.1:{port}", self.folder / "pool.token", *more)
        self.receivers.append(worker.child)

    def old_signaling(self) -> psutil.Process:
        """The one that is never killed."""
        return psutil.Process(self.signaling[self.ports[1]]._process.pid)

    def kill(self, what: str) -> None:
        """Without a word."""
        self.counts[f"killed: {what}"] += 1
        self.killed = (what, time.monotonic())
        if what == "receiver":
            self.receivers.pop(0)._process.kill()
        elif what == "signaling":
            self.signaling[self.ports[0]]._process.kill()
        elif what == "redis":
            self.redis.kill()
        elif self.turn is not None:
            self.turn.kill()

    def bring_back(self, what: str) -> None:
        if what == "receiver":
            self.start_receiver(self.random.choice(self.ports))
        elif what == "signaling":
            self.start_signaling(self.ports[0])
        elif what == "redis":
            self.redis.start()
        elif self.turn is not None:
            self.turn.start()

    def came_back(self) -> None:
        what, at_s = self.killed
        self.back_s.setdefault(what, []).append(time.monotonic() - at_s)

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
    with ExitStack() as stack:
        stack.callback(redis.kill)
        redis.start()
        (tmp_path / "turn").mkdir()
        turn = stack.enter_context(coturn(tmp_path / "turn")) if has_coturn() else None
        if turn is None:
            print(f"without a relay: {COTURN_MISSING}")
        made = World(tmp_path, stack.enter_context(Children()), redis, turn, random.Random(1))
        (tmp_path / "secret").write_text(made.secret)
        (tmp_path / "pool.token").write_text(sign_pool_token(made.secret, 3600, time.time()))
        for port in made.ports:
            made.start_signaling(port)
        yield made


async def one_place(world: World, number: int, end_s: float) -> None:
    """One call after the other until the end, each in a room of its own; one that loses its receiver comes back to its room."""
    config = WebRtcConfig(relay_only=world.turn is not None and number % RELAYED_EVERY == 0)
    await asyncio.sleep(world.random.uniform(0.0, 10.0))
    turn = 0
    while time.monotonic() < end_s:
        room, face = f"room-{number}-{turn}", world.random.randrange(FACES)
        turn += 1
        left_s = time.monotonic() + world.random.uniform(6.0, 20.0) * max(1.0, CALLS / 16)
        lost = False
        while time.monotonic() < min(left_s, end_s):
            try:
                token = sign_token(world.secret, room, Role.SENDER, 60, time.time(), pool=True)
                async with asyncio.timeout(10):
                    transport = await connect_call(f"ws:{world.base()}/ws", join_from_token(token), config)
            except (UserError, RemoteError, TimeoutError) as error:
                world.counts["joins that failed"] += 1
                world.refusals[str(error) or "10 s were not enough"] += 1
                await asyncio.sleep(0.3)
                continue
            if lost:
                world.came_back()
            world.counts["connections"] += 1
            world.counts["connections through the relay"] += config.relay_only
            remote = Remote(transport, motion_until_ms=MOTION_MS, model=motion_model(), face=face)
            world.on_show[room] = face
            try:
                async with asyncio.timeout(max(0.1, left_s - time.monotonic())):
                    await remote.talk(60_000)
                lost = True
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
    """Receiver, signaling, Redis and relay by turns, without a word, and back after a while."""
    kinds = ("receiver", "signaling", "redis", "turn")[: 3 if world.turn is None else 4]
    for what in cycle(kinds):
        await asyncio.sleep(TROUBLE_S)
        if time.monotonic() > end_s - TROUBLE_S:
            return
        world.kill(what)
        await asyncio.sleep(RECEIVER_BACK_S if what == "receiver" else BACK_S)
        await asyncio.to_thread(world.bring_back, what)


async def watch_size(world: World, sizes: list[float], end_s: float) -> None:
    """Resident memory of the signaling process that is never killed, MB, every ten seconds."""
    while time.monotonic() < end_s:
        await asyncio.sleep(10.0)
        sizes.append(world.old_signaling().memory_info().rss / 1e6)


async def test_calls_come_and_go_while_everything_is_killed_by_turns(world: World) -> None:
    for port in world.ports:
        world.start_receiver(port)
    async with aiohttp.ClientSession() as http:
        for port in world.ports:
            await _answers(http, f"http://127.0.0.1:{port}/readyz")
    await asyncio.sleep(5.0)
    before, end_s = world.old_signaling().num_fds(), time.monotonic() + 60 * MINUTES
    places = [one_place(world, number, end_s) for number in range(CALLS)]
    sizes: list[float] = []
    others = look(world, end_s), make_trouble(world, end_s), watch_size(world, sizes, end_s)
    await asyncio.gather(*places, *others)
    await asyncio.sleep(EMPTY_S)
    found = {"minutes": MINUTES, "calls": CALLS, **_seen(world), **await _left(world, before, sizes)}
    print(f"\n{json.dumps(found, indent=1)}")
    if OUT:
        Path(OUT).write_text(json.dumps({"machine": machine(), "commit": commit(), **found}, indent=1) + "\n")
    assert world.counts["wrong pictures"] == 0 < world.counts["pictures looked at"]
    assert world.counts["calls that ended in order"] >= CALLS
    back = world.back_s.get("receiver")
    assert not back or statistics.median(back) < BACK_IN_CALL_S
    assert found["rooms_left"] == 0 and len(found["kept_for_ever"]) <= 2, (
        "a list of rooms, one of connections"
    )
    assert found["sockets_of_people_left"] <= RECEIVERS and found["signaling_gained_mb"] < LEAK_MB
    assert found["descriptors"]["after"] <= found["descriptors"]["before"] + REDIS_SOCKETS


def _seen(world: World) -> dict[str, Any]:
    back = {what: sorted(times) for what, times in world.back_s.items()}
    return {
        "counts": dict(world.counts), "joins_failed": dict(world.refusals.most_common()),
        "back_s": {
            what: {"times": len(all_s), "median": round(statistics.median(all_s), 1), "longest": round(all_s[-1], 1)}
            for what, all_s in back.items()
        },
    }  # fmt: skip


async def _left(world: World, descriptors: int, sizes: list[float]) -> dict[str, Any]:
    """What is still there when everybody has gone. sizes: of the signaling process that was never killed."""
    held = await asyncio.to_thread(world.redis.lives_s)
    process = world.old_signaling()
    people = [
        one
        for one in process.net_connections()
        if one.status == "ESTABLISHED" and one.laddr.port == world.ports[1]
    ]
    now_mb = process.memory_info().rss / 1e6
    return {
        "rooms_left": sum(name.startswith("facewire:room:") for name in held),
        "kept_for_ever": [name for name, life_s in held.items() if life_s is None],
        "descriptors": {"before": descriptors, "after": process.num_fds()},
        "sockets_of_people_left": len(people),
        "signaling_mb": [round(size, 1) for size in sizes],
        "signaling_gained_mb": round(now_mb - sizes[min(5, len(sizes) - 1)], 1),
    }


async def _answers(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(aiohttp.ClientError):
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
