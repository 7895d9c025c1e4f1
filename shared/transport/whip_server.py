"""A WHEP or WHIP port in a thread of its own: what strangers send there costs the call's event loop nothing.

Must not import aiortc. Invariant: the address is taken before the constructor returns (UserError otherwise); never more
than WHIP_CONNECTIONS_MAX connections, none older than WHIP_CONNECTION_S; `close` ends sessions, loop and thread.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Coroutine
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from shared.errors import UserError
from shared.limits import LIVE_CLOSE_S, WHIP_CONNECTION_S, WHIP_CONNECTIONS_MAX
from shared.transport.whip_access import WhipAccess
from shared.transport.whip_http import OpenSession, WhipEndpoint


class WhipServer:
    """Serves until it is closed. `open_session` runs in the server's own event loop."""

    def __init__(
        self, access: WhipAccess, open_session: OpenSession | None, connection_s: float = WHIP_CONNECTION_S
    ) -> None:
        """open_session: see `WhipEndpoint`."""
        self._endpoint = WhipEndpoint(access, open_session, lambda: time.monotonic_ns() // 1000)
        self._connection_s = connection_s
        self._tls: ssl.SSLContext | None = access.tls()
        self._socket = _listen(access)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"http-{self.port}", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the server's loop, not waiting for it. From any thread."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def add_place(self, path: str, token: str, open_session: OpenSession) -> None:
        """See `WhipEndpoint.add_place`; it is served a moment later. From any thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._endpoint.add_place, path, token, open_session)

    def remove_place(self, path: str) -> None:
        """See `WhipEndpoint.remove_place`; done a moment later. From any thread, also after `close`."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._endpoint.remove_place, path)

    def close(self) -> None:
        """End all sessions and stop listening. From any thread but the server's; safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(LIVE_CLOSE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        runner = web.AppRunner(
            self._endpoint.application(), access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await runner.setup()
        assert runner.server is not None
        listening = await self._loop.create_server(
            self._guarded(runner.server), sock=self._socket, ssl=self._tls
        )
        try:
            await self._stop.wait()
        finally:
            listening.close()
            await self._endpoint.close()
            await runner.cleanup()
            await _cancel_rest()

    def _guarded(self, server: web.Server) -> Any:
        """A protocol factory that bounds how many connections there are, and how long each may last."""

        def connection() -> asyncio.Protocol:
            if len(server.connections) >= WHIP_CONNECTIONS_MAX:
                return _Refusal()
            handler: RequestHandler = server()
            self._loop.call_later(self._connection_s, handler.force_close)
            return handler

        return connection


class _Refusal(asyncio.Protocol):
    """Closes a connection unread."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _listen(access: WhipAccess) -> socket.socket:
    family = socket.AF_INET6 if ":" in access.host else socket.AF_INET
    try:
        return socket.create_server((access.host, access.port), family=family, backlog=WHIP_CONNECTIONS_MAX)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"Cannot listen on {access.host}:{access.port} ({error}): another program has this port, or the address is "
            "not one of this machine. Choose another one."
        ) from error


async def _cancel_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
