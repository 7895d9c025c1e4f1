"""What is computed for every picture: face, crop, mask, motion, and the draft of a keyframe when one is due or worth it.

Must not import asyncio, transports or torch; runs in worker threads. Invariant: motion is coded in the crop of, and against,
a reference that the receiver is known to have; a crop that moved takes effect with its own keyframe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sender.crop import Crop, SteadyCrop, cut, face_extent, to_crop
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceTracker
from sender.keyframe_image import Effort, encode_keyframe_image
from sender.keyframe_policy import KeyframeKind, KeyframePolicy
from sender.keyframe_value import KeyframeValue
from sender.motion_encoder import ReferenceCode
from sender.reference_choice import Reference, ReferenceChoice
from sender.self_view import SelfView
from sender.sources.base import PICTURE_INTERVAL_MS, SourcePicture
from sender.sources.pattern import draw_head
from shared.frames import Keyframe, KeyframeFormat, MotionFrame
from shared.limits import KEYFRAME_IMAGE_MIN_BYTES, KEYFRAME_PART_PAYLOAD_BYTES, PICTURE_SIZE_PX

LOST_AFTER_PICTURES: Final = 3
"""A face missing in fewer pictures in a row is not called lost, only skipped."""
FIRST_IMAGE_MAX_BYTES: Final = KEYFRAME_PART_PAYLOAD_BYTES - 90
"""The first keyframe's picture: with shape, anchors, mask and checksums (69 to 75 bytes) it fits one part, one packet."""


class FaceState(Enum):
    """What the sender can say about the face."""

    WAITING_FACE = "waiting for a face"
    RUNNING = "running"
    FACE_LOST = "the face is out of the picture"


