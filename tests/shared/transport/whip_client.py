"""A WHEP player and a WHIP publisher made of aiortc and aiohttp, as a stranger would write them."""

import asyncio
from collections.abc import Callable

import aiohttp
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from shared.transport.loopback import use_loopback_when_alone


class WhipClient:
    """One session. `with_candidates` False: an offer as a browser posts it before it has gathered any."""

    def __init__(self, with_candidates: bool = True) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.pc.on("track", lambda track: self.tracks.update({track.kind: track}))
        self.location = ""
        self._with_candidates = with_candidates

    async def start(self, url: str, prepare: Callable[[RTCPeerConnection], None], token: str = "") -> int:
        """Post the offer; the answer's status. prepare: adds transceivers or tracks. token: bearer, if one is needed."""
        prepare(self.pc)
        for transceiver in self.pc.getTransceivers():
            use_loopback_when_alone(transceiver.receiver.transport.transport._connection)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = str(self.pc.localDescription.sdp)
        if not self._with_candidates:
            lines = offer.splitlines(keepends=True)
            offer = "".join(x for x in lines if not x.startswith(("a=candidate", "a=end-of")))
        async with aiohttp.ClientSession() as http:
            headers = {"Content-Type": "application/sdp"}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            async with http.post(url, data=offer, headers=headers) as response:
                text = await response.text()
                self.location = response.headers.get("Location", "")
        if response.status == 201:
            await self.pc.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
        return response.status

    async def delete(self, base: str) -> int:
        """End the session as the specification says."""
        async with aiohttp.ClientSession() as http, http.delete(base + self.location) as response:
            return response.status

    async def close(self) -> None:
        await self.pc.close()


def playing(pc: RTCPeerConnection) -> None:
    pc.addTransceiver("audio", direction="recvonly")
    pc.addTransceiver("video", direction="recvonly")


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
