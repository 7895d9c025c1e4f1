"""The service's place in the pool of a signaling service: says how many calls it could take, hears which rooms to take.

    register, capacity (heartbeat), released --> WebSocket /pool --> assign

May import aiohttp; must not import engines or calls. Invariant: whatever the pool sends, or however often it goes away, this
ends only when it is cancelled, or with the UserError of a registration that was refused before any was accepted.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import aiohttp

from receiver.service.running_call import Assignment
from shared.errors import RemoteError, UserError
from shared.limits import (
    POOL_HEARTBEAT_MS,
    POOL_RETRY_MAX_MS,
    POOL_RETRY_MIN_MS,
    POOL_SAY_MIN_MS,
    SIGNALING_MESSAGE_MAX_BYTES,
)
from shared.pool_messages import Assign, Capacity, PoolMessage, Register, Released, parse, serialise
from shared.signaling_messages import Error, ErrorCode

_LOG: Final = logging.getLogger("facewire.receiver.service")
_CONNECT_S: Final = 10.0
_PING_S: Final = 10.0
_CLOSE_S: Final = 1.0
_MENDABLE: Final = (ErrorCode.MALFORMED, ErrorCode.BAD_TOKEN, ErrorCode.EXPIRED_TOKEN, ErrorCode.USED_TOKEN)
"""Refusals that do not pass by waiting."""


class _PoolLost(Exception):
    """The WebSocket is gone. The text says why, for the log."""


@dataclass(frozen=True, slots=True)
class PoolPlace:
    """Who registers where. token: read anew each time, may raise UserError. watch: address for viewers, "": none."""

    url: str
    token: Callable[[], str]
    name: str
    watch: str


class PoolClient:
    """`run` once, until it is cancelled. `changed` and `released` in the same event loop."""

    def __init__(
        self,
        place: PoolPlace,
        free: Callable[[], int],
        take: Callable[[Assignment], bool],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """free: calls that could be taken now. take: an assignment; whether it is. jitter: 0..1, of pauses."""
        self._place, self._free, self._take, self._jitter = place, free, take, jitter
        self._accepted = False
        self._released: list[str] = []
        self._wake = asyncio.Event()
        self.registered = False
        """Whether the pool knows this service just now."""

    def changed(self) -> None:
        """Tell the pool at once how many calls could be taken."""
        self._wake.set()

    def released(self, room: str) -> None:
        """Tell the pool that the call in a room has ended; a pool that is away then forgets it by itself."""
        self._released.append(room)
        self._wake.set()

    async def run(self) -> None:
        """Register, and again whenever the pool was lost. Raises UserError."""
        pauses_ms = retry_pauses_ms()
        while True:
            try:
                await self._visit()
            except _PoolLost as lost:
                _LOG.warning("no place in the pool (%s); calls go on, trying again", lost)
            except RemoteError as error:
                _LOG.warning("the pool sent something malformed (%s)", type(error).__name__)
            except UserError as error:
                if not self._accepted:
                    raise
                _LOG.warning("%s", error)
            if self.registered:
                pauses_ms = retry_pauses_ms()
            self.registered = False
            await asyncio.sleep(next(pauses_ms) * (1 + self._jitter()) / 2000)

    async def _visit(self) -> None:
        """One connection, from the registration until it is lost."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_S)) as session:
            socket = await self._connect(session)
            try:
                await self._converse(socket)
            finally:
                await socket.close()

    async def _connect(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        try:
            return await session.ws_connect(
                self._place.url,
                max_msg_size=SIGNALING_MESSAGE_MAX_BYTES + 1,  # aiohttp refuses what is not smaller
                compress=0,
                heartbeat=_PING_S,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _PoolLost(type(error).__name__) from error

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        place = self._place
        self._released.clear()
        await _send(socket, Register(place.token(), place.name, self._free(), place.watch))
        speaking = asyncio.ensure_future(self._speak(socket))
        listening = asyncio.ensure_future(self._listen(socket))
        try:
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(
                {listening}, timeout=_CLOSE_S
            )  # what was heard last says why nobody listens any more
            (listening if listening.done() else speaking).result()
        finally:
            for task in (speaking, listening):
                task.cancel()
            await asyncio.wait({speaking, listening})

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Capacity whenever it changes, and as the heartbeat."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POOL_HEARTBEAT_MS / 1000):
                    await self._wake.wait()
            if not self._wake.is_set():  # a whole heartbeat without a refusal
                self._accept()
            if self._released:
                await _send(socket, Released(self._released.pop(0)))
            if not self._released:
                self._wake.clear()
            await _send(socket, Capacity(self._free()))
            await asyncio.sleep(POOL_SAY_MIN_MS / 1000)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            frame = await socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                raise _PoolLost("closed")
            match parse(frame.data):
                case Assign(room, token, watch_key):
                    self._accept()
                    if not self._take(Assignment(room, token, watch_key)):
                        self.released(room)
                    self.changed()
                case Error(code, message):
                    raise _refusal(code, message)
                case _:
                    pass

    def _accept(self) -> None:
        self.registered = self._accepted = True


def retry_pauses_ms() -> Iterator[int]:
    """Longest pauses between attempts, one after the other."""
    pause_ms = POOL_RETRY_MIN_MS
    while True:
        yield pause_ms
        pause_ms = min(2 * pause_ms, POOL_RETRY_MAX_MS)


def _refusal(code: ErrorCode, message: str) -> Exception:
    if code in _MENDABLE:
        return UserError(f"The pool refused this receiver ({code.value}): {message}")
    return _PoolLost(f"refused, {code.value}")


async def _send(socket: aiohttp.ClientWebSocketResponse, message: PoolMessage) -> None:
    try:
        await socket.send_str(serialise(message))
    except (ConnectionError, aiohttp.ClientError) as error:
        raise _PoolLost(type(error).__name__) from error
