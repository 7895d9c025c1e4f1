"""Where to watch what a receiver of the pool rebuilds: `POST /watch` {"room", "token"} -> {"url", "key"}.

The address is one of WHEP (any WebRTC player), the key its bearer token. Invariant: a request is judged (Origin, address, size)
before it is read; whether a room is there at all is told only to who may watch it.
"""

from typing import Final

from aiohttp import web

from shared import limits
from shared.errors import RemoteError
from shared.signaling_messages import ROOM_PATTERN, ErrorCode, load_object, matching, read_fields, text_within
from signaling.invitations import refusal_of
from signaling.refusal import Refused
from signaling.service import SignalingService

_FIELDS: Final = {
    "room": matching(ROOM_PATTERN, limits.SIGNALING_ROOM_MAX_CHARS),
    "token": text_within(limits.SIGNALING_TOKEN_MAX_BYTES),
}


def add_watching(app: web.Application, service: SignalingService) -> None:
    """The route."""

    async def watch(request: web.Request) -> web.Response:
        if refusal := await refusal_of(request, service):
            return refusal
        try:
            fields = read_fields(load_object(await request.text()), _FIELDS)
            found = await service.watch(fields["room"], fields["token"])
        except RemoteError as error:
            busy = isinstance(error, Refused) and error.code is ErrorCode.BUSY
            return web.Response(text=f"{error}\n", status=503 if busy else 403)
        if found is None:
            return web.Response(text="Nobody shows this room now. Ask again in a second.\n", status=404)
        base, key = found
        return web.json_response({"url": f"{base}/whep/{fields['room']}", "key": key})

    app.router.add_post("/watch", watch)
