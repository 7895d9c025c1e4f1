"""Puts an impaired link between the two ends of a call that meet through the real signaling service.

    sender   <-- WebSocket --> [relay] <-- WebSocket --> signaling
    receiver <-- WebSocket --> [  "  ]
    sender   <-- UDP --> [UdpProxy with the link's impairments] <-- UDP --> receiver

Must not import the ends. Invariant: every session description that passes is rewritten, and trickled candidates are not
passed, so the ends know no address but the proxy's: STUN, DTLS and media all take the impaired way.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp
from aiohttp import web

from experiments.demo.call import HOST, Addresses
from experiments.network.links import Link
from shared.errors import RemoteError
from shared.limits import SIGNALING_MESSAGE_MAX_BYTES
from shared.signaling_messages import Answer, Candidate, Message, Offer, Role, parse, serialise
from shared.transport.udp_proxy import Passage, ProxyCount, UdpProxy

_THREAD_S: Final = 10.0
"""Longest start or end of the relay's thread."""
_Result = TypeVar("_Result")
Rewrite = Callable[[str, Role], str | None]
"""A message to the service, and who sends it -> the message as the other end must see it; None: it is not passed."""


@dataclass(frozen=True, slots=True)
class LinkLog:
    """What the link saw. began_us: monotonic clock when its time began. forward: packets from sender to receiver."""

    began_us: int
    forward: tuple[Passage, ...]


class Relay:
    """One call's relay; use it as the `route` of `experiments.demo.call.run_call`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._service = ""
        self._proxy: UdpProxy | None = None
        self._logs: list[LinkLog] = []
        self._sender_offers = True

    @contextmanager
    def route(self, service: str) -> Iterator[Addresses]:
        """Addresses for the two ends; the relay runs in a thread of its own until the block ends."""
        self._service = service
        with _loop() as loop:
            runner, port = _in(loop, self._start())
            try:
                yield Addresses(
                    *(f"ws://{HOST}:{port}/{role.value}" for role in (Role.SENDER, Role.RECEIVER))
                )
            finally:
                _in(loop, self._stop(runner))

    @contextmanager
    def rewriting(self) -> Iterator[Rewrite]:
        """For ends whose messages to the service somebody else carries: what becomes of each, while the block lasts."""
        with _loop() as loop:
            try:
                yield lambda text, role: _in(loop, self._rewritten(text, role))
            finally:
                _in(loop, self._close())

    def counts(self) -> tuple[ProxyCount, ProxyCount]:
        """Packets from sender to receiver and back so far, of the connection that there is."""
        if self._proxy is None:
            return ProxyCount(), ProxyCount()
        ways = (self._proxy.forward, self._proxy.reverse)
        return ways if self._sender_offers else (ways[1], ways[0])

    @property
    def log(self) -> LinkLog | None:
        """What the link saw of the longest connection so far; None when none was set up.

        The last need not be it: an end that did not hear the other's goodbye offers once more.
        """
        logs = self._logs + self._log_of_proxy()
        return max(logs, key=lambda log: len(log.forward), default=None)

    def _log_of_proxy(self) -> list[LinkLog]:
        if self._proxy is None or self._proxy.began_us is None:
            return []
        count: ProxyCount = self._proxy.forward if self._sender_offers else self._proxy.reverse
        return [LinkLog(self._proxy.began_us, tuple(count.passages))]

    async def _start(self) -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.router.add_get("/{role:sender|receiver}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        return runner, runner.addresses[0][1]

    async def _stop(self, runner: web.AppRunner) -> None:
        await runner.cleanup()
        await self._close()

    async def _close(self) -> None:
        if self._proxy is not None:
            self._proxy.close()
        await asyncio.sleep(0)  # the sockets close in the loop's next turn

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        """One end's connection: as long as both it and the service's last."""
        role = Role(request.match_info["role"])
        near = web.WebSocketResponse(max_msg_size=SIGNALING_MESSAGE_MAX_BYTES + 1, compress=False)
        await near.prepare(request)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                self._service, max_msg_size=SIGNALING_MESSAGE_MAX_BYTES + 1, compress=0
            ) as far,
        ):
            pumps = [
                asyncio.ensure_future(self._pump_up(near, far, role)),
                asyncio.ensure_future(_pump_down(far, near)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        await near.close()
        return near

    async def _pump_up(
        self, near: web.WebSocketResponse, far: aiohttp.ClientWebSocketResponse, role: Role
    ) -> None:
        async for frame in near:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return
            text = await self._rewritten(frame.data, role)
            if text is not None:
                await far.send_str(text)

    async def _rewritten(self, text: str, role: Role) -> str | None:
        """The message as the other end must see it; None: it is not passed."""
        message: Message | None = None
        with suppress(RemoteError):  # what is no message is the service's to refuse
            message = parse(text)
        match message:
            case Offer(sdp):
                return serialise(Offer(await self._take_offer(sdp, role)))
            case Answer(sdp) if self._proxy is not None:
                return serialise(Answer(await self._proxy.pass_answer(sdp)))
            case Candidate():
                return None
        return text

    async def _take_offer(self, sdp: str, role: Role) -> str:
        """A new offer begins the link anew: the ends have lost each other and meet again."""
        if self._proxy is not None:
            self._logs += self._log_of_proxy()
            self._proxy.close()
        ways = (self._link.forward, self._link.reverse)
        self._sender_offers = role is Role.SENDER
        ways = ways if self._sender_offers else ways[::-1]
        self._proxy = UdpProxy(*ways, seed=self._link.seed, begin_with_data=True)
        return await self._proxy.pass_offer(sdp)


async def _pump_down(far: aiohttp.ClientWebSocketResponse, near: web.WebSocketResponse) -> None:
    async for frame in far:
        if frame.type is not aiohttp.WSMsgType.TEXT:
            return
        await near.send_str(frame.data)


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="relay", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_THREAD_S)
        loop.close()


def _in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _Result]) -> _Result:
    return asyncio.run_coroutine_threadsafe(work, loop).result(_THREAD_S)
