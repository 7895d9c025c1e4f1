"""Assembles batches as the wire delivers them: coded keyframe, coded shape, coded motion, and the truth.

Invariant: batch number n of a run with a given seed is always the same, whatever was drawn before; so training resumes
exactly. numpy (and the base flow of re-posed portraits) only, so that threads can prepare batches while the network trains.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.augment import apply_colour, colour_curve, mirror_points
from models.training.dataset import CachedClip
from models.training.settings import Settings
from models.training.stills import repose
from shared.coding import mesh_motion
from shared.coding.motion_code import dequantise_motion, quantise_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, MotionValues
from shared.errors import UserError
from shared.log_mel import SILENCE

Array = NDArray[np.float32]
FAR_CANDIDATES = 4
VOICE_COLUMNS = 32
"""Log-mel columns around a frame that the voice branch sees (320 ms)."""
VOICE_AHEAD = 8
"""Of these, columns after the frame (80 ms look-ahead)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """R keyframes with F driving frames each; pictures float32 0..1, channels first.

    image, original (R, 3, 256, 256): the keyframe as decoded and as captured. mask (R, 1, 32, 32); reference_mask
    (R, 1, 64, 64); reference_points, true_reference_points (R, 468, 2). target (R, F, 3, 256, 256);
    target_mask (R, F, 1, 64, 64); driving_points, true_points (R, F, 468, 2): as decoded and as tracked.
    mel (R, F, 40, 32) and voice_present (R, F, 1). thumbnail (R, F, 3, 64, 64), thumbnail_present (R, F, 1).
    consecutive (R, 1): the frames follow one another. sharpness (R, 1): 0..1, how real the clip's detail is.
    """

    image: Array
    original: Array
    mask: Array
    reference_mask: Array
    reference_points: Array
    true_reference_points: Array
    target: Array
    target_mask: Array
    driving_points: Array
    true_points: Array
    mel: Array
    voice_present: Array
    thumbnail: Array
    thumbnail_present: Array
    consecutive: Array
    sharpness: Array