class MotionCoder(Protocol):
    """Pictures to symbols; see `sender.motion_encoder.MotionEncoder`."""

    def make_reference(
        self, picture: NDArray[np.uint8], landmarks: NDArray[np.float32], mask: NDArray[np.float32]
    ) -> ReferenceCode:
        """What a keyframe carries besides its picture."""
        ...

    def encode(
        self,
        picture: NDArray[np.uint8],
        landmarks: NDArray[np.float32],
        mask: NDArray[np.float32],
        reference: ReferenceCode,
        previous: NDArray[np.int16] | None,
    ) -> NDArray[np.int16]:
        """Symbols (46,) relative to the reference. previous: those of the frame before, relative to the same."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """A picture cut by a crop. picture: uint8 (256, 256, 3). landmarks: (468, 3) px in it. mask: (64, 64), 0..1."""

    crop: Crop
    picture: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    mask: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class KeyframeDraft:
    """A view that shall become a keyframe."""

    media_ms: int
    view: View
    kind: KeyframeKind


@dataclass(frozen=True, slots=True)
class Processed:
    """Outcome of one picture. crop_picture: what the receiver should show, None before the first face. faces: count."""

    media_ms: int
    state: FaceState
    faces: int
    crop_picture: NDArray[np.uint8] | None = None
    motion: MotionFrame | None = None
    draft: KeyframeDraft | None = None


class FacePipeline:
    """One per call; feed every picture in order, from one thread at a time."""

    def __init__(
        self,
        tracker: FaceTracker,
        segmenter: PersonSegmenter,
        coder: MotionCoder,
        self_view: SelfView | None = None,
    ) -> None:
        """self_view: looks at what the receiver sees; without it no keyframe is made for its value."""
        self._self_view, self._value, self._choice = self_view, KeyframeValue(), ReferenceChoice()
        self._tracker = tracker
        self._segmenter = segmenter
        self._coder = coder
        self._crop = SteadyCrop()
        self._policy = KeyframePolicy()
        self._missing = 0
        self._state = FaceState.WAITING_FACE
        self._last_motion: MotionFrame | None = None

    def process(
        self,
        picture: SourcePicture,
        usable: Sequence[Reference],
        requested: bool,
        free: bool = True,
        spare: bool = False,
    ) -> Processed:
        """usable: references that motion may name, oldest first. requested: the receiver wants a keyframe.

        free: no keyframe is being built, so a draft of one would be taken. spare: the call keeps to its rate even with one
        that is only worth it, because what is rebuilt looks wrong or no reference is near.
        """
        face = self._tracker.update(picture.rgb)
        if (
            face is None or not np.isfinite(face.landmarks).all()
        ):  # a network that gave no numbers saw no face
            return self._without_face(picture, usable)
        self._missing, self._state = 0, FaceState.RUNNING
        height_px, width_px = picture.rgb.shape[:2]
        update = self._crop.update(width_px, height_px, face_extent(face.landmarks))
        active = self._choice.choose(usable, face.landmarks)
        view = self._view(picture.rgb, face.landmarks, active.crop if active else update.crop)
        draft = None
        wrong = self._looks_wrong(picture.media_ms)
        worth = spare and (wrong or self._choice.wants_another)
        kind = self._policy.decide(picture.media_ms, face.landmarks, update.moved, requested, free, worth)
        if kind is not None:
            self._value.taken(picture.media_ms)
            if self._policy.begins_anew:
                self._choice.begin_anew()
            elif wrong:
                self._choice.looked_wrong()
            same = view.crop == update.crop
            fresh = view if same else self._view(picture.rgb, face.landmarks, update.crop)
            draft = KeyframeDraft(picture.media_ms, fresh, kind)
        motion = self._motion(picture.media_ms, view, active) if active else None
        if self._self_view is not None and motion is not None:
            self._self_view.offer(motion, view.picture, view.mask)
        return Processed(picture.media_ms, self._state, face.count, view.picture, motion, draft)

    def build_keyframe(
        self, draft: KeyframeDraft, keyframe_id: int, max_bytes: int
    ) -> tuple[Keyframe, Reference]:
        """Codes a draft; may run in another thread than `process`. A first one takes about 30 ms, a full one 150."""
        view = draft.view
        first = draft.kind is KeyframeKind.FIRST
        image = encode_keyframe_image(
            view.picture,
            min(max_bytes, FIRST_IMAGE_MAX_BYTES) if first else max_bytes,
            Effort.QUICK if first else Effort.THOROUGH,
        )
        code = self._coder.make_reference(view.picture, view.landmarks, view.mask)
        keyframe = Keyframe(
            keyframe_id=keyframe_id,
            media_ms=draft.media_ms,
            format=KeyframeFormat.AV1,
            width_px=PICTURE_SIZE_PX,
            height_px=PICTURE_SIZE_PX,
            image=image,
            shape=code.shape,
            anchors=code.anchors,
            mask=code.mask,
        )
        if self._self_view is not None:
            self._self_view.add(keyframe)
        return keyframe, Reference(keyframe_id, view.crop, code, provisional=first)

    def begin_again(self) -> None:
        """The receiver is another one, or has forgotten everything: the next face gives a first keyframe again."""
        self._policy.begin_again()
        self._choice, self._last_motion = ReferenceChoice(), None

    def _looks_wrong(self, media_ms: int) -> bool:
        for judgement in self._self_view.judgements() if self._self_view else ():
            self._value.judged(*judgement)
        return self._value.wants(media_ms)

    def _without_face(self, picture: SourcePicture, usable: Sequence[Reference]) -> Processed:
        self._missing += 1
        if self._state is FaceState.RUNNING and self._missing >= LOST_AFTER_PICTURES:
            self._state = FaceState.FACE_LOST
        crop = usable[-1].crop if usable else self._crop.crop
        return Processed(picture.media_ms, self._state, 0, None if crop is None else cut(picture.rgb, crop))

    def _view(self, rgb: NDArray[np.uint8], landmarks: NDArray[np.float32], crop: Crop) -> View:
        square = cut(rgb, crop)
        return View(crop, square, to_crop(landmarks, crop), self._segmenter.mask(square))

    def _motion(self, media_ms: int, view: View, active: Reference) -> MotionFrame:
        last = self._last_motion
        previous = last.symbols if last is not None and last.keyframe_id == active.keyframe_id else None
        symbols = self._coder.encode(view.picture, view.landmarks, view.mask, active.code, previous)
        self._last_motion = MotionFrame(media_ms, active.keyframe_id, symbols)
        return self._last_motion


def warm_up(pipeline: FacePipeline) -> None:
    """Runs every network once on a drawn head, so that a call's first picture is as quick as the others.

    pipeline: to be thrown away; the networks it shares with another one are warm afterwards.
    """
    draft = pipeline.process(SourcePicture(0, 0, draw_head(0)), (), requested=True).draft
    if draft is not None:
        _, reference = pipeline.build_keyframe(draft, 0, KEYFRAME_IMAGE_MIN_BYTES)
        pipeline.process(
            SourcePicture(PICTURE_INTERVAL_MS, 0, draft.view.picture), (reference,), requested=False
        )
