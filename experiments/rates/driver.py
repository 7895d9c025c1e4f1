"""The one driver of a coded clip: a call between two transports at the pace of the running loop's clock, virtual or real.

    Coded --media time--> Encoder ==near ... far== Decoder --events--> Received
              RateFollower <--------acknowledgements---+

Must not import aiortc or torch. Invariant: messages, repairs and acknowledgements are those of the code that is shipped, and what
is done does not depend on the kind of transport or clock. What a real call has and this has not: time that computing takes,
set-up, and a ladder that changes bundles, rung or voice rate: the call is pinned to what was coded. Like a pinned call it
follows the link with its frame rate, repeats and keyframes' pace.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
from shared.transport.base import Transport, TransportClosed, WireSnapshot
from shared.transport.virtual_time import loop_now_us

SHORTEST_US: Final = 100
"""Of a sleep: time must go on even for a state machine that wants to be asked at once."""
ACKNOWLEDGE_US: Final = 1000
"""Between two looks of the receiver, as `receiver.session` has it."""
NEVER_US: Final = 1 << 62
DRAIN_MS: Final = 400
"""After the clip: the last bundle leaves and is acknowledged. The wire is counted up to here."""
UNBOUND_KBPS: Final = 1000.0
"""The call is what was asked for; only the link may make it less."""

Item = Keyframe | MotionFrame | VoicePacket | VideoUnit
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """One thing that was complete at the receiver at_us after the call began."""

    at_us: int
    item: Item


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What became of a clip. taken: what the near end counted from the call's begin to DRAIN_MS after the clip. begin_us, end_us:
    these two moments on the loop's clock. payload_kbps: what the encoder handed out, by part. late_ms: the longest that a
    part of the call came after its time, 0 in virtual time; a machine that was late by a bundle's time made another call than
    was asked for."""

    received: tuple[Received, ...]
    taken: WireSnapshot
    begin_us: int
    end_us: int
    payload_kbps: dict[str, float]
    late_ms: float


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


async def send_clip(
    coded: Coded,
    bundle_ms: int,
    near: Transport,
    far: Transport,
    live: LiveThumbnails | None = None,
    wait_ms: int = 0,
) -> Sent:
    """The clip from `near` to `far`, pinned to its rung and to bundles of 40..200 ms; both are closed then.

    live: codes thumbnails anew where one was lost; without it those of `coded` are sent, and after a lost one nothing can be
    shown of them. wait_ms: how long what is under way may still arrive after the wire was counted. UserError for other bundles.
    """
    return await _Call(coded, bundle_ms, near, far, live).run(wait_ms)


def timed(coded: Coded) -> Iterator[tuple[int, Item]]:
    """(when the sender has it, in ms of media time) of everything; a keyframe before motion that names it, voice at its end."""
    items: list[tuple[int, Item]] = [(keyframe.media_ms, keyframe) for keyframe in coded.keyframes]
    items += [(frame.media_ms, frame) for frame in coded.motion]
    items += [(packet.media_ms + packet.duration_ms, packet) for packet in coded.voice]
    items += [(unit.media_ms, unit) for unit in coded.thumbnails]
    yield from sorted(items, key=lambda item: item[0])


def _since(begin: WireSnapshot, end: WireSnapshot) -> WireSnapshot:
    return WireSnapshot(
        end.forward_bytes - begin.forward_bytes,
        end.forward_packets - begin.forward_packets,
        end.reverse_bytes - begin.reverse_bytes,
        end.reverse_packets - begin.reverse_packets,
    )


