"""The rebuilt call as ordinary WebRTC: any WHEP player watches it (draft-ietf-wish-whep-02).

    LiveStage --> LivePictures, LiveVoice (one pair a viewer) --> aiortc: VP8 or H.264, Opus --> viewer

Must be imported only when a spec asks for it (aiortc). Invariant: viewers come and go in the server's thread and never touch
the call; nothing of a viewer's own media is decoded; a viewer that falls behind loses pictures, not time.
"""

import asyncio
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from numpy.typing import NDArray

from receiver.sinks.base import FRAME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_MS, PictureState
from receiver.sinks.live_stage import VOICE_BLOCK_MS, LiveStage, next_tick
from shared.limits import WHEP_VIEWERS_MAX
from shared.transport.media_peer import MediaPeer
from shared.transport.media_sdp import PLAYS
from shared.transport.whip_access import WhipAccess, parse_access
from shared.transport.whip_http import Busy
from shared.transport.whip_server import WhipServer

_RTP_VIDEO: Final = Fraction(1, 90_000)
_VOICE_LATE_MS: Final = 200
"""A voice reader this far behind goes on at the present; less is caught up with, block after block."""


class _LiveTrack(MediaStreamTrack):
    """A reader of the stage. Time stamps of both kinds are the stage's time, so that they tell the same clock."""

    def __init__(self, stage: LiveStage) -> None:
        super().__init__()
        self._stage = stage
        self._at_ms: int | None = None

    async def _wait(self, at_ms: int) -> None:
        self._at_ms = at_ms
        await asyncio.sleep(max(0, at_ms - self._stage.now_ms()) / 1000)
        if self.readyState != "live":
            raise MediaStreamError


class LivePictures(_LiveTrack):
    """25 pictures a second, fewer for a viewer whose encoder cannot keep up."""

    kind = "video"

    async def recv(self) -> av.VideoFrame:
        """The next picture when it is due, 256x256 yuv420p."""
        at_ms = next_tick(self._at_ms, self._stage.now_ms(), FRAME_MS)
        await self._wait(at_ms)
        picture = self._stage.picture_at(at_ms)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = at_ms * 90, _RTP_VIDEO
        return frame


class LiveVoice(_LiveTrack):
    """Blocks of 20 ms, mono 48 kHz."""

    kind = "audio"

    async def recv(self) -> av.AudioFrame:
        """The next block when it begins."""
        now_ms = self._stage.now_ms()
        at_ms = next_tick(self._at_ms, now_ms, VOICE_BLOCK_MS)
        if self._at_ms is not None and now_ms - self._at_ms < _VOICE_LATE_MS:
            at_ms = self._at_ms + VOICE_BLOCK_MS
        await self._wait(at_ms)
        pcm = self._stage.voice_at(at_ms, VOICE_BLOCK_MS)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts, frame.time_base = at_ms * SAMPLES_PER_MS, Fraction(1, SAMPLE_RATE_HZ)
        return frame


class WatchedSink:
    """A `Sink` that viewers watch; an endpoint lets them in by `open_viewer`, in its own loop."""

    shows = True
    live = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._stage = LiveStage()
        self._viewers: set[MediaPeer] = set()

    @property
    def viewers(self) -> int:
        """How many watch just now."""
        return len(self._viewers)

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        """See `Sink.write_picture`; never fails."""
        self._stage.put_picture(picture)

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        """See `Sink.write_voice`; never fails."""
        self._stage.put_voice(pcm)

    async def open_viewer(self, offer: str, on_end: Callable[[], None]) -> MediaPeer:
        """An `OpenSession`. Raises RemoteError and Busy."""
        if len(self._viewers) >= WHEP_VIEWERS_MAX:
            raise Busy("too many viewers")

        def gone() -> None:
            self._viewers.discard(viewer)
            on_end()

        viewer = MediaPeer(gone)
        self._viewers.add(viewer)
        await viewer.accept(offer, PLAYS, lambda: self._attach(viewer))
        return viewer

    def _attach(self, viewer: MediaPeer) -> None:
        for transceiver in viewer.pc.getTransceivers():
            viewer.pc.addTrack((LivePictures if transceiver.kind == "video" else LiveVoice)(self._stage))
            # Also for a viewer that offers sendrecv: its own media are not received, so nothing of them is decoded.
            transceiver.direction = "sendonly"


class WhepSink(WatchedSink):
    """Watched at a port of its own. Raises UserError when its address cannot be had."""

    def __init__(self, access: WhipAccess) -> None:
        super().__init__(f"whep:{access.host}:{access.port}")
        self._server = WhipServer(access, self.open_viewer)
        self.port = self._server.port

    def close(self) -> None:
        """Say goodbye to the viewers and free the address."""
        self._server.close()


def open_whep(text: str) -> WhepSink:
    """The endpoint of `whep:text`, see `whip_access.parse_access`."""
    access = parse_access("whep", text)
    sink = WhepSink(access)
    print(f"receiver: watch this call with a WHEP player at {access.url}", file=sys.stderr)
    return sink
