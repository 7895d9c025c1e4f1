"""The aiohttp application: `/ws` for peers, `/pool` for receivers that offer themselves,
`/healthz` and `/readyz` for operators, the page for everybody else.

Imports no codec. Invariant: a request is judged (Origin, address, limits) before it is upgraded, every answer carries
the security headers, and nothing about a request is logged.
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
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
from signaling.service import CLOSE_TIMEOUT_S, CONNECTION_LOST, HEARTBEAT_S, SignalingService
from signaling.tls import Certificate, renew, server_context
from signaling.watching import add_watching

TICK_S: Final = 1.0
"""How often deadlines are looked at; they may be late by this much."""
DRAIN_TICK_S: Final = 0.2
"""How often a process that drains looks whether its last connection has left."""
_HTTP_STATUS: Final = {ErrorCode.RATE_LIMITED: 429, ErrorCode.TOO_MANY_CONNECTIONS: 503, ErrorCode.BUSY: 503}

_log = logging.getLogger(LOGGER_NAME)


def make_app(service: SignalingService, web_folder: Path = WEB_FOLDER) -> web.Application:
    """The application around one service; the page is served when all of it is there."""
    app = web.Application(client_max_size=limits.SIGNALING_MESSAGE_MAX_BYTES)
    app.on_response_prepare.append(add_security_headers)

    async def ticking(_: web.Application) -> AsyncIterator[None]:
        await service.start()
        ticker = asyncio.create_task(_tick_forever(service))
        yield
        ticker.cancel()
        await service.close()

    async def say_goodbye(_: web.Application) -> None:
        _log.info("stopping", extra={"connections": service.lobby.connection_count})
        service.stop()

    app.cleanup_ctx.append(ticking)
    app.on_shutdown.append(say_goodbye)
    _add_routes(app, service)
    add_invitations(app, service)
    add_watching(app, service)
    add_page(app, PageFolders(web_folder))
    return app


async def run(config: ServeConfig, service: SignalingService) -> None:
    """Serves until SIGINT, or until SIGTERM and the end of the calls, then says goodbye to every peer and returns.

    Raises UserError, and OSError for an address that cannot be listened on.
    """
    runners = [_runner(make_app(service))]
    tls = _tls(config)
    end, drain = asyncio.Event(), asyncio.Event()
    on_signals(end, drain)
    try:
        await _listen(runners[0], config.host, config.port, "listening", tls)
        if config.metrics_port:
            from signaling.metrics import metrics_app  # its library is an extra

            runners.append(_runner(metrics_app(service)))
            await _listen(runners[1], config.metrics_host, config.metrics_port, "metrics")
        await _first(end, drain)
        if drain.is_set() and not end.is_set():
            await drained(service, config.drain_s, end)
    finally:
        for runner in runners:
            await runner.cleanup()


def on_signals(end: asyncio.Event, drain: asyncio.Event) -> None:
    """SIGINT ends at once. SIGTERM drains, the second one ends."""
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        (end if drain.is_set() else drain).set()

    loop.add_signal_handler(signal.SIGINT, end.set)
    loop.add_signal_handler(signal.SIGTERM, terminate)


async def drained(service: SignalingService, limit_s: float, end: asyncio.Event) -> None:
    """Returns when the last connection has left, after `limit_s`, or when `end` is set."""
    service.drain()
    _log.info("draining", extra={"connections": service.lobby.connection_count, "seconds": limit_s})
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while service.lobby.connection_count and not end.is_set():
                await asyncio.sleep(DRAIN_TICK_S)


def _runner(app: web.Application) -> web.AppRunner:
    # An access log would hold addresses.
    return web.AppRunner(app, access_log=None, shutdown_timeout=2 * CLOSE_TIMEOUT_S)


def _tls(config: ServeConfig) -> ssl.SSLContext | None:
    """What to listen with, read again on SIGHUP; None: plain HTTP. Raises UserError."""
    if not config.tls_certificate:
        return None
    certificate = Certificate(Path(config.tls_certificate), Path(config.tls_key))
    context = server_context(certificate)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, renew, context, certificate)
    return context


async def _listen(
    runner: web.AppRunner, host: str, port: int, event: str, tls: ssl.SSLContext | None = None
) -> None:
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    _log.info(event, extra={"port": port})


async def _first(*events: asyncio.Event) -> None:
    """Waits for the first of them."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _add_routes(app: web.Application, service: SignalingService) -> None:
    async def socket(request: web.Request) -> web.StreamResponse:
        return await _socket(request, service, service.serve)

    async def pool(request: web.Request) -> web.StreamResponse:
        return await _socket(request, service, service.serve_worker)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        text = "ready\n" if service.ready else "not ready\n"
        return web.Response(text=text, status=200 if service.ready else 503)

    app.router.add_get("/ws", socket)
    app.router.add_get("/pool", pool)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


async def _socket(
    request: web.Request, service: SignalingService,
    serve: Callable[[int, str, web.WebSocketResponse], Awaitable[None]],
) -> web.StreamResponse:  # fmt: skip
    if not origin_allowed(request.headers.get("Origin"), service.config.allowed_origins):
        _log.warning("foreign-origin")
        service.count_refusal("foreign-origin")
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
        number = await service.admit(address)
    except Refused as refused:
        _log.warning("refused", extra={"code": refused.code.value})
        return web.Response(text=f"{refused}\n", status=_HTTP_STATUS[refused.code])
    try:
        await socket.prepare(request)
        await serve(number, address, socket)
    finally:
        await service.drop(number, CONNECTION_LOST)
    return socket


async def _tick_forever(service: SignalingService) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        await service.tick()