class _Call:
    """Both ends of one call."""

    def __init__(
        self, coded: Coded, bundle_ms: int, near: Transport, far: Transport, live: LiveThumbnails | None
    ) -> None:
        self._coded, self._near, self._far, self._live = coded, near, far, live
        self._encoder, self._decoder = Encoder(EncoderConfig(bundle_ms=bundle_ms)), Decoder()
        pinned = Rung.VOICE if coded.rung == "voice" else Rung.MOTION
        self._follower = RateFollower(
            self._encoder, LadderConfig(max_kbps=UNBOUND_KBPS, rung=pinned, bundle_ms=bundle_ms)
        )
        self._items = deque(timed(coded))
        self._next_live_ms = coded.keyframes[0].media_ms
        self._pictures = VideoDecoder(loop_now_us)
        self._received: list[Received] = []
        self._begin_us, self._late_ms, self._ended = 0, 0.0, False
        self._answered, self._arrived = asyncio.Event(), asyncio.Event()

    async def run(self, wait_ms: int) -> Sent:
        answering = (self._receive(), self._acknowledge(), self._take_answers())
        begin, self._begin_us = self._near.counter.snapshot(), loop_now_us()
        parts = [asyncio.ensure_future(part) for part in answering]
        end_ms = round(self._coded.seconds * 1000) + DRAIN_MS
        await self._go_on(end_ms)
        taken, end_us = _since(begin, self._near.counter.snapshot()), loop_now_us()
        payload_kbps = self._payload_kbps()
        await self._go_on(end_ms + wait_ms)
        await asyncio.gather(self._near.close(), self._far.close())
        self._ended = True
        self._arrived.set()
        await asyncio.gather(*parts)
        received = tuple(self._received)
        return Sent(received, taken, self._begin_us, end_us, payload_kbps, round(self._late_ms, 1))

    async def _go_on(self, until_ms: int) -> None:
        """The sender until this time of the call: it is asked when media comes, when an answer came, and when it wants to be."""
        until_us = self._begin_us + until_ms * 1000
        while (now_us := loop_now_us()) < until_us:
            self._answered.clear()
            self._push_until((now_us - self._begin_us) // 1000)
            self._follower.update(now_us)
            for outgoing in self._encoder.poll(now_us):
                await self._near.send(outgoing)
            await self._until(
                min(self._encoder.next_poll_us(now_us), self._next_media_us(), until_us), self._answered
            )

    async def _until(self, at_us: int, event: asyncio.Event) -> None:
        """Sleep until the event or this moment, and note how late that became."""
        now_us = loop_now_us()
        try:
            async with asyncio.timeout(max(at_us - now_us, SHORTEST_US) / 1_000_000):
                await event.wait()
        except TimeoutError:
            self._late_ms = max(self._late_ms, (loop_now_us() - max(at_us, now_us + SHORTEST_US)) / 1000)

    def _next_media_us(self) -> int:
        times_ms = [self._items[0][0]] if self._items else []
        times_ms += (
            [self._next_live_ms] if self._live is not None and self._next_live_ms <= self._last_ms else []
        )
        return self._begin_us + min(times_ms) * 1000 if times_ms else NEVER_US

    def _payload_kbps(self) -> dict[str, float]:
        stats = self._encoder.stats
        sizes = {
            "audio": stats.audio_bytes, "motion": stats.motion_bytes, "keyframe": stats.keyframe_bytes,
            "control": stats.control_bytes, "thumbnail": stats.thumbnail_bytes,
        }  # fmt: skip
        return {name: round(size * 8 / 1000 / self._coded.seconds, 3) for name, size in sizes.items()}

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
                self._arrived.set()

    async def _acknowledge(self) -> None:
        while not self._ended:
            self._arrived.clear()
            now_us = loop_now_us()
            with suppress(TransportClosed):
                for outgoing in self._decoder.poll(now_us):
                    await self._far.send(outgoing)
            await self._until(max(self._decoder.next_poll_us(now_us), now_us + ACKNOWLEDGE_US), self._arrived)

    def _take(self, event: Event) -> None:
        match event:
            case KeyframeReceived(item) | MotionReceived(item) | VoiceReceived(item) | VideoReceived(item):
                self._received.append(Received(loop_now_us() - self._begin_us, item))
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
                        self._answered.set()
