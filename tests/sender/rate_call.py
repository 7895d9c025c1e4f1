"""A one-way call in virtual time over an impaired link, with everything that follows the rate, and made-up media.

Invariant: no clock, no dice but the link's seed; the sizes of voice, motion and pictures are those that the plan asks for.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from sender.rate_follower import RateFollower
from shared.control import FEATURE_VIDEO, Hello
from shared.core.bundler import longest_packet_ms
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, VideoReceived, VoiceReceived
from shared.core.ladder import LadderConfig, Plan
from shared.frames import VideoKind, VideoUnit, VoicePacket
from shared.transport.base import TransportClosed
from shared.transport.impairments import Impairment, RateStep
from shared.transport.memory_link import MemoryLink
from shared.transport.virtual_time import loop_now_us, run_virtual
from tests.shared.harness import frame_at, keyframe, motion_walk

TICK_MS = 5
DELAY_MS = 20
INTRA_FACTOR = 2.5
WALK = motion_walk(1000)


def stepped(*steps: tuple[int, float]) -> Impairment:
    """A link of 20 ms whose rate changes: (from ms, kbit/s)."""
    return Impairment(delay_ms=DELAY_MS, rate=tuple(RateStep(*step) for step in steps), queue_bytes=30_000)


@dataclass
class RateCall:
    """Runs with `run`; then read what was noted. answering: whether the receiver acknowledges at all."""

    ladder: LadderConfig
    forward: Impairment = field(default_factory=lambda: Impairment(delay_ms=DELAY_MS))
    reverse: Impairment = field(default_factory=lambda: Impairment(delay_ms=DELAY_MS))
    answering: bool = True
    can_show_video: bool = True
    pins: dict[int, object] = field(default_factory=dict)
    refreshed_ms: tuple[int, ...] = ()
    plans: list[tuple[int, Plan]] = field(default_factory=list)
    delays: list[tuple[int, float]] = field(default_factory=list)
    voices: list[tuple[int, int]] = field(default_factory=list)
    pictures: list[tuple[int, int]] = field(default_factory=list)
    estimates: list[tuple[int, float]] = field(default_factory=list)

    def run(self, until_ms: int) -> "RateCall":
        """The whole call, up to until_ms."""
        run_virtual(self._run(until_ms))
        return self

    def plan_at(self, now_ms: int) -> Plan:
        """The plan in force then."""
        return [plan for at_ms, plan in self.plans if at_ms <= now_ms][-1]

    def longest_delay_ms(self, from_ms: int, to_ms: int) -> float:
        """Longest time that a message took beyond the path's own delay: in the link's queue and on its wire."""
        return max((delay for at_ms, delay in self.delays if from_ms <= at_ms < to_ms), default=0.0)

    def longest_voice_gap_ms(self, from_ms: int, to_ms: int) -> int:
        """Longest time without a new voice packet."""
        times = [from_ms, *(at_ms for at_ms, _ in self.voices if from_ms <= at_ms < to_ms), to_ms]
        return max(later - earlier for earlier, later in pairwise(times))

    async def _run(self, until_ms: int) -> None:
        self.link = MemoryLink(self.forward, self.reverse)
        self.encoder = Encoder(EncoderConfig())
        self.decoder = Decoder()
        self.follower = RateFollower(self.encoder, self.ladder)
        self.follower.greet(Hello(1, "", "", (FEATURE_VIDEO,) if self.can_show_video else ()))
        self.encoder.push_keyframe(keyframe(0))
        self.plans.append((0, self.follower.plan))
        self._sent_us: dict[bytes, int] = {}
        self._voice_ms = self._units = 0
        receiving = [asyncio.ensure_future(part) for part in (self._receive(), self._take_answers())]
        for now_ms in range(0, until_ms, TICK_MS):
            await self._tick(now_ms)
            await asyncio.sleep(TICK_MS / 1000)
        await self.link.a.close()
        await asyncio.wait(receiving)

    async def _tick(self, now_ms: int) -> None:
        now_us = loop_now_us()
        if now_ms in self.pins:
            self.follower.pin(self.pins[now_ms])  # type: ignore[arg-type]
        if now_ms in self.refreshed_ms:
            self.encoder.push_keyframe(keyframe(1 + self.refreshed_ms.index(now_ms), image_bytes=2000))
        self._capture(now_ms)
        if (plan := self.follower.update(now_us)) is not None:
            self.plans.append((now_ms, plan))
        self.estimates.append((now_ms, self.follower.link.estimate_kbps))
        for outgoing in self.encoder.poll(now_us):
            self._sent_us[outgoing.data] = now_us
            await self.link.a.send(outgoing)

    def _capture(self, now_ms: int) -> None:
        plan = self.follower.plan
        packet_ms = longest_packet_ms(plan.bundle_ms)
        if now_ms - self._voice_ms >= packet_ms:
            data = bytes(max(1, round(plan.voice_kbps * packet_ms / 8)))
            self.encoder.push_voice(VoicePacket(self._voice_ms, packet_ms, data))
            self._voice_ms += packet_ms
        if plan.motion_fps and now_ms % round(1000 / plan.motion_fps) == 0:
            self.encoder.push_motion(frame_at(now_ms // 40, WALK, 0))
        for kind, kbps, step_ms in (
            (VideoKind.THUMBNAIL, plan.thumbnail_kbps, 80),
            (VideoKind.VIDEO, plan.video_kbps, 40),
        ):
            if now_ms % step_ms == 0 and self.follower.has_room(kind):
                self._code(kind, kbps * step_ms / 8, now_ms)

    def _code(self, kind: VideoKind, size_bytes: float, now_ms: int) -> None:
        intra = self.encoder.take_intra_wish(kind) or self._units == 0
        data = bytes(round(size_bytes * (INTRA_FACTOR if intra else 1)))
        self.encoder.push_video(VideoUnit(kind, self._units % 256, now_ms, intra, 128, data))
        self._units += 1

    async def _receive(self) -> None:
        try:
            while True:
                _, data = await self.link.b.receive()
                now_us = loop_now_us()
                self.delays.append((now_us // 1000, (now_us - self._sent_us[data]) / 1000 - DELAY_MS))
                for event in self.decoder.receive(data, now_us):
                    self._note(event, now_us // 1000)
                await self._answer(now_us)
        except TransportClosed:
            return

    def _note(self, event: object, now_ms: int) -> None:
        match event:
            case VoiceReceived(packet):
                self.voices.append((now_ms, packet.media_ms))
            case VideoReceived(unit):
                self.pictures.append((now_ms, unit.media_ms))

    async def _answer(self, now_us: int) -> None:
        if not self.answering:
            return
        for outgoing in self.decoder.poll(now_us):
            await self.link.b.send(outgoing)

    async def _take_answers(self) -> None:
        reader = Decoder()
        try:
            while True:
                _, data = await self.link.a.receive()
                now_us = loop_now_us()
                for event in reader.receive(data, now_us):
                    if isinstance(event, AckReceived):
                        self.encoder.receive_ack(event.ack, now_us)
                        self.follower.acknowledged(now_us)
        except TransportClosed:
            return
