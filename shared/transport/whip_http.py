"""The HTTP half of WHEP and WHIP: an offer comes by POST, the answer goes back, DELETE ends the session.

    POST   /path      offer -> 201 answer, Location: /path/ID, ETag      (RFC 9725 section 4.2)
    DELETE /path/ID   200, the session is over                            (the same)
    OPTIONS           200, Accept-Post, CORS headers for allowed origins
    GET, HEAD         204: reserved                                       (RFC 9725 section 4.1)
    PATCH  /path/ID   501: neither trickle nor ICE restarts               (RFC 9725 section 4.3.1)

draft-ietf-wish-whep-02 ("Playback Session Setup", "Playback Session Termination") asks for the same. Trickle is not needed:
the answer holds all candidates of this end, and a peer's own are learnt from its checks (RFC 8445 section 7.3.1.3).

One port has one path, or, for a receiver of many calls, one for each of them with a token of its own (`add_place`).

Must not import aiortc or know media. Invariant: every answer is one of the documented ones, whatever comes; a request
is let in only when its rate, its origin and its place's token are right, looked at in this order; without the right token
nobody learns which places there are.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from aiohttp import web

from shared.core.token_bucket import TokenBucket
from shared.errors import LimitExceeded, RemoteError
from shared.limits import (
    SIGNALING_SDP_MAX_BYTES,
    WHIP_ADDRESSES_TRACKED,
    WHIP_REQUESTS_BURST,
    WHIP_REQUESTS_PER_S,
)
from shared.transport.media_sdp import NotAcceptable
from shared.transport.whip_access import WhipAccess

_SDP: Final = "application/sdp"
_HEADERS: Final = {"Server": "facewire", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BUSY_RETRY_S: Final = 5


class MediaSession(Protocol):
    """One player or publisher."""

    @property
    def answer(self) -> str:
        """The SDP answer, with all candidates."""
        ...

    async def close(self) -> None:
        """End it; never raises, may be called again."""
        ...


class Busy(Exception):
    """No session can be had now: too many of them (503), or the one there is goes on (409)."""

    def __init__(self, reason: str, status: int = 503) -> None:
        super().__init__(reason)
        self.status = status


OpenSession = Callable[[str, Callable[[], None]], Awaitable[MediaSession]]
"""From an offer, and what to call when the session ends by itself. Raises RemoteError or Busy."""


class Place:
    """One path of a port, and the sessions that began there."""

    def __init__(self, path: str, token: str, open_session: OpenSession) -> None:
        self.path, self.token, self.open_session = path, token, open_session
        self.sessions: dict[str, MediaSession] = {}

    async def close(self) -> None:
        """End all sessions."""
        ending, self.sessions = list(self.sessions.values()), {}
        await asyncio.gather(*(session.close() for session in ending))


class WhipEndpoint:
    """The places of one port. Use it from one event loop."""

    def __init__(
        self, access: WhipAccess, open_session: OpenSession | None, now_us: Callable[[], int]
    ) -> None:
        """open_session: of the place that `access` names; None: there is none but those that are added."""
        self._access, self._now_us = access, now_us
        self._places: dict[str, Place] = {}
        self._closing: set[asyncio.Future[None]] = set()
        if open_session is not None:
            self.add_place(access.path, access.token, open_session)
        self._rates: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def addresses_tracked(self) -> int:
        """How many addresses' rates are remembered."""
        return len(self._rates)

    def application(self) -> web.Application:
        """What aiohttp serves."""
        app = web.Application(client_max_size=SIGNALING_SDP_MAX_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    def add_place(self, path: str, token: str, open_session: OpenSession) -> None:
        """Serve this path, too, for those who have its token; "": for everybody."""
        self._places[path] = Place(path, token, open_session)

    def remove_place(self, path: str) -> None:
        """Serve it no more; its sessions end a moment later."""
        place = self._places.pop(path, None)
        if place is not None:
            closing = asyncio.ensure_future(place.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(place.close() for place in self._places.values()), *self._closing)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._admit(request)
            response = await self._route(request)
        except web.HTTPException as refusal:
            response = _text(refusal.status, refusal.text or refusal.reason, refusal.headers.items())
        except Busy as busy:
            response = _text(busy.status, str(busy), [("Retry-After", str(_BUSY_RETRY_S))])
        except RemoteError as error:
            response = _text(_status(error), str(error))
        response.headers.update(_HEADERS)
        response.headers.update(self._cors(request))
        return response

    def _admit(self, request: web.Request) -> None:
        if not self._within_rate(request.remote or "unknown"):
            raise web.HTTPTooManyRequests(text="too many requests", headers={"Retry-After": "1"})
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._access.origins:
            raise web.HTTPForbidden(text="this origin is not allowed; the service names its own with origin=")
        # A preflight carries no credentials (Fetch standard, RFC 9725 section 4.7.1).
        place = self._place_of(request.path)
        token = self._access.token if place is None else place.token
        if token and request.method != "OPTIONS" and not _is_authorised(request, token):
            raise web.HTTPUnauthorized(
                text="a bearer token is needed", headers={"WWW-Authenticate": "Bearer"}
            )

    def _within_rate(self, address: str) -> bool:
        rate = self._rates.setdefault(address, TokenBucket(WHIP_REQUESTS_PER_S, WHIP_REQUESTS_BURST))
        self._rates.move_to_end(address)
        if len(self._rates) > WHIP_ADDRESSES_TRACKED:
            self._rates.popitem(last=False)
        return rate.take(self._now_us())

    def _place_of(self, path: str) -> Place | None:
        return self._places.get(path) or self._places.get(path.rpartition("/")[0])

    async def _route(self, request: web.Request) -> web.Response:
        place, session_id = self._place_of(request.path), request.path.rpartition("/")[2]
        if place is not None and request.path == place.path:
            return await self._endpoint(request, place)
        if place is not None and (session_id in place.sessions or request.method == "OPTIONS"):
            return await self._session(request, place, session_id)
        raise web.HTTPNotFound(text="there is no such endpoint or session")

    async def _endpoint(self, request: web.Request, place: Place) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(status=200, headers={"Accept-Post": _SDP})
        if request.method in ("GET", "HEAD"):
            return web.Response(status=204)
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, ["POST", "OPTIONS"])
        if request.content_type != _SDP:
            raise web.HTTPUnsupportedMediaType(text=f"the body must be {_SDP}")
        offer = (await request.read()).decode("utf-8", "replace")
        return await self._created(offer, place)

    async def _created(self, offer: str, place: Place) -> web.Response:
        session_id = secrets.token_urlsafe(16)
        session = await place.open_session(offer, lambda: _forget(place, session_id))
        if self._places.get(place.path) is not place:  # it was removed while the answer was made
            await session.close()
            raise web.HTTPNotFound(text="there is no such endpoint or session")
        place.sessions[session_id] = session
        headers = {"Location": f"{place.path}/{session_id}", "ETag": f'"{secrets.token_hex(8)}"'}
        return web.Response(status=201, text=session.answer, content_type=_SDP, headers=headers)

    async def _session(self, request: web.Request, place: Place, session_id: str) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(status=200)
        if request.method in ("GET", "HEAD"):
            return web.Response(status=204)
        if request.method == "PATCH":
            return _text(501, "neither trickle ICE nor ICE restarts are supported")
        if request.method != "DELETE":
            raise web.HTTPMethodNotAllowed(request.method, ["DELETE", "PATCH", "OPTIONS"])
        await place.sessions.pop(session_id).close()
        return web.Response(status=200)

    def _cors(self, request: web.Request) -> dict[str, str]:
        """Headers of the Fetch standard for a page that may call: its own origin, never `*`."""
        origin = request.headers.get("Origin")
        if origin is None or origin not in self._access.origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST, PATCH, DELETE, GET, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
            "Access-Control-Expose-Headers": "Location, ETag, Retry-After",
        }


def _is_authorised(request: web.Request, expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(given, expected.encode())


def _forget(place: Place, session_id: str) -> None:
    place.sessions.pop(session_id, None)


def _status(error: RemoteError) -> int:
    if isinstance(error, LimitExceeded):
        return 413
    return 406 if isinstance(error, NotAcceptable) else 400


def _text(status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> web.Response:
    kept = {name: value for name, value in headers if name not in ("Content-Type", "Content-Length")}
    return web.Response(status=status, text=text, headers=kept)
