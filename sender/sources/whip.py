"""A standard WebRTC publisher as a source: WHIP in (RFC 9725), facewire out.

    OBS, GStreamer, a browser --POST offer--> WhipServer --> Publisher --> pictures, voice --> the call

Must import aiortc, PyAV, numpy and `sender.sources`, `shared` only; imported when a spec asks for it. Invariant: one publisher
at a time; media time is the machine's clock and goes on while nobody publishes: then there are no pictures, and silence.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from sender.sources.base import (
    PICTURE_INTERVAL_MS,
    VOICE_BLOCK_MS,
    VOICE_BLOCK_SAMPLES,
    Clock,
    Latest,
    MonotonicClock,
    Pace,
    SourcePicture,
    SourceReport,
    SourceVoice,
)
from sender.sources.file_decode import to_rgb
from sender.sources.whip_publisher import Publisher, PublisherCallbacks
from shared.core.voice_line import SAMPLES_PER_MS, VoiceLine
from shared.limits import LIVE_VOICE_MS, WHIP_SILENCE_MS, WHIP_VOICE_WAIT_MS
from shared.transport.whip_access import WhipAccess, parse_access
from shared.transport.whip_http import Busy
from shared.transport.whip_server import WhipServer

_TOLERANCE_MS: Final = 40
"""Voice that is this far from its place joins what came before: two packets."""
_POLL_US: Final = 5_000


class WhipSource:
    """A `Source` that waits for publishers. Raises UserError when its address cannot be had."""

    has_voice = True

    def __init__(self, access: WhipAccess, clock: Clock | None = None) -> None:
        self.report = SourceReport()
        self._clock = clock or MonotonicClock()
        self._pace = Pace(self._clock)
        self._voice, self._lock = VoiceLine(LIVE_VOICE_MS, _TOLERANCE_MS), threading.Lock()
        self._pictures: Latest[SourcePicture] = Latest()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._publisher: Publisher | None = None
        self._last_ms = -1
        self._closed = False
        self._server = WhipServer(access, self._open)
        self.port = self._server.port

    async def pictures(self) -> AsyncGenerator[SourcePicture, None]:
        """The publisher's pictures on the 25 fps grid as they come; ends with `close`."""
        self._start()
        while (item := await self._pictures.get()) is not None:
            self.report.pictures_skipped = self._pictures.skipped
            yield item

    async def voice(self) -> AsyncGenerator[SourceVoice, None]:
        """The publisher's voice, each block once it is there, WHIP_VOICE_WAIT_MS late at most; ends with `close`."""
        self._start()
        media_ms = 0
        while await self._heard(media_ms + VOICE_BLOCK_MS):
            with self._lock:
                pcm = self._voice.read(media_ms * SAMPLES_PER_MS, VOICE_BLOCK_SAMPLES)
            yield SourceVoice(media_ms, pcm)
            media_ms += VOICE_BLOCK_MS

    async def close(self) -> None:
        """Says goodbye to the publisher and ends both iterators."""
        self._closed = True
        self._pictures.end()
        await asyncio.to_thread(self._server.close)

    def _start(self) -> None:
        self._pace.due_us(0)
        self._loop = asyncio.get_running_loop()

    async def _heard(self, end_ms: int) -> bool:
        """Returns when the voice up to end_ms is there or not waited for any more; False at the end of the source."""
        deadline_us = self._pace.due_us(end_ms + WHIP_VOICE_WAIT_MS)
        while not self._closed and self._voice.end < end_ms * SAMPLES_PER_MS:
            now_us = self._clock.now_us()
            if now_us >= deadline_us:
                break
            await self._clock.sleep_until_us(min(deadline_us, now_us + _POLL_US))
        return not self._closed

    # --- in the server's event loop -----------------------------------------------------------------------------------

    def _now_ms(self) -> float:
        return (self._clock.now_us() - self._pace.due_us(0)) / 1000

    async def _open(self, offer: str, on_end: Callable[[], None]) -> Publisher:
        last = self._publisher
        if last is not None and self._now_ms() - last.heard_ms < WHIP_SILENCE_MS:
            raise Busy("somebody publishes here already", status=409)

        def ended() -> None:
            if self._publisher is publisher:
                self._publisher = None
            on_end()

        callbacks = PublisherCallbacks(self._now_ms, self._on_picture, self._on_voice, self.report.warn)
        publisher = Publisher(callbacks, ended)
        self._publisher = publisher
        if last is not None:
            await last.close()
        await publisher.accept(offer)
        return publisher

    async def _on_picture(self, frame: av.VideoFrame, media_ms: float) -> None:
        grid_ms = round(media_ms / PICTURE_INTERVAL_MS) * PICTURE_INTERVAL_MS
        if self._loop is None or grid_ms <= self._last_ms:
            return
        self._last_ms = grid_ms
        capture_us = self._pace.due_us(0) + round(media_ms * 1000)
        picture = SourcePicture(grid_ms, capture_us, await asyncio.to_thread(to_rgb, frame))
        with suppress(RuntimeError):  # the call's loop is closed: nobody is left to send it
            self._loop.call_soon_threadsafe(self._pictures.put, picture)

    def _on_voice(self, pcm: NDArray[np.int16], media_ms: float) -> None:
        if self._loop is not None and media_ms >= 0:
            with self._lock:
                self._voice.write(pcm, round(media_ms * SAMPLES_PER_MS))


def open_whip(text: str) -> WhipSource:
    """The source of `whip:text`, see `whip_access.parse_access`."""
    access = parse_access("whip", text)
    source = WhipSource(access)
    print(f"sender: publish to {access.url} with any WHIP publisher", file=sys.stderr)
    return source
