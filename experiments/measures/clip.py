"""Compare rebuilt clips with their original, frame by frame.

Must import numpy and this package only. Invariant: every rebuilt clip of one call is measured on the same
frames in the same way; the originals' features and meshes are computed once and shared. A frame whose rebuilt
face cannot be found has NaN distances and is counted in `faces_missed`; means leave NaN out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.measures import picture as pictures
from experiments.measures.face import FaceDistance, FaceMeasure, distance
from experiments.measures.picture import Picture
from experiments.measures.vgg import Features, Vgg, feature_distance
from sender.face.tracker import FaceModels

Series = NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What measuring needs. vgg: None when its weights are absent.

    faces: None leaves the mesh distances out.
    """

    vgg: Vgg | None
    faces: FaceModels | None


@dataclass(frozen=True, slots=True)
class ClipMeans:
    """Means over the measured frames; None where a measure could not be taken at all.

    flicker: mean |p_t - p_t-1| of the luma over the original's: 1 moves as much as the original, 0 stands
    still, above 1 flickers. temporal_error: mean |(p_t - p_t-1) - (o_t - o_t-1)| in levels, 0 is perfect.
    sharp_ratio: Laplacian variance over the original's.
    """

    psnr_y_db: float
    ssim_y: float
    ms_ssim: float | None
    vgg: float | None
    landmark_px: float | None
    mouth_px: float | None
    eye_px: float | None
    sharp_ratio: float
    flicker: float | None
    temporal_error: float | None


@dataclass(frozen=True, slots=True)
class ClipQuality:
    """Measures of one rebuilt clip. index: the measured frames, int64 (N,). The series are float64 (N,), NaN
    where absent.

    faces_missed: measured frames whose original shows a face and whose rebuilt picture does not.
    """

    index: NDArray[np.int64]
    psnr_y_db: Series
    ssim_y: Series
    ms_ssim: Series
    vgg: Series
    landmark_px: Series
    mouth_px: Series
    eye_px: Series
    sharp_ratio: Series
    faces_missed: int
    means: ClipMeans


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """One rebuilt frame; NaN where a measure could not be taken."""

    psnr_y_db: float
    ssim_y: float
    ms_ssim: float
    vgg: float
    face: FaceDistance
    sharp_ratio: float
    face_missed: bool


def load_tools(vgg: Vgg | None) -> Tools:
    """Tools with the face mesh shipped with facewire. UserError when its files are missing."""
    return Tools(vgg, FaceModels.load())


def compare(
    original: Sequence[Picture], rebuilt: Sequence[Picture], tools: Tools, every: int = 1, vgg_every: int = 1
) -> ClipQuality:
    """Measure one rebuilt clip; see `compare_many`."""
    return compare_many(original, {"rebuilt": rebuilt}, tools, every, vgg_every)["rebuilt"]


def compare_many(
    original: Sequence[Picture],
    variants: Mapping[str, Sequence[Picture]],
    tools: Tools,
    every: int = 1,
    vgg_every: int = 1,
    progress: Progress | None = None,
) -> dict[str, ClipQuality]:
    """Measure clips of uint8 RGB frames (H, W, 3) against an original of the same length.

    Every `every`-th frame is measured, from the second on, and `vgg` on every `vgg_every`-th of those (it costs 0.3 s a picture
    on one core). progress is called with 0..1. ValueError for clips of another length or for an empty one.
    """
    for name, frames in variants.items():
        if len(frames) != len(original) or not original:
            raise ValueError(f"{name} has {len(frames)} frames, the original {len(original)}")
    follow = FaceMeasure(tools.faces) if tools.faces else None
    # The first frame is the keyframe: a held picture is identical there, and 100 dB would lift its whole mean.
    index = np.arange(min(1, len(original) - 1), len(original), every, dtype=np.int64)
    rows: dict[str, list[FrameQuality]] = {name: [] for name in variants}
    for position, i in enumerate(index.tolist()):
        look = OriginalFrame(original[i], follow, tools.vgg if position % vgg_every == 0 else None)
        for name, frames in variants.items():
            rows[name].append(look.measure(frames[i]))
        if progress:
            progress((position + 1) / len(index))
    return {name: summarise(index, rows[name], original, frames) for name, frames in variants.items()}


