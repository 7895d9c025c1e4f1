"""A coded clip through a bad network in virtual time: what the receiver got and when; `rebuild_arrived` then shows and plays it.

    Coded --media time--> Encoder ==MemoryLink(Link)== Decoder --events--> Arrived --rebuild_arrived--> Rebuilt
              RateFollower <----------acknowledgements---+

Must not import aiortc or torch. Invariant: messages, repairs and acknowledgements are those of the code that is shipped. What a
real call has and this has not: time that computing takes (so latency is that of link and playout alone), set-up, and a ladder
that changes bundles, rung or voice rate: the call is pinned to what was coded. Like a pinned call it follows the link with its
frame rate, repeats and keyframes' pace.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from experiments.network.links import Link
from experiments.rates.virtual_receiver import (
    LATE_MS,
    Arrived,
    Picture,
    Rebuilt,
    Received,
    concealed,
    rebuild_arrived,
)
from experiments.rates.wire import DRAIN_MS, TICK_MS, Item, timed, wire_of
from models.evaluation.offline_call import FRAME_MS, Coded
from receiver.video_decoder import VideoDecoder
from sender.picture_rungs import PictureOrder, PictureRungs
from sender.rate_follower import RateFollower
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import (
    AckReceived,
    Event,
    KeyframeReceived,
    MotionReceived,
    VideoReceived,
    VoiceReceived,
)
from shared.core.ladder import LadderConfig
from shared.errors import RemoteError
from shared.frames import Keyframe, MotionFrame, Rung, VideoKind, VideoUnit, VoicePacket
from shared.transport.base import TransportClosed, WireSnapshot
from shared.transport.memory_link import MemoryLink
from shared.transport.virtual_time import loop_now_us, run_virtual

__all__ = ["Arrived", "LiveThumbnails", "Rebuilt", "Received", "rebuild_arrived", "through_link"]

UNBOUND_KBPS: Final = 1000.0
"""The call is what was asked for; only the link may make it less."""


class LiveThumbnails:
    """Codes a clip's thumbnails while the call goes on, as a sender does: one that is wished for stands alone."""

    def __init__(self, frames: Sequence[Picture], kbps: float) -> None:
        self._frames, self._kbps, self._rungs = frames, kbps, PictureRungs()

    def code(self, media_ms: int, intra: bool) -> VideoUnit | None:
        """The thumbnail of this time, None where none is due."""
        order = PictureOrder(VideoKind.THUMBNAIL, self._kbps, intra)
        return self._rungs.code(order, self._frames[media_ms // FRAME_MS], media_ms)

    def close(self) -> None:
        """Frees the encoder."""
        self._rungs.close()


def through_link(
    coded: Coded, link: Link, bundle_ms: int = 80, seed: int | None = None, live: LiveThumbnails | None = None
) -> Arrived:
    """Send a clip over a link, pinned to its rung and to bundles of 40..200 ms. UserError for other bundles.

    seed: None takes the link's own. live: codes thumbnails anew where one was lost; without it those of `coded` are sent, and
    after a lost one nothing can be shown of them. Same arguments, same outcome.
    """
    call = _Call(coded, link, bundle_ms, link.seed if seed is None else seed, live)
    run_virtual(call.run())
    received, rung = tuple(call.received), _rung(coded)
    frames = sum(isinstance(one.item, MotionFrame) for one in received)
    spoken_ms = max((packet.media_ms + packet.duration_ms for packet in coded.voice), default=0)
    return Arrived(
        rung,
        coded.seconds,
        received,
        wire_of(call.taken, coded.seconds),
        call.payload_kbps(),
        0.0 if rung is Rung.VOICE else max(0.0, 1 - frames / max(1, len(coded.motion))),
        *concealed(received, rung, coded.seconds, spoken_ms),
    )


def _rung(coded: Coded) -> Rung:
    return Rung[coded.rung.upper()]


class _Call:
    """Both ends of one call. received, taken: what came, and what the link counted by the end of the clip."""

    def __init__(
        self, coded: Coded, link: Link, bundle_ms: int, seed: int, live: LiveThumbnails | None
    ) -> None:
        self._coded, self._link, self._seed, self._live = coded, link, seed, live
        self._encoder, self._decoder = Encoder(EncoderConfig(bundle_ms=bundle_ms)), Decoder()
        pinned = Rung.VOICE if coded.rung == "voice" else Rung.MOTION
        self._follower = RateFollower(
            self._encoder, LadderConfig(max_kbps=UNBOUND_KBPS, rung=pinned, bundle_ms=bundle_ms)
        )
        self._items = deque(timed(coded))
        self._next_live_ms = coded.keyframes[0].media_ms
        self._pictures = VideoDecoder(loop_now_us)
        self.received: list[Received] = []
        self.taken = WireSnapshot()

    async def run(self) -> None:
        link = MemoryLink(self._link.forward, self._link.reverse, self._seed)
        self._near, self._far = link.a, link.b
        receiving = [asyncio.ensure_future(part) for part in (self._receive(), self._take_answers())]
        end_ms = round(self._coded.seconds * 1000) + DRAIN_MS
        for now_ms in range(0, end_ms + LATE_MS, TICK_MS):
            if now_ms < end_ms:
                self._push_until(now_ms)
            elif now_ms < end_ms + TICK_MS:
                self.taken = self._near.counter.snapshot()
            await self._poll()
            await asyncio.sleep(TICK_MS / 1000)
        await self._near.close()
        await asyncio.gather(*receiving)

    def payload_kbps(self) -> dict[str, float]:
        """What the encoder handed out, by part, over the clip."""
        stats = self._encoder.stats
        sizes = {
            "audio": stats.audio_bytes, "motion": stats.motion_bytes, "keyframe": stats.keyframe_bytes,
            "control": stats.control_bytes, "thumbnail": stats.thumbnail_bytes,
        }  # fmt: skip
        return {name: round(size * 8 / 1000 / self._coded.seconds, 3) for name, size in sizes.items()}

    async def _poll(self) -> None:
        """What both ends have to say now."""
        self._follower.update(loop_now_us())
        for outgoing in self._encoder.poll(loop_now_us()):
            await self._near.send(outgoing)
        for outgoing in self._decoder.poll(loop_now_us()):
            await self._far.send(outgoing)

    def _push_until(self, now_ms: int) -> None:
        while self._items and self._items[0][0] <= now_ms:
            self._push(self._items.popleft()[1])
        while self._live is not None and self._next_live_ms <= min(now_ms, self._last_ms):
            wished = self._encoder.take_intra_wish(VideoKind.THUMBNAIL)
            unit = self._live.code(self._next_live_ms, wished)
            if unit is not None:
                self._encoder.push_video(unit)
            self._next_live_ms += FRAME_MS

    @property
    def _last_ms(self) -> int:
        return round(self._coded.seconds * 1000) - FRAME_MS

    def _push(self, item: Item) -> None:
        match item:
            case Keyframe():
                self._encoder.push_keyframe(item)
            case MotionFrame() if self._follower.wants_motion(item.media_ms):
                self._encoder.push_motion(item)
            case VoicePacket():
                self._encoder.push_voice(item)
            case VideoUnit() if self._live is None:
                self._encoder.push_video(item)
            case _:
                pass

    async def _receive(self) -> None:
        with suppress(TransportClosed):
            while True:
                _, data = await self._far.receive()
                for event in self._decoder.receive(data, loop_now_us()):
                    self._take(event)
                for outgoing in self._decoder.poll(loop_now_us()):
                    await self._far.send(outgoing)

    def _take(self, event: Event) -> None:
        match event:
            case KeyframeReceived(item) | MotionReceived(item) | VoiceReceived(item) | VideoReceived(item):
                self.received.append(Received(loop_now_us(), item))
        if isinstance(event, VideoReceived):
            self._look(event.unit)

    def _look(self, unit: VideoUnit) -> None:
        """A receiver that cannot decode a thumbnail asks for one that stands alone."""
        try:
            self._pictures.decode(unit)
        except RemoteError:
            self._decoder.want_intra(unit.kind)

    async def _take_answers(self) -> None:
        reader = Decoder()
        with suppress(TransportClosed):
            while True:
                _, data = await self._near.receive()
                for event in reader.receive(data, loop_now_us()):
                    if isinstance(event, AckReceived):
                        self._encoder.receive_ack(event.ack, loop_now_us())
                        self._follower.acknowledged(loop_now_us())
