"""What our arm takes on the wire: a coded clip goes through the sender's and the receiver's state machines, in virtual time.

    Coded --media time--> Encoder ==MemoryLink== Decoder --acknowledgements--> Encoder;  bytes of both directions --> Wire

Must not import aiortc or torch. Invariant: messages, acknowledgements and SACKs are those of the code that is shipped;
only the headers around them are a model (`shared.transport.memory_link`), brought here to the cipher and the consent checks
of a call between two of our ends. Set-up is not counted, and nothing is lost.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.evaluation.offline_call import Coded
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived
from shared.frames import Keyframe, MotionFrame, VideoUnit, VoicePacket
from shared.transport.base import Transport, TransportClosed, WireSnapshot
from shared.transport.impairments import Impairment
from shared.transport.memory_link import MemoryLink
from shared.transport.virtual_time import loop_now_us, run_virtual

DELAY_MS: Final = 20
"""Of the path, one way. It matters only for which frames are known to have arrived."""
TICK_MS: Final = 10
DRAIN_MS: Final = 400
"""After the clip: the last bundle leaves and is acknowledged."""
NONCE_BYTES: Final = 8
"""Of AES-GCM in each packet, which the link models and ours do not send (`shared.transport.small_packets`)."""
CONSENT_BYTES_PER_S: Final = 21
"""Connectivity checks each way, one in ten seconds."""

Item = Keyframe | MotionFrame | VoicePacket | VideoUnit


@dataclass(frozen=True, slots=True)
class Wire:
    """Mean rates over a clip, IP headers included. forward: of the media. back: of what answers it."""

    forward_kbps: float
    back_kbps: float

    @property
    def kbps(self) -> float:
        """Both directions: what arms are compared at."""
        return self.forward_kbps + self.back_kbps


def our_wire(coded: Coded, bundle_ms: int = 80) -> Wire:
    """The clip as one one-way call with bundles of 40..200 ms. UserError for other bundles."""
    return wire_of(run_virtual(_over_memory(coded, bundle_ms)), coded.seconds)


async def _over_memory(coded: Coded, bundle_ms: int) -> WireSnapshot:
    link = MemoryLink(Impairment(delay_ms=DELAY_MS), Impairment(delay_ms=DELAY_MS))
    return await send_clip(coded, bundle_ms, link.a, link.b)


async def send_clip(coded: Coded, bundle_ms: int, near: Transport, far: Transport) -> WireSnapshot:
    """The clip from one end to the other at the pace of the running loop's clock, virtual or real; both are closed then.

    Returns what `near` counted from now until DRAIN_MS after the clip.
    """
    return await _Call(coded, bundle_ms, near, far).run()


def wire_of(taken: WireSnapshot, seconds: float) -> Wire:
    """Rates of a `MemoryLink`'s count: its model of a packet brought to ours, and the consent checks that it has not."""

    def kbps(size_bytes: int, packets: int) -> float:
        return ((size_bytes - NONCE_BYTES * packets) / seconds + CONSENT_BYTES_PER_S) * 8 / 1000

    return Wire(
        kbps(taken.forward_bytes, taken.forward_packets), kbps(taken.reverse_bytes, taken.reverse_packets)
    )


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
    """One call between two transports."""

    def __init__(self, coded: Coded, bundle_ms: int, near: Transport, far: Transport) -> None:
        self._items, self._until_ms = list(timed(coded)), round(coded.seconds * 1000) + DRAIN_MS
        self._encoder, self._decoder = Encoder(EncoderConfig(bundle_ms=bundle_ms)), Decoder()
        self._near, self._far = near, far

    async def run(self) -> WireSnapshot:
        receiving = [asyncio.ensure_future(part) for part in (self._receive(), self._take_answers())]
        begin, begin_us = self._near.counter.snapshot(), loop_now_us()
        while (now_ms := (loop_now_us() - begin_us) // 1000) < self._until_ms:
            while self._items and self._items[0][0] <= now_ms:
                self._push(self._items.pop(0)[1])
            for outgoing in self._encoder.poll(loop_now_us()):
                await self._near.send(outgoing)
            await asyncio.sleep(TICK_MS / 1000)
        taken = _since(begin, self._near.counter.snapshot())
        await asyncio.gather(self._near.close(), self._far.close())
        await asyncio.gather(*receiving)
        return taken

    def _push(self, item: Item) -> None:
        match item:
            case Keyframe():
                self._encoder.push_keyframe(item)
            case MotionFrame():
                self._encoder.push_motion(item)
            case VoicePacket():
                self._encoder.push_voice(item)
            case VideoUnit():
                self._encoder.push_video(item)

    async def _receive(self) -> None:
        try:
            while True:
                _, data = await self._far.receive()
                self._decoder.receive(data, loop_now_us())
                for outgoing in self._decoder.poll(loop_now_us()):
                    await self._far.send(outgoing)
        except TransportClosed:
            return

    async def _take_answers(self) -> None:
        reader = Decoder()
        try:
            while True:
                _, data = await self._near.receive()
                for event in reader.receive(data, loop_now_us()):
                    if isinstance(event, AckReceived):
                        self._encoder.receive_ack(event.ack, loop_now_us())
        except TransportClosed:
            return
