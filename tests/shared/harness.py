"""A call in virtual time: one encoder, one decoder, and a link whose losses are patterns, not dice.

Invariant: no clock, no sleeps; the same pattern gives the same call. A pattern maps a message's number to the delays
(ms) at which copies of it arrive: none is a loss, two are a duplicate, unequal ones reorder.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS, SYMBOLS
from shared.coding.tables import SymbolPlan, load_tables
from shared.core.decoder import Decoder, DecoderConfig
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import (
    AckReceived,
    ControlReceived,
    Event,
    KeyframeReceived,
    MotionReceived,
    VoiceReceived,
)
from shared.core.playout import PictureDue, Playout, VoiceDue
from shared.frames import Channel, Keyframe, KeyframeFormat, MotionFrame, VoicePacket

Pattern = Callable[[int], tuple[int, ...]]
TICK_MS = 5
DELAY_MS = 20


def clean(number: int) -> tuple[int, ...]:
    """Every message arrives once, after DELAY_MS."""
    return (DELAY_MS,)


def losing(*lost: int, every: int) -> Pattern:
    """Of each `every` messages those with these numbers are lost."""
    return lambda number: () if number % every in lost else (DELAY_MS,)


def messy(number: int) -> tuple[int, ...]:
    """Losses, duplicates and reordering in a fixed rhythm."""
    return ((DELAY_MS,), (90,), (), (DELAY_MS, 60), (5,), (150, 20), (DELAY_MS,))[number % 7]


def within(symbols: NDArray[Any], plan: SymbolPlan) -> NDArray[np.int16]:
    """Symbols inside the ranges of the coder's tables, whatever those are trained to be."""
    return np.asarray(np.clip(symbols, plan.minimum, plan.maximum), dtype=np.int16)


