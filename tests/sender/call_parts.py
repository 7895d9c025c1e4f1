"""Real parts for the tests of the pipeline and the session: a source of given pictures, a coder of meshes, a peer."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from sender.motion_encoder import ReferenceCode, coarse_mask, normalised
from sender.pipeline import FacePipeline
from sender.self_view import SelfView
from sender.sources.base import MonotonicClock, Pace, SourcePicture, SourceReport, SourceVoice
from sender.sources.pattern import tone
from shared.coding import mesh_motion
from shared.coding.motion_code import quantise_motion
from shared.coding.motion_layout import ANCHOR_SYMBOLS, CODES, KEYPOINTS, MotionValues
from shared.control import Bye
from shared.core.decoder import Decoder, DecoderConfig
from shared.core.events import ControlReceived, Event
from shared.transport.base import Transport, TransportClosed

T = TypeVar("T")
Array = NDArray[np.float32]
Picture = NDArray[np.uint8]


class MeshCoder:
    """The mesh part of the motion code, without the learned keypoints and codes: needs no trained weights."""

    def make_reference(self, picture: Picture, landmarks: Array, mask: Array) -> ReferenceCode:
        shape = mesh_motion.shape_from_points(normalised(landmarks))
        return ReferenceCode(shape, np.zeros(ANCHOR_SYMBOLS, np.int16), coarse_mask(mask))

    def encode(
        self,
        picture: Picture,
        landmarks: Array,
        mask: Array,
        reference: ReferenceCode,
        previous: NDArray[np.int16] | None,
    ) -> NDArray[np.int16]:
        pose, expression = mesh_motion.fit_pose_and_expression(reference.points(), normalised(landmarks))
        still = np.zeros((KEYPOINTS, 2), np.float32), np.zeros(CODES, np.float32)
        return quantise_motion(MotionValues(pose, expression, *still), previous)


def make_pipeline(self_view: SelfView | None = None) -> FacePipeline:
    segmenter = PersonSegmenter(load_prior("segmentation"))
    return FacePipeline(FaceTracker(FaceModels.load()), segmenter, MeshCoder(), self_view)


class DrawnSource:
    """Pictures by a function of the media time, in real time, with the pattern's tone as voice."""

    def __init__(self, draw: Callable[[int], Picture], duration_ms: int) -> None:
        self.report = SourceReport()
        self._draw, self._duration_ms = draw, duration_ms
        self._pace = Pace(MonotonicClock())
        self.closed = False

    @property
    def has_voice(self) -> bool:
        return True

    async def pictures(self) -> AsyncGenerator[SourcePicture, None]:
        for media_ms in range(0, self._duration_ms, 40):
            await self._pace.wait(media_ms)
            yield SourcePicture(media_ms, self._pace.due_us(media_ms), self._draw(media_ms))

    async def voice(self) -> AsyncGenerator[SourceVoice, None]:
        for media_ms in range(0, self._duration_ms, 20):
            await self._pace.wait(media_ms + 20)
            yield SourceVoice(media_ms, tone(media_ms))

    async def close(self) -> None:
        self.closed = True


class Peer:
    """The other end, as far as a sender notices it: decodes everything and acknowledges."""

    def __init__(self, transport: Transport) -> None:
        self.decoder = Decoder(DecoderConfig(ack_interval_ms=100))
        self.events: list[Event] = []
        self._transport = transport
        self._clock = MonotonicClock()
        self._tasks = [asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._acknowledge())]

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def bye(self) -> str | None:
        reasons = [e.message.reason for e in self.of(ControlReceived) if isinstance(e.message, Bye)]
        return reasons[0] if reasons else None

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _receive(self) -> None:
        try:
            while True:
                _, data = await self._transport.receive()
                self.events += self.decoder.receive(data, self._clock.now_us())
        except TransportClosed:
            return

    async def _acknowledge(self) -> None:
        try:
            while True:
                for outgoing in self.decoder.poll(self._clock.now_us()):
                    await self._transport.send(outgoing)
                await asyncio.sleep(0.02)
        except TransportClosed:
            return
