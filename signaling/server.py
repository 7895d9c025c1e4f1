"""The aiohttp application: `/ws` for peers, `/healthz` and `/readyz` for operators, the page for everybody else.

Imports no codec. Invariant: a request is judged (Origin, address, limits) before it is upgraded, every answer carries
the security headers, and nothing about a request is logged.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import web

from shared import limits
from shared.signaling_messages import ErrorCode
from signaling.address import client_address
from signaling.config import ServeConfig
from signaling.invitations import add_invitations
from signaling.logs import LOGGER_NAME
from signaling.origin import origin_allowed
from signaling.page import WEB_FOLDER, PageFolders, add_page
from signaling.refusal import Refused
from signaling.security_headers import add_security_headers
from signaling.service import CLOSE_TIMEOUT_S, HEARTBEAT_S, SignalingService

TICK_S: Final = 1.0
"""How often deadlines are looked at; they may be late by this much."""
_HTTP_STATUS: Final = {ErrorCode.RATE_LIMITED: 429, ErrorCode.TOO_MANY_CONNECTIONS: 503, ErrorCode.BUSY: 503}

_log = logging.getLogger(LOGGER_NAME)


def make_app(service: SignalingService, web_folder: Path = WEB_FOLDER) -> web.Application:
    """The application around one service; the page is served when all of it is there."""
    app = web.Application(client_max_size=limits.SIGNALING_MESSAGE_MAX_BYTES)
    app.on_response_prepare.append(add_security_headers)

    async def ticking(_: web.Application) -> AsyncIterator[None]:
        ticker = asyncio.create_task(_tick_forever(service))
        yield
        ticker.cancel()

    async def say_goodbye(_: web.Application) -> None:
        _log.info("stopping", extra={"connections": service.rooms.connection_count})
        service.stop()

    app.cleanup_ctx.append(ticking)
    app.on_shutdown.append(say_goodbye)
    _add_routes(app, service)
    add_invitations(app, service)
    add_page(app, PageFolders(web_folder))
    return app


def run(config: ServeConfig, service: SignalingService) -> None:
    """Serves until SIGINT or SIGTERM, then says goodbye to every peer and returns."""
    web.run_app(
        make_app(service),
        host=config.host,
        port=config.port,
        access_log=None,  # an access log holds addresses
        shutdown_timeout=2 * CLOSE_TIMEOUT_S,
        print=lambda *_: _log.info("listening", extra={"port": config.port}),
    )


def _add_routes(app: web.Application, service: SignalingService) -> None:
    async def socket(request: web.Request) -> web.StreamResponse:
        return await _socket(request, service)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        full = service.rooms.connection_count >= limits.SIGNALING_CONNECTIONS_MAX
        ready = not service.stopping and not full
        return web.Response(text="ready\n" if ready else "not ready\n", status=200 if ready else 503)

    app.router.add_get("/ws", socket)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


async def _socket(request: web.Request, service: SignalingService) -> web.StreamResponse:
    if not origin_allowed(request.headers.get("Origin"), service.config.allowed_origins):
        _log.warning("foreign-origin")
        return web.Response(
            text="Pages of this origin may not connect. Start with --allow-origin.\n", status=403
        )
    socket = web.WebSocketResponse(
        compress=False,  # a small compressed frame can inflate past every limit
        max_msg_size=limits.SIGNALING_MESSAGE_MAX_BYTES + 1,  # aiohttp refuses what is not smaller
        heartbeat=HEARTBEAT_S,
        timeout=CLOSE_TIMEOUT_S,
    )
    if not socket.can_prepare(request):
        return web.Response(
            text="This address speaks WebSocket only.\n", status=426, headers={"Upgrade": "websocket"}
        )
    forwarded_for = request.headers.getall("X-Forwarded-For", [])
    address = client_address(request.remote, forwarded_for, service.config.proxies)
    try:
        number = service.admit(address)
    except Refused as refused:
        _log.warning("refused", extra={"code": refused.code.value})
        return web.Response(text=f"{refused}\n", status=_HTTP_STATUS[refused.code])
    try:
        await socket.prepare(request)
        await service.serve(number, address, socket)
    finally:
        service.drop(number, "connection lost")
    return socket


async def _tick_forever(service: SignalingService) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        service.tick()
