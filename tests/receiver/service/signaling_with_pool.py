"""A real signaling service in this process whose pool is the tests' own: rooms and tokens as in life, assignments by hand."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.test_utils import TestServer

from shared.pool_messages import Assign
from shared.signaling_messages import Role
from signaling.config import ServeConfig
from signaling.keys import new_secret
from signaling.server import make_app
from signaling.service import SignalingService
from signaling.tokens import sign_token
from tests.receiver.service.pool_server import PoolServer


@dataclass
class SignalingWithPool:
    """base: address without path."""

    base: str
    secret: str
    pool: PoolServer

    @property
    def rooms_url(self) -> str:
        return f"{self.base}/ws"

    def token(self, room: str, role: Role) -> str:
        return sign_token(self.secret, room, role, 300, time.time(), seat=role is Role.RECEIVER)

    async def assign(self, room: str, key: str, worker: int = -1) -> None:
        """Give a room to the worker that registered as that one."""
        await self.pool.say(Assign(room, self.token(room, Role.RECEIVER), key), worker)


@asynccontextmanager
async def signaling_with_pool(folder: Path) -> AsyncIterator[SignalingWithPool]:
    secret, pool = new_secret(), PoolServer()
    app = make_app(SignalingService(ServeConfig(), secret, new_secret()), folder / "no-page")
    app.router.add_get("/pool", pool.handle)
    server = TestServer(app)
    await server.start_server()
    try:
        yield SignalingWithPool(f"ws://127.0.0.1:{server.port}", secret, pool)
    finally:
        await server.close()
