"""`python -m receiver serve` as processes, their viewers, and what these see."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import av
import numpy as np
from numpy.typing import NDArray

from experiments.demo.processes import Child, Children, Report
from receiver.disclosure import mark, waiting_picture
from tests.e2e.programs import START_S
from tests.receiver.ports import free_port
from tests.shared.transport.whip_client import WhipClient, playing, until

Picture = NDArray[np.uint8]


@dataclass
class Worker:
    """One service process. reports: what it says once a second."""

    child: Child
    watch: str
    reports: list[Report] = field(default_factory=list)

    @property
    def last(self) -> Report:
        return self.reports[-1] if self.reports else {}

    def kill(self) -> None:
        """Without a word, as a machine that loses its power."""
        self.child._process.kill()


def start_worker(children: Children, base: str, token: Path, *more: str) -> Worker:
    """A service that needs no trained network. base: of the signaling service, ws://HOST:PORT."""
    reports: list[Report] = []
    watch = f"127.0.0.1:{free_port()}"
    arguments = ["receiver", "serve", "--pool", f"{base}/pool", "--pool-token-file", str(token)]
    arguments += ["--backend", "mesh-warp", "--watch", watch, *more]
    return Worker(children.start("receiver", arguments, reports.append), f"http://{watch}", reports)


async def ready(worker: Worker) -> None:
    """Wait until the pool knows it."""
    with suppress(TimeoutError):
        await until(lambda: worker.last.get("registered") is True, START_S)
    assert worker.last.get("registered"), worker.child.last_words


class Viewer:
    """Watches one room; `pictures` gives those that are not the card of before the first one."""

    def __init__(self) -> None:
        self._client = WhipClient()

    async def watch(self, where: Callable[[], Awaitable[tuple[str, str] | None]]) -> None:
        """Start as soon as the room is served. where: address and key, as the signaling service tells them."""
        async with asyncio.timeout(START_S):
            while (told := await where()) is None or await self._status(*told) != 204:
                await asyncio.sleep(0.6)  # the rate of one address
        assert await self._client.start(told[0], playing, told[1]) == 201

    async def pictures(self, count: int) -> list[Picture]:
        card = mark(waiting_picture(256)).astype(int)
        found: list[Picture] = []
        async with asyncio.timeout(START_S):
            while len(found) < count:
                frame = await self._client.tracks["video"].recv()
                assert isinstance(frame, av.VideoFrame)
                picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                if np.abs(picture.astype(int) - card).mean() > 10:
                    found.append(picture)
        return found

    async def close(self) -> None:
        await self._client.close()

    async def _status(self, url: str, key: str) -> int:
        try:
            async with aiohttp.ClientSession() as http:
                response = await http.get(url, headers={"Authorization": f"Bearer {key}"})
                return response.status
        except aiohttp.ClientConnectionError:
            return 0
