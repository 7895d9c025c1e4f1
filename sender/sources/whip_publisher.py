"""One WHIP publisher (RFC 9725): its decoded pictures and voice, each with the time it was captured.

Must import aiortc, PyAV and `shared`, `sender.sources` only; made when a publisher posts its offer. Invariant: a picture larger
than WHIP_SIDE_MAX_PX, or more than WHIP_BACKLOG_FRAMES that wait for their decoder, ends the publisher; of several decoded
pictures the newest is taken.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import av
import numpy as np
from aiortc import RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtcpSrPacket
from numpy.typing import NDArray

from sender.sources.whip_clock import Kind, PublisherClock, nearest_ticks
from shared.limits import WHIP_BACKLOG_FRAMES, WHIP_SIDE_MAX_PX
from shared.transport.media_peer import MediaPeer
from shared.transport.media_sdp import PUBLISHES

RATES_HZ: Final[dict[Kind, int]] = {"video": 90_000, "audio": 48_000}
_SAMPLE_RATE_HZ: Final = 48_000
_WATCH_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class PublisherCallbacks:
    """All come in the server's event loop."""

    now_ms: Callable[[], float]
    """The source's media clock."""
    picture: Callable[[av.VideoFrame, float], Awaitable[None]]
    """A picture and its media time in ms."""
    voice: Callable[[NDArray[np.int16], float], None]
    """Voice, int16 (samples,) mono 48 kHz, and the media time of its first sample."""
    refused: Callable[[str], None]
    """The publisher sends what is not taken; it is being closed."""


class Publisher:
    """A `MediaSession`."""

    def __init__(self, callbacks: PublisherCallbacks, on_end: Callable[[], None]) -> None:
        self._on, self._on_end = callbacks, on_end
        self._peer = MediaPeer(self._ended)
        self._clock = PublisherClock()
        self._ticks: dict[Kind, int] = {"video": 0, "audio": 0}
        self._readers: list[asyncio.Task[None]] = []
        self.heard_ms = callbacks.now_ms()
        """When something was decoded last."""

    @property
    def answer(self) -> str:
        """The SDP answer."""
        return self._peer.answer

    async def accept(self, offer: str) -> None:
        """Take the offer; raises RemoteError, then closed."""
        await self._peer.accept(offer, PUBLISHES, self._attach)

    async def close(self) -> None:
        """See `MediaSession.close`."""
        await self._peer.close()

    def _attach(self) -> None:
        for transceiver in self._peer.pc.getTransceivers():
            transceiver.direction = "recvonly"
            receiver = transceiver.receiver
            kind: Kind = "video" if transceiver.kind == "video" else "audio"
            _hear_reports(receiver, partial(self._report, kind, receiver))
            read = self._read_pictures if kind == "video" else self._read_voice
            self._readers.append(asyncio.ensure_future(_until_ended(read(receiver.track))))
            self._readers.append(asyncio.ensure_future(self._watch(receiver)))

    def _ended(self) -> None:
        for reader in self._readers:
            reader.cancel()
        self._on_end()

    def _report(self, kind: Kind, receiver: RTCRtpReceiver, rtp: int, wall_ms: float) -> None:
        origin = _first_timestamp(receiver)
        if origin is not None:
            ticks = nearest_ticks(rtp, origin, self._ticks[kind])
            self._clock.report(kind, ticks * 1000 / RATES_HZ[kind], wall_ms)

    def _media_ms(self, kind: Kind, ticks: int) -> float:
        self._ticks[kind] = ticks
        self.heard_ms = self._on.now_ms()
        return self._clock.media_ms(kind, ticks * 1000 / RATES_HZ[kind], self.heard_ms)

    async def _read_pictures(self, track: MediaStreamTrack) -> None:
        while True:
            frame = _newest(track, await track.recv())
            assert isinstance(frame, av.VideoFrame)
            if max(frame.width, frame.height) > WHIP_SIDE_MAX_PX:
                await self._refuse(
                    f"The publisher sent pictures of {frame.width}x{frame.height}; at most {WHIP_SIDE_MAX_PX} a side are "
                    "taken. Publish smaller ones."
                )
            await self._on.picture(frame, self._media_ms("video", frame.pts or 0))

    async def _watch(self, receiver: RTCRtpReceiver) -> None:
        while True:
            await self.check_backlog(_waiting_frames(receiver))
            await asyncio.sleep(_WATCH_S)

    async def check_backlog(self, waiting: int) -> None:
        """Ends the publisher when more than WHIP_BACKLOG_FRAMES wait for a decoder."""
        if waiting > WHIP_BACKLOG_FRAMES:
            await self._refuse(
                "The publisher sends more than this machine can decode. Publish smaller pictures, or fewer."
            )

    async def _refuse(self, why: str) -> None:
        self._on.refused(why)
        await self.close()

    async def _read_voice(self, track: MediaStreamTrack) -> None:
        resampler = av.AudioResampler("s16", "mono", _SAMPLE_RATE_HZ)
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.AudioFrame)
            # The time stamp is that of the first sample, the moment of decoding comes after the last one.
            media_ms = self._media_ms("audio", (frame.pts or 0) + frame.samples)
            media_ms -= frame.samples * 1000 / _SAMPLE_RATE_HZ
            for piece in resampler.resample(frame):
                pcm = piece.to_ndarray().reshape(-1).astype(np.int16)
                self._on.voice(pcm, media_ms)
                media_ms += len(pcm) * 1000 / _SAMPLE_RATE_HZ


def _newest(track: MediaStreamTrack, frame: Any) -> Any:
    """aiortc's queue of decoded frames has no bound: what came while the last one was worked on is passed over."""
    queue: asyncio.Queue[Any] = track._queue  # type: ignore[attr-defined]
    while queue.qsize() > 1 or (queue.qsize() and queue._queue[0] is not None):  # type: ignore[attr-defined]
        frame = queue.get_nowait()
    return frame


async def _until_ended(reading: Awaitable[None]) -> None:
    try:
        await reading
    except MediaStreamError:  # the track is over: the peer's own end is told by its connection
        return


def _hear_reports(receiver: RTCRtpReceiver, told: Callable[[int, float], None]) -> None:
    """Calls told(RTP time, wall clock in ms) for each sender report.

    Workaround. Cause: aiortc (1.16) keeps the NTP time of a report and forgets the RTP time that goes with it, so that nothing
    public relates the times of voice and picture. Cost: one method of one object is wrapped. Remove it when
    `getStats` of a receiver has both.
    """
    handle: Any = receiver._handle_rtcp_packet

    async def heard(packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            told(info.rtp_timestamp, info.ntp_timestamp * 1000 / (1 << 32))
        await handle(packet)

    receiver._handle_rtcp_packet = heard  # type: ignore[method-assign]


def _waiting_frames(receiver: Any) -> int:
    """Coded frames between aiortc's jitter buffer and its decoder thread."""
    count: int = receiver._RTCRtpReceiver__decoder_queue.qsize()
    return count


def _first_timestamp(receiver: Any) -> int | None:
    """The RTP time that aiortc calls 0 (its frames carry times since the first), None before a frame came."""
    origin: int | None = receiver._RTCRtpReceiver__timestamp_mapper._origin
    return origin