class Sampler:
    """Draws batches from clips, balanced over people; a share of the samples from portraits moved as clips move."""

    def __init__(
        self, clips: Sequence[CachedClip], settings: Settings, stills: Sequence[CachedClip] = ()
    ) -> None:
        """Raises UserError when the settings ask for portraits and there are none."""
        if settings.stills_share > 0 and not stills:
            raise UserError(
                "stills_share asks for portraits and the cache has none. "
                "Add some with `python -m models.training.cache --stills DIR`, or leave stills_share at 0."
            )
        self._people, self._stills = _by_person(clips), _by_person(stills)
        self._settings = settings

    def batch(self, number: int) -> Batch:
        """Return batch `number`, a pure function of seed and number."""
        random = np.random.default_rng((self._settings.seed, number))
        rows = [self._row(random) for _ in range(self._settings.references)]
        return Batch(**{name: np.stack([row[name] for row in rows]).astype(np.float32) for name in rows[0]})

    def _row(self, random: np.random.Generator) -> dict[str, Array]:
        # Without portraits nothing more is drawn, so that runs begun without them go on as they were.
        if self._settings.stills_share > 0 and random.random() < self._settings.stills_share:
            return self._still_row(random)
        clip = _draw(self._people, random)
        keyframe = int(random.integers(len(clip.keyframe_indices)))
        consecutive = random.random() < 0.5
        consecutive = consecutive and len(clip.frames) >= self._settings.frames
        drivings = driving_indices(len(clip.frames), self._settings.frames, consecutive, random)
        if self._settings.far_share > 0 and not consecutive and random.random() < self._settings.far_share:
            drivings = [farthest(clip, keyframe, random) for _ in drivings]
        return self._assemble(clip, keyframe, drivings, consecutive, random)

    def _still_row(self, random: np.random.Generator) -> dict[str, Array]:
        still, clip = _draw(self._stills, random), _draw(self._people, random)
        keyframe = int(random.integers(len(still.keyframe_indices)))
        consecutive = random.random() < 0.5 and len(clip.frames) >= self._settings.frames
        drivings = driving_indices(len(clip.frames), self._settings.frames, consecutive, random)
        posed = repose(still, clip, int(random.integers(len(clip.frames))), drivings)
        return self._assemble(posed, keyframe, list(range(1, len(posed.frames))), consecutive, random)

    def _assemble(
        self, clip: CachedClip, keyframe: int, drivings: list[int], consecutive: bool,
        random: np.random.Generator,
    ) -> dict[str, Array]:  # fmt: skip
        augmentation = Augmentation(
            bool(random.integers(2)), colour_curve(random) if random.random() < 0.7 else None
        )
        row = reference_arrays(clip, keyframe, augmentation)
        frames = [driving_arrays(clip, index, row["reference_points"], augmentation) for index in drivings]
        row |= {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}
        row |= self._inputs(clip, drivings, row["target"], augmentation, random)
        return row | {
            "consecutive": np.array([float(consecutive)]),
            "sharpness": np.array([min(1.0, clip.source_px / 256) ** 2]),
        }

    def _inputs(
        self, clip: CachedClip, drivings: list[int], target: Array, augmentation: "Augmentation",
        random: np.random.Generator,
    ) -> dict[str, Array]:  # fmt: skip
        settings = self._settings
        voice = clip.voice is not None and random.random() >= settings.voice_drop
        mel = np.stack([voice_window(clip.voice if voice else None, index) for index in drivings])
        thumbnail = random.random() >= settings.thumbnail_drop
        small = thumbnails(clip, drivings, augmentation, random)
        if small is None:
            small = np.stack([coarse_thumbnail(picture, random) for picture in target])
        ones = np.ones((len(drivings), 1), np.float32)
        return {
            "mel": mel,
            "voice_present": ones * voice,
            "thumbnail": small,
            "thumbnail_present": ones * thumbnail,
        }


def _by_person(clips: Sequence[CachedClip]) -> list[list[CachedClip]]:
    people = sorted({clip.person for clip in clips})
    return [[clip for clip in clips if clip.person == person] for person in people]


def _draw(people: list[list[CachedClip]], random: np.random.Generator) -> CachedClip:
    clips = people[random.integers(len(people))]
    return clips[random.integers(len(clips))]


def driving_indices(length: int, count: int, consecutive: bool, random: np.random.Generator) -> list[int]:
    """Return `count` frame numbers: one after the other, or anywhere in the clip."""
    if consecutive:
        start = int(random.integers(length - count + 1))
        return list(range(start, start + count))
    return [int(index) for index in random.integers(length, size=count)]


