"""A pool for tests of its clients: a real aiohttp service that says what it is told to, and keeps what it heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from shared.pool_messages import Capacity, PoolMessage, Register, Released, parse, serialise
from tests.shared.transport.whip_client import until

Kind = TypeVar("Kind")


@dataclass
class PoolServer:
    """refuse_with: instead of taking who registers."""

    heard: list[PoolMessage] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    gone: list[web.WebSocketResponse] = field(default_factory=list)
    refuse_with: PoolMessage | str | None = None
    url: str = ""

    async def say(self, message: PoolMessage | str, worker: int = -1) -> None:
        """To one of those who registered, the last one by default."""
        await self.sockets[worker].send_str(message if isinstance(message, str) else serialise(message))

    async def registered(self, times: int = 1) -> Register:
        """Wait for that many registrations; the last one."""
        await until(lambda: len(self.of(Register)) >= times)
        return self.of(Register)[-1]

    def of(self, kind: type[Kind]) -> list[Kind]:
        """What was heard of this kind."""
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def free(self) -> int | None:
        """The last capacity."""
        told = self.of(Capacity)
        return told[-1].calls if told else None

    @property
    def released(self) -> list[str]:
        """Rooms that were given back."""
        return [message.room for message in self.of(Released)]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for frame in socket:
            assert frame.type is WSMsgType.TEXT
            self.heard.append(parse(frame.data))
            if self.refuse_with is not None:
                await self.say(self.refuse_with)
                await socket.close()
        self.gone.append(socket)
        return socket


@asynccontextmanager
async def pool_server() -> AsyncIterator[PoolServer]:
    pool = PoolServer()
    app = web.Application()
    app.router.add_get("/pool", pool.handle)
    server = TestServer(app)
    await server.start_server()
    pool.url = f"ws://127.0.0.1:{server.port}/pool"
    try:
        yield pool
    finally:
        async with asyncio.timeout(5):
            await server.close()
