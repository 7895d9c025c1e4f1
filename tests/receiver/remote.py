"""The other end of a call: the real encoder, fed with made-up motion and voice in real time."""

import asyncio
import time
from contextlib import suppress
from functools import cache

import numpy as np

from shared.coding.identity import coding_identity
from shared.coding.motion_code import quantise_motion
from shared.control import Bye, ControlMessage, Disclosure, Hello
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, ControlReceived
from shared.frames import Channel, MotionFrame, Outgoing, VoicePacket
from shared.opus import OpusEncoder
from shared.transport.base import Transport, TransportClosed
from shared.wire import PROTOCOL_VERSION
from tests.models.runtime.faces import motion
from tests.receiver.keyframes import image, keyframe

MODEL = "0123456789abcdef"
VOICE_MS = 80
BEEP_FROM_MS = 640
"""From here on there is a tone, and the face has moved: something to compare picture and voice by."""
VOICE_PACKETS = 32
"""So many are coded; the last one, in the middle of the tone, is said over and over."""


@cache
def voice_packets() -> list[bytes]:
    """Silence, then the tone, coded once for all: fifty people in one process speak, and do not spend their time on coding."""
    encoder, packets = OpusEncoder(16_000, VOICE_MS, dtx=False), []
    tone = 12_000 * np.sin(2 * np.pi * 400 * np.arange(VOICE_MS * 48) / 48_000)
    for number in range(VOICE_PACKETS):
        speaks = number * VOICE_MS >= BEEP_FROM_MS
        packets.append(encoder.encode((tone * speaks).astype(np.int16)))
    return packets


class Remote:
    """Sends until its time is up. keyframe_after_ms: None sends none. motion_until_ms: after that only voice.

    face: seed of its keyframe's picture.
    """

    def __init__(
        self,
        transport: Transport,
        keyframe_after_ms: int | None = 0,
        motion_until_ms: int = 10**9,
        voice: bool = True,
        broken_keyframe: bool = False,
        model: str = MODEL,
        face: int = 0,
    ) -> None:
        self.encoder = Encoder(EncoderConfig(keyframe_kbps=1000.0))
        self.decoder = Decoder()
        self.heard: list[ControlMessage] = []
        self.acks = 0
        self.capture_us: dict[int, int] = {}
        self.transport = transport
        self._keyframe_after_ms, self._motion_until_ms = keyframe_after_ms, motion_until_ms
        self._voice = voice_packets() if voice else None
        self._broken, self._model, self._face = broken_keyframe, model, face
        self._listening = asyncio.ensure_future(self._listen())

    async def talk(self, duration_ms: int, bye: bool = True) -> None:
        """A call of that length, beginning with Hello and Disclosure."""
        for message in (
            Hello(PROTOCOL_VERSION, self._model, coding_identity()),
            Disclosure("rebuilt by a network"),
        ):
            self.encoder.push_control(message)
        start_us = now_us()
        with suppress(TransportClosed):
            for media_ms in range(0, duration_ms, 40):
                await asyncio.sleep(max(0, start_us + media_ms * 1000 - now_us()) / 1e6)
                self._capture(media_ms)
                await self._send()
            if bye:
                await asyncio.sleep(0.1)
                self.encoder.push_control(Bye("done"))
                await self._send()

    async def leave(self) -> None:
        self._listening.cancel()
        await asyncio.wait([self._listening])

    def _capture(self, media_ms: int) -> None:
        self.capture_us[media_ms] = now_us()
        if media_ms == self._keyframe_after_ms:
            data = b"this is no picture" if self._broken else image(self._face)
            self.encoder.push_keyframe(keyframe(0, media_ms, data))
        if (
            self._keyframe_after_ms is not None
            and self._keyframe_after_ms <= media_ms < self._motion_until_ms
        ):
            wobble = 0.1 if media_ms >= BEEP_FROM_MS else 0.01 * (media_ms // 40 % 3)
            self.encoder.push_motion(MotionFrame(media_ms, 0, quantise_motion(motion(wobble))))
        if self._voice is not None and media_ms % VOICE_MS == 0:
            data = self._voice[min(media_ms // VOICE_MS, VOICE_PACKETS - 1)]
            packet = VoicePacket(media_ms, VOICE_MS, data)
            self.encoder.push_voice(packet)

    async def _send(self) -> None:
        for outgoing in self.encoder.poll(now_us()):
            await self.transport.send(outgoing)

    async def _listen(self) -> None:
        with suppress(TransportClosed):
            while True:
                _, data = await self.transport.receive()
                for event in self.decoder.receive(data, now_us()):
                    if isinstance(event, AckReceived):
                        self.acks += 1
                        self.encoder.receive_ack(event.ack, now_us())
                    elif isinstance(event, ControlReceived):
                        self.heard.append(event.message)


def now_us() -> int:
    return time.monotonic_ns() // 1000


async def send_bytes(transport: Transport, data: bytes, channel: Channel = Channel.RT) -> None:
    await transport.send(Outgoing(channel, data))