class OriginalFrame:
    """One original frame, its features and its mesh, computed once for all that is measured against it."""

    def __init__(self, picture: Picture, follow: FaceMeasure | None, vgg: Vgg | None) -> None:
        """follow, vgg: None leaves their measures out."""
        self._picture, self._follow, self._vgg = picture, follow, vgg
        self._features: Features | None = vgg.features(picture) if vgg else None
        self._region = follow.region(picture) if follow else None
        self._points = follow.points(picture, self._region) if follow and self._region else None

    def measure(self, rebuilt: Picture) -> FrameQuality:
        """A rebuilt frame of the same size against this one."""
        points = self._follow.points(rebuilt, self._region) if self._follow and self._region else None
        big = min(rebuilt.shape[:2]) >= pictures.MS_SSIM_MIN_SIDE_PX
        return FrameQuality(
            psnr_y_db=pictures.psnr_y_db(self._picture, rebuilt),
            ssim_y=pictures.ssim_y(self._picture, rebuilt),
            ms_ssim=pictures.ms_ssim(self._picture, rebuilt) if big else float("nan"),
            vgg=self._vgg_distance(rebuilt),
            face=distance(self._points, points),
            sharp_ratio=pictures.sharp_ratio(self._picture, rebuilt),
            face_missed=self._points is not None and points is None,
        )

    def _vgg_distance(self, rebuilt: Picture) -> float:
        if self._vgg is None or self._features is None:
            return float("nan")
        return feature_distance(self._features, self._vgg.features(rebuilt))


def summarise(
    index: NDArray[np.int64],
    rows: Sequence[FrameQuality],
    original: Sequence[Picture],
    frames: Sequence[Picture],
) -> ClipQuality:
    """Series and means of one rebuilt clip from its measured frames, those of `index`. original, frames: all of both clips."""

    def series(get: Callable[[FrameQuality], float]) -> Series:
        return np.array([get(row) for row in rows], np.float64)

    psnr, ssim = series(lambda r: r.psnr_y_db), series(lambda r: r.ssim_y)
    multi, vgg = series(lambda r: r.ms_ssim), series(lambda r: r.vgg)
    landmark, mouth = series(lambda r: r.face.landmark_px), series(lambda r: r.face.mouth_px)
    eye, sharp = series(lambda r: r.face.eye_px), series(lambda r: r.sharp_ratio)
    flicker, error = _temporal(original, frames)
    means = ClipMeans(
        psnr_y_db=float(psnr.mean()),
        ssim_y=float(ssim.mean()),
        ms_ssim=mean_or_none(multi),
        vgg=mean_or_none(vgg),
        landmark_px=mean_or_none(landmark),
        mouth_px=mean_or_none(mouth),
        eye_px=mean_or_none(eye),
        sharp_ratio=float(sharp.mean()),
        flicker=flicker,
        temporal_error=error,
    )
    missed = sum(row.face_missed for row in rows)
    return ClipQuality(index, psnr, ssim, multi, vgg, landmark, mouth, eye, sharp, missed, means)


def mean_or_none(values: Series) -> float | None:
    """Mean of the values that are not NaN, None when there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _temporal(original: Sequence[Picture], frames: Sequence[Picture]) -> tuple[float | None, float | None]:
    """Flicker ratio and temporal error over all consecutive pairs; None for a single frame."""
    if len(original) < 2:
        return None, None
    pairs = range(1, len(original))
    theirs = np.mean([pictures.temporal_change(original[i - 1], original[i]) for i in pairs])
    ours = np.mean([pictures.temporal_change(frames[i - 1], frames[i]) for i in pairs])
    error = np.mean(
        [pictures.temporal_error((original[i - 1], original[i]), (frames[i - 1], frames[i])) for i in pairs]
    )
    return pictures.ratio(float(ours), float(theirs)), float(error)
