"""The line between the pools of several signaling processes: Redis' publish and subscribe, and a key for each room that is shown.

    channel facewire:pool           "PROCESS NUMBER ADDRESS MESSAGE"   to all: a worker's word, "" when it is gone
    channel facewire:pool:PROCESS   "NUMBER MESSAGE"                   to one: assign
    key     facewire:shown:ROOM     "KEY BASE"                         ends by itself after POOL_SHOWN_MS

Imports redis.asyncio. Invariant: the newest POOL_LINE_WAITING words wait while Redis is away, older ones are dropped: heartbeats
say the same again; whoever can write to this Redis is trusted, but not to be free of faults.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared import limits
from shared.errors import RemoteError
from shared.pool_messages import Assign, Register, Released, parse, serialise
from shared.signaling_messages import ErrorCode
from signaling.logs import LOGGER_NAME
from signaling.pool_line import Ears, Far, Gone, WorkerWord
from signaling.refusal import Refused

_ALL: Final = "facewire:pool"
_RECONNECT_S: Final = 0.3
_LISTEN_S: Final = 1.0
_FAILURES: Final = (RedisError, OSError, TimeoutError)

_log = logging.getLogger(LOGGER_NAME)


class RedisLine:
    """See `Line`; `url` as for `RedisLobby`, whose checks of it come first."""

    def __init__(self, url: str, password: str | None = None) -> None:
        timeout_s = limits.SIGNALING_STORE_TIMEOUT_S
        self._redis: Any = Redis.from_url(
            url, password=password, decode_responses=True, socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._process = secrets.token_hex(8)
        self._waiting: deque[tuple[str, str]] = deque(maxlen=limits.POOL_LINE_WAITING)
        self._shown: dict[str, str] = {}
        self._wake, self._heard = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, ears: Ears) -> None:
        """See `Line`. A Redis that is not there has been found out by the lobby; here it is waited for."""
        self._tasks = [asyncio.create_task(self._listen(ears)), asyncio.create_task(self._speak())]
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.SIGNALING_STORE_TIMEOUT_S):
                await self._heard.wait()

    async def close(self) -> None:
        """See `Line`."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._redis.aclose()

    def tell(self, number: int, address: str, word: WorkerWord) -> None:
        """See `Line`."""
        text = "" if isinstance(word, Gone) else serialise(word)
        self._say(_ALL, f"{self._process} {number} {address} {text}")

    def give(self, far: Far, assign: Assign) -> None:
        """See `Line`."""
        self._say(f"{_ALL}:{far.process}", f"{far.number} {serialise(assign)}")

    def show(self, shown: Mapping[str, tuple[str, str]]) -> None:
        """See `Line`."""
        self._shown = {room: f"{key} {base}" for room, (base, key) in shown.items()}
        self._wake.set()

    async def shown(self, room: str) -> tuple[str, str] | None:
        """See `Line`."""
        try:
            text = await self._redis.get(_shown(room))
        except _FAILURES as error:
            _log.warning("redis-failed", extra={"code": type(error).__name__})
            raise Refused(ErrorCode.BUSY) from None
        key, _, base = (text or "").partition(" ")
        return (base, key) if base else None

    def _say(self, channel: str, text: str) -> None:
        self._waiting.append((channel, text))
        self._wake.set()

    async def _speak(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, shown = list(self._waiting), self._shown
            try:
                async with self._redis.pipeline(transaction=False) as pipe:
                    for channel, text in waiting:
                        pipe.publish(channel, text)
                    for room, text in shown.items():
                        pipe.set(_shown(room), text, px=limits.POOL_SHOWN_MS)
                    await pipe.execute()
            except _FAILURES as error:
                _log.warning("redis-failed", extra={"code": type(error).__name__})
                await asyncio.sleep(_RECONNECT_S)
                self._wake.set()
                continue
            for one in waiting:
                with suppress(ValueError):  # it has been dropped meanwhile
                    self._waiting.remove(one)

    async def _listen(self, ears: Ears) -> None:
        """Hears the others, again and again after Redis was away."""
        while True:
            with suppress(*_FAILURES):
                async with self._redis.pubsub() as line:
                    await line.subscribe(_ALL, f"{_ALL}:{self._process}")
                    while True:
                        said = await line.get_message(timeout=_LISTEN_S)
                        if said is None:
                            await line.ping()  # a lost subscription shows in an answer that does not come
                        elif said["type"] == "subscribe":
                            self._heard.set()
                        elif said["type"] == "message":
                            take = self._hear_all if said["channel"] == _ALL else _hear_one
                            _safely(take, ears, said["data"])
            await asyncio.sleep(_RECONNECT_S)

    def _hear_all(self, ears: Ears, text: str) -> None:
        process, number, address, message = text.split(" ", 3)
        if process == self._process:
            return
        word = parse(message) if message else Gone()
        if isinstance(word, Register | Released | Gone):
            ears.told_by(Far(process, int(number)), address, word)


def _hear_one(ears: Ears, text: str) -> None:
    number, _, message = text.partition(" ")
    assign = parse(message)
    if isinstance(assign, Assign):
        ears.given(int(number), assign)


def _safely(take: Callable[[Ears, str], None], ears: Ears, text: str) -> None:
    with suppress(ValueError, RemoteError):
        take(ears, text)


def _shown(room: str) -> str:
    return f"facewire:shown:{room}"
