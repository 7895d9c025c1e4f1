"""A small HTTP port for operators: `/healthz`, `/readyz` and, where it is wanted, `/metrics`.

Imports aiohttp; never networks or transports. Invariant: it tells numbers and "ready" only, takes no body, and a port that
cannot be opened is a UserError before any call begins.
"""

import os
from collections.abc import Callable

from aiohttp import web

from shared.errors import UserError


class HealthServer:
    """`start`, then `close`. ready: whether a new call would be taken now. metrics: the page for Prometheus, None for none."""

    def __init__(self, ready: Callable[[], bool], metrics: Callable[[], bytes] | None = None) -> None:
        self.draining = False
        """Set it when the process was asked to end: not ready any more, but alive."""
        self._ready, self._metrics = ready, metrics
        self._runner = web.AppRunner(self._app(), access_log=None)

    async def start(self, host: str, port: int) -> int:
        """Opens the port and returns it (0 asks for any free one). Raises UserError."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            reason = os.strerror(error.errno or 0)
            raise UserError(
                f"Cannot listen on {host} port {port} ({reason}). Choose another --health-port."
            ) from None
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Closes the port."""
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=0)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        if self._metrics is not None:
            app.router.add_get("/metrics", self._answer_metrics)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        ready = self._ready() and not self.draining
        return web.Response(text="ready\n" if ready else "not ready\n", status=200 if ready else 503)

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        body = self._metrics() if self._metrics is not None else b""
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