def farthest(clip: CachedClip, keyframe: int, random: np.random.Generator) -> int:
    """Return, of FAR_CANDIDATES frames, the one whose mesh is farthest from the keyframe's: turns are rare and hard."""
    reference = clip.points[clip.keyframe_indices[keyframe]]
    tried = random.integers(len(clip.frames), size=FAR_CANDIDATES)
    return int(max(tried, key=lambda index: float(np.abs(clip.points[index] - reference).mean())))


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What happens to every picture of a sample alike."""

    mirror: bool = False
    colour: tuple[Array, Array] | None = None

    def picture(self, picture: NDArray[np.uint8]) -> Array:
        """uint8 (H, W, 3) -> float32 (3, H, W) in 0..1."""
        coloured = apply_colour(np.asarray(picture), self.colour)
        return np.ascontiguousarray((coloured[:, ::-1] if self.mirror else coloured).transpose(2, 0, 1))

    def points(self, points: Array) -> Array:
        """(468, 2) -> (468, 2)."""
        return mirror_points(np.array(points)) if self.mirror else np.array(points)

    def mask(self, mask: NDArray[np.uint8]) -> Array:
        """uint8 (64, 64) -> float32 (1, 64, 64) in 0..1."""
        plane = np.asarray(mask).astype(np.float32)[None] / 255
        return plane[:, :, ::-1] if self.mirror else plane


def reference_arrays(clip: CachedClip, keyframe: int, augmentation: Augmentation) -> dict[str, Array]:
    """Return the reference side of a sample, keyframe and shape as decoded."""
    index = int(clip.keyframe_indices[keyframe])
    points, mask = augmentation.points(clip.points[index]), augmentation.mask(clip.masks[index])
    return {
        "image": augmentation.picture(clip.keyframes[keyframe]),
        "original": augmentation.picture(clip.frames[index]),
        "mask": wire_mask(mask), "reference_mask": mask,
        "reference_points": wire_shape(points), "true_reference_points": points,
    }  # fmt: skip


def driving_arrays(
    clip: CachedClip, index: int, reference: Array, augmentation: Augmentation
) -> dict[str, Array]:
    """Return the driving side of one frame, mesh as decoded."""
    points = augmentation.points(clip.points[index])
    return {
        "target": augmentation.picture(clip.frames[index]), "target_mask": augmentation.mask(clip.masks[index]),
        "driving_points": wire_driving(reference, points), "true_points": points,
    }  # fmt: skip


def wire_mask(mask: Array) -> Array:
    """(1, 64, 64) in 0..1 -> (1, 32, 32) of 0 and 1, as a keyframe carries it."""
    return (mask.reshape(1, 32, 2, 32, 2).mean(axis=(2, 4)) > 0.5).astype(np.float32)


def wire_shape(points: Array) -> Array:
    """Return the reference mesh (468, 2) as the receiver decodes it."""
    return mesh_motion.points_from_shape(mesh_motion.shape_from_points(points))


def wire_driving(reference: Array, points: Array) -> Array:
    """Return the driving mesh (468, 2) as the receiver decodes it, relative to its decoded reference mesh."""
    affine, expression = mesh_motion.fit_pose_and_expression(reference, points)
    values = MotionValues(
        affine, expression, np.zeros((KEYPOINTS, 2), np.float32), np.zeros(CODES, np.float32)
    )
    return mesh_motion.driving_points(reference, dequantise_motion(quantise_motion(values)))


def voice_window(mel: NDArray[np.float32] | None, index: int) -> Array:
    """Return (40, 32): the log-mel columns around frame `index`, silence beyond the ends and without voice."""
    window = np.full((VOICE_COLUMNS, 40), SILENCE, np.float32)
    if mel is not None:
        end = (index + 1) * 4 + VOICE_AHEAD
        start = end - VOICE_COLUMNS
        part = mel[max(start, 0) : end]
        offset = max(-start, 0)
        window[offset : offset + len(part)] = part
    return window.T


def thumbnails(
    clip: CachedClip, drivings: list[int], augmentation: Augmentation, random: np.random.Generator
) -> Array | None:
    """Return (F, 3, 64, 64): what a receiver has at each driving frame, of one of the clip's coded streams; None without them.

    A thumbnail is of every second frame, and of two equally near ones the older is taken, as `receiver.picture_shelf` does.
    """
    if clip.thumbnails is None:
        return None
    stream = clip.thumbnails[random.integers(len(clip.thumbnails))]
    return np.stack([augmentation.picture(stream[index // 2]) for index in drivings])


def coarse_thumbnail(picture: Array, random: np.random.Generator) -> Array:
    """(3, 256, 256) -> (3, 64, 64): softened and noisy, for portraits, which have no stream to be coded as."""
    small = cv2.resize(picture.transpose(1, 2, 0), (64, 64), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), random.uniform(0.3, 1.2))
    return (
        np.clip(blurred + random.normal(0, 0.01, blurred.shape), 0, 1).astype(np.float32).transpose(2, 0, 1)
    )
