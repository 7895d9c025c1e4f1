"""A real service on a loopback port, its clocks in the test's hand, and peers that speak the protocol to it."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient

from shared.signaling_messages import Join, Message, Role, parse, serialise
from signaling.config import ServeConfig
from signaling.keys import new_secret
from signaling.lobby import Clocks, MemoryLobby
from signaling.service import SignalingService
from signaling.tokens import sign_token

SECRET = new_secret()
CONFIG = ServeConfig(
    ice_urls=("stun:stun.test:1", "turn:turn.test:1"), allowed_origins=("https://call.test",)
)


@dataclass
class Time:
    """Both clocks of a service, moved by hand."""

    ms: int = 0
    unix_s: float = 1_800_000_000.0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.ms, lambda: self.unix_s)


@dataclass
class Bench:
    """A running service and a client of it."""

    client: TestClient  # type: ignore[type-arg]  # generic in aiohttp's private request type
    service: SignalingService
    time: Time
    sockets: list[ClientWebSocketResponse] = field(default_factory=list)

    @property
    def lobby(self) -> MemoryLobby:
        """Where the rooms of this service are."""
        assert isinstance(self.service.lobby, MemoryLobby)
        return self.service.lobby

    def token(self, room: str = "r", role: Role = Role.PEER, seconds: int = 60) -> str:
        return sign_token(SECRET, room, role, seconds, self.time.unix_s)

    async def connect(self) -> ClientWebSocketResponse:
        socket = await self.client.ws_connect("/ws")
        self.sockets.append(socket)
        return socket

    async def join(
        self, room: str = "r", role: Role = Role.PEER, token: str | None = None
    ) -> tuple[ClientWebSocketResponse, Message]:
        socket = await self.connect()
        await socket.send_str(serialise(Join(room, role, self.token(room, role) if token is None else token)))
        return socket, await hear(socket)


async def hear(socket: ClientWebSocketResponse) -> Message:
    """The next message; fails when the socket closes or stays silent instead."""
    frame = await socket.receive(timeout=5)
    assert frame.type is WSMsgType.TEXT, frame
    return parse(frame.data)


async def closed_with(socket: ClientWebSocketResponse) -> int | None:
    """The code the service closed with, after whatever it still said."""
    async with asyncio.timeout(5):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code
