"""Tokens for the page: `POST /rooms` opens a room where that is allowed, `POST /renew` lets somebody come back.

Invariant: a request is judged (Origin, address, size) before it is read; nothing is given to a page of another origin, nor
to somebody who was never let in.
"""

from typing import Final

from aiohttp import web

from shared.errors import RemoteError
from shared.signaling_messages import ErrorCode, Join, parse
from signaling.address import client_address
from signaling.origin import origin_allowed
from signaling.refusal import Refused
from signaling.service import SignalingService

_STATUS: Final = {ErrorCode.RATE_LIMITED: 429, ErrorCode.BUSY: 503}


def add_invitations(app: web.Application, service: SignalingService) -> None:
    """The two routes."""

    async def rooms(request: web.Request) -> web.Response:
        if not service.config.open_rooms:
            return web.Response(text="Rooms are not opened from the page here.\n", status=403)
        if refusal := await refusal_of(request, service):
            return refusal
        if service.draining:
            return web.Response(text="This process is about to end.\n", status=503)
        room, own, other = service.new_room()
        return web.json_response({"room": room, "own": own, "other": other})

    async def renew(request: web.Request) -> web.Response:
        if refusal := await refusal_of(request, service):
            return refusal
        try:
            return web.json_response({"token": await service.renew(_join(await request.text()))})
        except RemoteError:
            return web.Response(text="This token cannot be renewed.\n", status=403)

    app.router.add_post("/rooms", rooms)
    app.router.add_post("/renew", renew)


async def refusal_of(request: web.Request, service: SignalingService) -> web.Response | None:
    """Why a request may not be made at all (origin, rate of its address), None: it may."""
    if not origin_allowed(request.headers.get("Origin"), service.config.allowed_origins):
        return web.Response(text="Pages of this origin may not ask.\n", status=403)
    forwarded_for = request.headers.getall("X-Forwarded-For", [])
    try:
        await service.admit_request(client_address(request.remote, forwarded_for, service.config.proxies))
    except Refused as refused:
        return web.Response(text=f"{refused}\n", status=_STATUS[refused.code])
    return None


def _join(text: str) -> Join:
    """The same checks as for a join over the WebSocket; raises RemoteError."""
    message = parse(text)
    if not isinstance(message, Join):
        raise Refused(ErrorCode.MALFORMED)
    return message
