"""Messages on their way to one WebSocket.

Invariant: nobody waits for a slow reader; one that lets SIGNALING_OUTBOX_MESSAGES gather loses its connection.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from aiohttp import WSCloseCode, web

from shared import limits

Message = TypeVar("Message")


class Outbox(Generic[Message]):
    """Bounded; `run` sends in order and then closes the socket. `closing`: nothing more is accepted."""

    def __init__(self, socket: web.WebSocketResponse, serialise: Callable[[Message], str]) -> None:
        self._socket, self._serialise = socket, serialise
        self._waiting: asyncio.Queue[str | WSCloseCode] = asyncio.Queue(limits.SIGNALING_OUTBOX_MESSAGES)
        self.closing = False

    def put(self, message: Message) -> None:
        """Queues a message; one that does not fit closes the connection instead."""
        if self.closing:
            return
        if self._waiting.full():
            self.close(WSCloseCode.TRY_AGAIN_LATER)
            return
        self._waiting.put_nowait(self._serialise(message))

    def close(self, code: WSCloseCode) -> None:
        """Closes after what is queued; when the queue is full, instead of it."""
        if self.closing:
            return
        self.closing = True
        if self._waiting.full():
            while not self._waiting.empty():
                self._waiting.get_nowait()
        self._waiting.put_nowait(code)

    async def run(self) -> None:
        """Sends until closed; a socket that breaks ends it quietly, its handler notices."""
        while isinstance(item := await self._waiting.get(), str):
            try:
                await self._socket.send_str(item)
            except ConnectionError:
                return
        await self._socket.close(code=item)
