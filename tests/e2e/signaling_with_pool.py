"""A real signaling service in this process, with its own pool."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

from shared.signaling_messages import Role
from signaling.config import ServeConfig
from signaling.keys import new_secret
from signaling.pool_tokens import sign_pool_token, sign_watch_token
from signaling.server import make_app
from signaling.service import SignalingService
from signaling.tokens import sign_token

_LIFE_S = 300


@dataclass
class SignalingWithPool:
    """base: address without path, ws://HOST:PORT."""

    base: str
    secret: str
    service: SignalingService

    @property
    def rooms_url(self) -> str:
        return f"{self.base}/ws"

    def sender_token(self, room: str) -> str:
        """Of a sender that wants a receiver of the pool."""
        return sign_token(self.secret, room, Role.SENDER, _LIFE_S, time.time(), pool=True)

    def pool_token(self) -> str:
        return sign_pool_token(self.secret, _LIFE_S, time.time())

    async def watch(self, room: str) -> tuple[str, str] | None:
        """Where a viewer of the room goes now, and with which key."""
        token = sign_watch_token(self.secret, room, _LIFE_S, time.time())
        async with aiohttp.ClientSession() as http:
            url = self.base.replace("ws://", "http://") + "/watch"
            async with http.post(url, json={"room": room, "token": token}) as response:
                if response.status != 200:
                    return None
                told = await response.json()
                return told["url"], told["key"]


@asynccontextmanager
async def signaling_with_pool(folder: Path) -> AsyncIterator[SignalingWithPool]:
    secret = new_secret()
    service = SignalingService(ServeConfig(), secret, new_secret())
    server = TestServer(make_app(service, folder / "no-page"))
    await server.start_server()
    try:
        yield SignalingWithPool(f"ws://127.0.0.1:{server.port}", secret, service)
    finally:
        await server.close()
