"""Whole calls in one process: the real sessions and networks over real WebRTC on the loopback interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.render_worker import RenderWorker
from receiver.session import CallEnd, ReceiverSession
from receiver.sinks.open import open_sinks
from sender.config import SenderConfig
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from sender.motion_encoder import MotionEncoder
from sender.pipeline import FacePipeline
from sender.session import CallEnd as SenderEnd
from sender.session import SenderSession
from sender.sources.open import open_source
from shared.transport.base import Transport
from tests.receiver.remote import MODEL
from tests.shared.transport.pairs import webrtc_pair

LONGEST_CALL_S = 20.0


@dataclass(frozen=True, slots=True)
class Networks:
    """What is loaded once for all calls of a test run; trackers remember a face and are made per call."""

    faces: FaceModels
    segmenter: PersonSegmenter
    coder: MotionEncoder

    def pipeline(self) -> FacePipeline:
        return FacePipeline(FaceTracker(self.faces), self.segmenter, self.coder)


@dataclass(frozen=True, slots=True)
class Call:
    """A finished call."""

    sender: SenderSession
    receiver: ReceiverSession
    sender_end: SenderEnd
    receiver_end: CallEnd
    film: Path

    @property
    def shown(self) -> list[str]:
        """States of the receiver's pictures, in order."""
        return [picture.state for picture in self.receiver.stats.pictures]

    @property
    def faces(self) -> list[str]:
        """What the sender said about the face, picture by picture."""
        return [picture.state for picture in self.sender.stats.pictures]


async def call_with(clip: Path, networks: Networks) -> Call:
    """The clip, sent and received, from its first picture to its last."""
    film = clip.with_name("received.mp4")
    async with webrtc_pair() as (a, b), receiving(b, film) as receiver:
        source = open_source(str(clip))
        sender = SenderSession(SenderConfig(), source, a, networks.pipeline(), MODEL)
        async with asyncio.timeout(LONGEST_CALL_S):
            receiver_end, sender_end = await asyncio.gather(receiver.run(), sender.run())
    return Call(sender, receiver, sender_end, receiver_end, film)


@asynccontextmanager
async def receiving(transport: Transport, film: Path) -> AsyncIterator[ReceiverSession]:
    """A receiver that records; its worker is closed at the end."""
    worker = RenderWorker(MeshWarpBackend())
    try:
        yield ReceiverSession(transport, worker, open_sinks([f"mp4:{film}"]), MODEL)
    finally:
        worker.close()
