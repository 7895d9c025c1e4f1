"""One ordinary WebRTC peer with sound and pictures: the answering end of WHEP and WHIP.

Must not import aiohttp or know what the media are for. Invariant: only an offer that `check_media_offer` passed reaches
aiortc; a peer that does not connect in time, or is lost, is closed and its owner told once; close never hangs.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from shared.errors import MalformedMessage
from shared.limits import TRANSPORT_CLOSE_TIMEOUT_S, TRANSPORT_OPEN_TIMEOUT_S
from shared.transport.base import WireCounter
from shared.transport.loopback import use_loopback_when_alone
from shared.transport.media_sdp import check_media_offer
from shared.transport.udp_counter import counting

_ENDED: Final = ("failed", "closed")


class MediaPeer:
    """A `MediaSession`. Make it inside a running event loop; always `close` it. No ICE server is asked."""

    def __init__(self, on_end: Callable[[], None], open_s: float = TRANSPORT_OPEN_TIMEOUT_S) -> None:
        """on_end: called once in the event loop, when the peer is gone, whoever ended it."""
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.counter = WireCounter()
        self.answer = ""
        self._on_end, self._open_s = on_end, open_s
        self._closing: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.pc.on("connectionstatechange", self._on_state)

    async def accept(self, offer: str, directions: frozenset[str], attach: Callable[[], None]) -> None:
        """Take the offer and make `answer`. attach: adds tracks, between the two. Raises RemoteError, then closed."""
        try:
            check_media_offer(offer, directions)
            await self._set_remote(offer)
            attach()
            await self._set_local()
        except BaseException:
            await self.close()
            raise
        self.answer = str(self.pc.localDescription.sdp)
        self._deadline = asyncio.get_running_loop().call_later(self._open_s, self._on_deadline)

    async def close(self) -> None:
        """End the session; never hangs, never raises, may be called again."""
        self._end()
        assert self._closing is not None
        await asyncio.shield(self._closing)

    async def _set_remote(self, offer: str) -> None:
        try:
            await self.pc.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        except Exception as error:  # aiortc raises ValueError, KeyError, IndexError, AssertionError and more
            raise MalformedMessage("session description that cannot be used") from error

    async def _set_local(self) -> None:
        try:
            for transceiver in self.pc.getTransceivers():
                use_loopback_when_alone(transceiver.receiver.transport.transport._connection)
            # Counting also keeps empty datagrams away from aiortc, which would end the session (udp_counter.py).
            with counting(self.counter):
                await self.pc.setLocalDescription(await self.pc.createAnswer())
        except Exception as error:  # as above: much of an offer is looked at only when it is answered
            raise MalformedMessage("session description that cannot be answered") from error

    def _on_state(self) -> None:
        if self.pc.connectionState in _ENDED:
            self._end()

    def _on_deadline(self) -> None:
        if self.pc.connectionState != "connected":
            self._end()

    def _end(self) -> None:
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._take_down())
            self._on_end()

    async def _take_down(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        closing = asyncio.ensure_future(self.pc.close())
        _, pending = await asyncio.wait({closing}, timeout=TRANSPORT_CLOSE_TIMEOUT_S)
        if pending:
            closing.cancel()
        elif not closing.cancelled():
            closing.exception()  # retrieved: a close that fails leaves nothing that could be done about it
