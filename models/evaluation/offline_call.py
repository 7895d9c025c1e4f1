"""The sender's half of a call without a network: a clip as it travels, in decoded keyframes, quantised motion, coded voice.

    frames --tracker, masks--> keyframes, motion symbols --bundles--> Coded --> models.evaluation.offline_receiver
    voice  --Opus------------> packets                            -->
    frames --SVT-AV1---------> thumbnails (that rung only)        -->

Drives the sender's own parts, so that what is measured is what is shipped. Invariant: what is in `Coded` passed through bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.evaluation.gallery import Gallery
from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from sender.keyframe_image import encode_keyframe_image
from sender.keyframe_policy import INTERVAL_MS
from sender.keyframe_value import KeyframeValue
from sender.motion_encoder import MotionEncoder, ReferenceCode, normalised
from sender.reference_choice import ReferenceChoice
from sender.self_view import Inline, open_self_view
from sender.video_encoder import KBPS_MAX, KBPS_MIN, VideoEncoder
from shared.coding.motion_code import decode_motion, encode_motion, frame_distance
from shared.core.bundler import runs
from shared.errors import UserError
from shared.frames import Keyframe, KeyframeFormat, MotionFrame, VideoKind, VideoUnit, VoicePacket
from shared.keyframe_blob import pack_keyframe
from shared.limits import GALLERY_SIZE, PICTURE_SIZE_PX
from shared.opus import OpusEncoder

Picture = NDArray[np.uint8]
Rung = Literal["voice", "motion", "thumbnail"]
FRAME_MS = 40
FRAMES_PER_BUNDLE = 2
ACKNOWLEDGED_AFTER = 4
"""Frames between a bundle and the newest frame the receiver is known to have (a round trip of about 100 ms)."""
VOICE_MS = 80
VOICE_BPS = 6000
THUMBNAIL_EVERY = 2
"""Frames between thumbnails: 12.5 fps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a clip is sent. keyframe_bytes: most that a keyframe's picture may take. references: 1..4. thumbnail_kbps: target.
    by_value: keyframes as a call makes them, when what is rebuilt went wrong, and chosen as a call chooses.

    Raises UserError for values outside their ranges.
    """

    rung: Rung = "motion"
    keyframe_bytes: int = 2000
    references: int = 1
    thumbnail_kbps: float = 5.0
    by_value: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.references <= GALLERY_SIZE:
            raise UserError(f"A call holds 1 to {GALLERY_SIZE} references, not {self.references}.")
        if not KBPS_MIN <= self.thumbnail_kbps <= KBPS_MAX:
            raise UserError(
                f"Thumbnails at {self.thumbnail_kbps:g} kbit/s are not possible: {KBPS_MIN:g} to {KBPS_MAX:g}."
            )


@dataclass(frozen=True, slots=True)
class Coded:
    """A clip as it travels. motion: as decoded again. *_bytes: of all keyframes' blobs, of all bundles' motion."""

    rung: Rung
    keyframes: tuple[Keyframe, ...]
    keyframe_bytes: int
    motion: tuple[MotionFrame, ...]
    motion_bytes: int
    voice: tuple[VoicePacket, ...]
    thumbnails: tuple[VideoUnit, ...]
    seconds: float

    def payload_kbps(self) -> dict[str, float]:
        """Payload rates over the clip by part, in kbit/s, the keyframes included."""
        parts = {
            "motion": self.motion_bytes, "keyframe": self.keyframe_bytes,
            "audio": sum(len(packet.data) for packet in self.voice),
        }  # fmt: skip
        if self.rung == "thumbnail":
            parts["thumbnail"] = sum(len(unit.data) for unit in self.thumbnails)
        return {name: round(size * 8 / 1000 / self.seconds, 3) for name, size in parts.items()}


class OfflineSender:
    """The sender's networks, loaded once for many clips."""

    def __init__(self, coder: MotionEncoder | None = None) -> None:
        """coder: None takes the one that is shipped."""
        self._models, self._segmenter = FaceModels.load(), PersonSegmenter(load_prior("segmentation"))
        self._coder = MotionEncoder() if coder is None else coder

    def code(self, frames: Sequence[Picture], pcm: NDArray[np.int16], plan: Plan | None = None) -> Coded:
        """Code a clip of RGB uint8 (256, 256, 3) frames at 25 fps; the first with a face is the first keyframe.

        On the voice rung the motion of that first frame is all there is. Raises UserError when no face is found.
        """
        plan = plan or Plan()
        keyframes, motion = self._follow(frames, plan)
        if not keyframes:
            raise UserError("no face was found in this clip")
        decoded, size = through_bundles(motion)
        first = keyframes[0].media_ms // FRAME_MS
        thumbnails = code_thumbnails(frames, first, plan.thumbnail_kbps) if plan.rung == "thumbnail" else ()
        keyframe_bytes = sum(len(pack_keyframe(keyframe)) for keyframe in keyframes)
        return Coded(plan.rung, tuple(keyframes), keyframe_bytes, decoded, size, code_voice(pcm), thumbnails,
                     len(frames) * FRAME_MS / 1000)  # fmt: skip

    def _follow(self, frames: Sequence[Picture], plan: Plan) -> tuple[list[Keyframe], list[MotionFrame]]:
        tracker, gallery = FaceTracker(self._models), Gallery(plan.references)
        look, choice = Look() if plan.by_value else None, ReferenceChoice()
        keyframes: list[Keyframe] = []
        motion: list[MotionFrame] = []
        for index, frame in enumerate(frames):
            face = tracker.update(frame)
            if face is None:
                continue
            mask, points, media_ms = self._segmenter.mask(frame), normalised(face.landmarks), index * FRAME_MS
            wrong = look is not None and look.wants(media_ms)
            if (
                gallery.wants(points, media_ms)
                or wrong
                or (look is not None and look.may_improve(choice, media_ms))
            ):
                held = gallery.add(self._coder.make_reference(frame, face.landmarks, mask), media_ms)
                keyframes.append(_keyframe(frame, held.code, held.keyframe_id, media_ms, plan.keyframe_bytes))
                if look is not None:
                    look.taken(keyframes[-1], media_ms)
                if wrong:
                    choice.looked_wrong()
            by_pose = look is None
            used = (
                gallery.nearest(points, media_ms)
                if by_pose
                else gallery.chosen(choice, face.landmarks, media_ms)
            )
            same = motion and motion[-1].keyframe_id == used.keyframe_id
            previous = motion[-1].symbols if same else None
            symbols = self._coder.encode(frame, face.landmarks, mask, used.code, previous)
            motion.append(MotionFrame(media_ms, used.keyframe_id, symbols))
            if look is not None:
                look.offer(motion[-1], frame, mask)
            if plan.rung == "voice":
                break
        return keyframes, motion