def motion_walk(count: int, seed: int = 1) -> NDArray[np.int16]:
    """Smooth motion symbols, int16 (count, 46), inside every range of the coder's tables."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.8, (count, SYMBOLS))
    walk = np.clip(np.rint(np.cumsum(steps, axis=0)), -8, 8)
    return within(walk, load_tables().motion)


def frame_at(index: int, walk: NDArray[np.int16], keyframe_id: int, step_ms: int = 40) -> MotionFrame:
    """Frame `index` of a walk, `step_ms` apart."""
    return MotionFrame(index * step_ms, keyframe_id, walk[index % len(walk)])


def keyframe(keyframe_id: int = 0, image_bytes: int = 2000, media_ms: int = 0) -> Keyframe:
    """A keyframe whose picture is `image_bytes` of noise."""
    rng = np.random.default_rng(keyframe_id)
    mask = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    mask[8:, 8:24] = 1
    return Keyframe(
        keyframe_id,
        media_ms,
        KeyframeFormat.AV1,
        256,
        256,
        np.random.default_rng([keyframe_id, 1]).bytes(image_bytes),
        within(rng.integers(-20, 20, SHAPE_SYMBOLS), load_tables().shape),
        within(rng.integers(-6, 7, ANCHOR_SYMBOLS), load_tables().anchors),
        mask,
    )


@dataclass
class Call:
    """Drives a one-way call: pushes media on time, carries messages, collects what comes out.

    forward, backward: patterns of the rt channel (ctl is reliable). drift_ppm: how much faster the receiver's clock
    runs.
    """

    forward: Pattern = clean
    backward: Pattern = clean
    encoder: Encoder = field(default_factory=lambda: Encoder(EncoderConfig()))
    decoder: Decoder = field(default_factory=lambda: Decoder(DecoderConfig()))
    playout: Playout = field(default_factory=Playout)
    voice_ms: int = 80
    voice_bytes: int = 90
    motion_step_ms: int = 40
    drift_ppm: int = 0
    now_ms: int = 0
    keyframe_id: int = 0
    walk: NDArray[np.int16] = field(default_factory=lambda: motion_walk(1000))
    sent_frames: dict[int, MotionFrame] = field(default_factory=dict)
    sent: list[tuple[Channel, int]] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)
    pictures: list[tuple[int, PictureDue]] = field(default_factory=list)
    voices: list[tuple[int, VoiceDue]] = field(default_factory=list)
    _flying: list[tuple[int, int, bool, bytes]] = field(default_factory=list)
    _serial: int = 0

    def run(self, until_ms: int) -> None:
        """Let virtual time pass up to `until_ms`."""
        while self.now_ms < until_ms:
            self._capture()
            self._send()
            self._arrive()
            self._play()
            self.now_ms += TICK_MS

    @property
    def receiver_us(self) -> int:
        """The receiver's clock: another origin, and drifting."""
        return 10**9 + self.now_ms * 1000 + self.now_ms * self.drift_ppm // 1000

    def received(self, kind: type[Event]) -> list[Event]:
        """Events of one kind, in order."""
        return [event for _, event in self.events if isinstance(event, kind)]

    def motion_received(self) -> list[MotionFrame]:
        """Decoded frames, in order of arrival."""
        return [event.frame for _, event in self.events if isinstance(event, MotionReceived)]

    def _capture(self) -> None:
        if self.now_ms % self.motion_step_ms == 0:
            index = self.now_ms // self.motion_step_ms
            frame = frame_at(index, self.walk, self.keyframe_id, self.motion_step_ms)
            self.sent_frames[frame.media_ms] = frame
            self.encoder.push_motion(frame)
        if self.voice_ms and self.now_ms >= self.voice_ms and self.now_ms % self.voice_ms == 0:
            start_ms = self.now_ms - self.voice_ms
            self.encoder.push_voice(VoicePacket(start_ms, self.voice_ms, bytes([7]) * self.voice_bytes))

    def _send(self) -> None:
        for outgoing in self.encoder.poll(self.now_ms * 1000):
            delays: tuple[int, ...] = (DELAY_MS,)
            if outgoing.channel is Channel.RT:
                delays = self.forward(sum(channel is Channel.RT for channel, _ in self.sent))
            self.sent.append((outgoing.channel, len(outgoing.data)))
            self._carry(outgoing.data, delays, forward=True)
        for outgoing in self.decoder.poll(self.receiver_us):
            delays = self.backward(len(self.returned))
            self.returned.append(len(outgoing.data))
            self._carry(outgoing.data, delays, forward=False)

    def _carry(self, data: bytes, delays: tuple[int, ...], forward: bool) -> None:
        for delay_ms in delays:
            self._serial += 1
            heapq.heappush(self._flying, (self.now_ms + delay_ms, self._serial, forward, data))

    def _arrive(self) -> None:
        while self._flying and self._flying[0][0] <= self.now_ms:
            _, _, forward, data = heapq.heappop(self._flying)
            if forward:
                for event in self.decoder.receive(data, self.receiver_us):
                    self.events.append((self.now_ms, event))
                    self._play_later(event)
            else:
                message = Decoder().receive(data, self.now_ms * 1000)[0]
                assert isinstance(message, AckReceived)
                self.encoder.receive_ack(message.ack, self.now_ms * 1000)

    def _play_later(self, event: Event) -> None:
        match event:
            case MotionReceived(frame):
                self.playout.push_motion(frame, self.receiver_us)
            case VoiceReceived(packet):
                self.playout.push_voice(packet, self.receiver_us)
            case KeyframeReceived(received):
                self.playout.add_keyframe(received.keyframe_id)
            case ControlReceived() | AckReceived():
                pass

    def _play(self) -> None:
        picture = self.playout.picture_at(self.receiver_us)
        if picture is not None:
            self.pictures.append((self.now_ms, picture))
        while (voice := self.playout.voice_at(self.receiver_us)) is not None:
            self.voices.append((self.now_ms, voice))
