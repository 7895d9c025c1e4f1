"""One clip through the codec as a call would take it, without a network: decoded keyframe, quantised motion, decoded voice.

Drives the sender's and the receiver's own parts, so that what is measured is what is shipped. Invariant: nothing reaches
the renderer that did not pass through bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from receiver.backends.base import Backend
from receiver.reference_store import decode_reference
from receiver.voice_features import VoiceFeatures
from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from sender.keyframe_image import encode_keyframe_image
from sender.motion_encoder import MotionEncoder, ReferenceCode
from shared.coding.motion_code import decode_motion, dequantise_motion, encode_motion
from shared.errors import UserError
from shared.frames import Keyframe, KeyframeFormat, MotionFrame, VoicePacket
from shared.keyframe_blob import pack_keyframe
from shared.limits import PICTURE_SIZE_PX
from shared.opus import OpusEncoder

Picture = NDArray[np.uint8]
FRAME_MS = 40
FRAMES_PER_BUNDLE = 2
ACKNOWLEDGED_AFTER = 4
"""Frames between a bundle and the newest frame the receiver is known to have (a round trip of about 100 ms)."""
VOICE_MS = 80
VOICE_BPS = 6000


@dataclass(frozen=True, slots=True)
class Coded:
    """A clip as it travels. keyframe: with its blob's size. motion: as decoded again. motion_bytes: of all bundles."""

    keyframe: Keyframe
    keyframe_bytes: int
    motion: tuple[MotionFrame, ...]
    motion_bytes: int
    voice: tuple[VoicePacket, ...]

    def payload_kbps(self) -> dict[str, float]:
        """Payload rates over the clip by part, in kbit/s, the keyframe included."""
        seconds = max(len(self.motion) * FRAME_MS / 1000, 0.04)
        parts = {
            "motion": self.motion_bytes, "keyframe": self.keyframe_bytes,
            "audio": sum(len(packet.data) for packet in self.voice),
        }  # fmt: skip
        return {name: round(size * 8 / 1000 / seconds, 3) for name, size in parts.items()}


class OfflineSender:
    """The sender's networks, loaded once for many clips."""

    def __init__(self) -> None:
        self._models, self._segmenter = FaceModels.load(), PersonSegmenter(load_prior("segmentation"))
        self._coder = MotionEncoder()

    def code(self, frames: Sequence[Picture], pcm: NDArray[np.int16], keyframe_bytes: int = 2000) -> Coded:
        """Code a clip of RGB uint8 (256, 256, 3) frames at 25 fps; the first with a face is the keyframe.

        Raises UserError when no face is found.
        """
        tracker = FaceTracker(self._models)
        reference: ReferenceCode | None = None
        keyframe: Keyframe | None = None
        motion: list[MotionFrame] = []
        previous: NDArray[np.int16] | None = None
        for index, frame in enumerate(frames):
            face = tracker.update(frame)
            if face is None:
                continue
            mask = self._segmenter.mask(frame)
            if reference is None or keyframe is None:
                reference = self._coder.make_reference(frame, face.landmarks, mask)
                keyframe = _keyframe(frame, reference, index * FRAME_MS, keyframe_bytes)
            previous = self._coder.encode(frame, face.landmarks, mask, reference, previous)
            motion.append(MotionFrame(index * FRAME_MS, 0, previous))
        if keyframe is None:
            raise UserError("no face was found in this clip")
        decoded, size = through_bundles(motion)
        return Coded(keyframe, len(pack_keyframe(keyframe)), decoded, size, code_voice(pcm))


def _keyframe(frame: Picture, reference: ReferenceCode, media_ms: int, limit: int) -> Keyframe:
    image = encode_keyframe_image(frame, limit)
    return Keyframe(0, media_ms, KeyframeFormat.AV1, PICTURE_SIZE_PX, PICTURE_SIZE_PX, image,
                    reference.shape, reference.anchors, reference.mask)  # fmt: skip


def through_bundles(motion: Sequence[MotionFrame]) -> tuple[tuple[MotionFrame, ...], int]:
    """Code motion in bundles, each from a frame known to be there, and decode it; returns frames and bytes."""
    decoded: list[MotionFrame] = []
    size = 0
    for start in range(0, len(motion), FRAMES_PER_BUNDLE):
        bundle = motion[start : start + FRAMES_PER_BUNDLE]
        base = decoded[start - ACKNOWLEDGED_AFTER] if start >= ACKNOWLEDGED_AFTER else None
        data = encode_motion(bundle, base)
        size += len(data)
        distance = 1 if base is None else max(1, (bundle[0].media_ms - base.media_ms) // FRAME_MS)
        symbols = decode_motion(data, len(bundle), None if base is None else base.symbols, distance)
        decoded += [MotionFrame(frame.media_ms, 0, row) for frame, row in zip(bundle, symbols, strict=True)]
    return tuple(decoded), size


def code_voice(pcm: NDArray[np.int16]) -> tuple[VoicePacket, ...]:
    """Return Opus packets of int16 mono 48 kHz; none for no sound."""
    size = VOICE_MS * 48
    if len(pcm) < size:
        return ()
    with OpusEncoder(VOICE_BPS, VOICE_MS) as encoder:
        blocks = pcm[: len(pcm) // size * size].reshape(-1, size)
        return tuple(
            VoicePacket(index * VOICE_MS, VOICE_MS, encoder.encode(block))
            for index, block in enumerate(blocks)
        )


def rebuild(coded: Coded, backend: Backend, count: int, *, muted: bool = False) -> list[Picture]:
    """Render `count` frames from what was coded; frames without motion hold the last picture."""
    state = backend.encode_reference(decode_reference(coded.keyframe))
    voice, waiting = VoiceFeatures(), list(coded.voice)
    by_time = {frame.media_ms: frame for frame in coded.motion}
    pictures: list[Picture] = []
    for index in range(count):
        now_ms = index * FRAME_MS
        while waiting and waiting[0].media_ms <= now_ms + VOICE_MS:
            voice.push(waiting.pop(0))
        frame = by_time.get(now_ms)
        if frame is not None:
            heard = None if muted else voice.at(now_ms)
            pictures.append(backend.render(state, dequantise_motion(frame.symbols), heard))
        elif pictures:
            pictures.append(pictures[-1])
    voice.close()
    return pictures[:1] * (count - len(pictures)) + pictures