class Look:
    """What a sender in a call has to judge the value of keyframes, without its thread."""

    def __init__(self) -> None:
        view = open_self_view(Inline())
        if view is None:
            raise UserError(
                "Keyframes by value need the weights of nano: export them, or leave --keyframes-by-value out."
            )
        self._view, self._value = view, KeyframeValue()
        self._taken_ms: int | None = None

    def wants(self, media_ms: int) -> bool:
        """Whether a keyframe is worth it now."""
        for judgement in self._view.judgements():
            self._value.judged(*judgement)
        return self._value.wants(media_ms)

    def may_improve(self, choice: ReferenceChoice, media_ms: int) -> bool:
        """Whether a call with bits to spare would make a keyframe of a pose that none is near."""
        rested = self._taken_ms is None or media_ms - self._taken_ms >= INTERVAL_MS
        return choice.wants_another and rested

    def taken(self, keyframe: Keyframe, media_ms: int) -> None:
        """A keyframe was made."""
        self._taken_ms = media_ms
        self._value.taken(media_ms)
        self._view.add(keyframe)

    def offer(self, motion: MotionFrame, frame: Picture, mask: NDArray[np.float32]) -> None:
        """See `SelfView.offer`."""
        self._view.offer(motion, frame, mask)


def _keyframe(
    frame: Picture, reference: ReferenceCode, keyframe_id: int, media_ms: int, limit: int
) -> Keyframe:
    image = encode_keyframe_image(frame, limit)
    return Keyframe(keyframe_id, media_ms, KeyframeFormat.AV1, PICTURE_SIZE_PX, PICTURE_SIZE_PX, image,
                    reference.shape, reference.anchors, reference.mask)  # fmt: skip


def through_bundles(motion: Sequence[MotionFrame]) -> tuple[tuple[MotionFrame, ...], int]:
    """Code motion in bundles, each from a frame known to be there, and decode it; returns frames and bytes.

    A bundle's frames against another keyframe, or after a gap, are a section of their own, as on the wire.
    """
    decoded: list[MotionFrame] = []
    size = 0
    for start in range(0, len(motion), FRAMES_PER_BUNDLE):
        known = decoded[start - ACKNOWLEDGED_AFTER] if start >= ACKNOWLEDGED_AFTER else None
        for run in runs(motion[start : start + FRAMES_PER_BUNDLE]):
            base = known if known is not None and known.keyframe_id == run[0].keyframe_id else None
            data = encode_motion(run, base)
            size += len(data)
            distance = 1 if base is None else frame_distance(base.media_ms, run[0].media_ms)
            symbols = decode_motion(data, len(run), None if base is None else base.symbols, distance)
            decoded += [
                MotionFrame(frame.media_ms, frame.keyframe_id, row)
                for frame, row in zip(run, symbols, strict=True)
            ]
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


def code_thumbnails(frames: Sequence[Picture], first: int, kbps: float) -> tuple[VideoUnit, ...]:
    """Return the low-delay AV1 stream of every THUMBNAIL_EVERY-th frame from `first` on, small, one unit a frame."""
    encoder = VideoEncoder(VideoKind.THUMBNAIL, kbps)
    chosen = range(first, len(frames), THUMBNAIL_EVERY)
    units = tuple(
        encoder.encode(frames[index], index * FRAME_MS, unit_id) for unit_id, index in enumerate(chosen)
    )
    encoder.close()
    return units
