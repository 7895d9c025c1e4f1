"""Cut the portrait out: scikit-image's astronaut (NASA, public domain), its matte, its background without the
person.

Must import numpy, OpenCV, scikit-image and `sender.face`. Invariant: everything is at the puppet's working
size.
"""

from typing import Final

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from experiments.sample.puppet import RENDER_PX, Portrait
from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from shared.errors import UserError

CROP_LEFT_PX, CROP_TOP_PX, CROP_SIDE_PX = 113, 4, 224
"""Head and collar in the 512x512 portrait; no flag, no shuttle."""
SURE_PERSON: Final = 0.9
SURE_BACKGROUND: Final = 0.05
GRABCUT_ROUNDS: Final = 6
HAIR_END: Final = 0.62
"""Above this part of the face's height all of the person is head."""
PAINT_MARGIN_PX: Final = 31
"""Painted out beyond the matte: single hairs."""
NECK_WIDTH: Final = 0.72
"""Of the face's width."""

Mask = NDArray[np.uint8]


def load_portrait() -> Portrait:
    """The portrait, ready to be moved. UserError when no face is found in it."""
    full: NDArray[np.uint8] = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    side = slice(CROP_TOP_PX, CROP_TOP_PX + CROP_SIDE_PX), slice(CROP_LEFT_PX, CROP_LEFT_PX + CROP_SIDE_PX)
    picture = cv2.resize(full[side], (RENDER_PX, RENDER_PX), interpolation=cv2.INTER_LANCZOS4).astype(
        np.uint8
    )
    tracker = FaceTracker(FaceModels.load())
    tracker.update(picture)
    face = tracker.update(picture)
    if face is None:
        raise UserError("no face found in scikit-image's astronaut; is this another version of the picture?")
    mesh = face.landmarks.astype(np.float64)
    person = cut_out(picture)
    core = cv2.erode(person, np.ones((3, 3), np.uint8)).astype(np.float32)
    matte = np.asarray(cv2.GaussianBlur(core, (0, 0), 1.5), np.float32)
    return Portrait(picture, paint_out(picture, person), matte, mesh, head_mask(person, mesh))


def cut_out(picture: NDArray[np.uint8]) -> Mask:
    """1 where the person is: the segmentation prior, made exact by GrabCut (Rother, Kolmogorov, Blake
    2004)."""
    coarse = PersonSegmenter(load_prior("segmentation")).mask(picture)
    probability = cv2.resize(coarse, (RENDER_PX, RENDER_PX), interpolation=cv2.INTER_LINEAR)
    trimap = np.where(probability > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[cv2.erode(probability, np.ones((15, 15))) > SURE_PERSON] = cv2.GC_FGD
    trimap[cv2.dilate(probability, np.ones((15, 15))) < SURE_BACKGROUND] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    scratch = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(picture[:, :, ::-1])
    cv2.grabCut(bgr, trimap, (0, 0, 1, 1), *scratch, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = ((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    largest = 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    body = (labels == largest).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(body, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), np.uint8)


def paint_out(picture: NDArray[np.uint8], person: Mask) -> NDArray[np.uint8]:
    """The background, smoothly continued behind the person (normalised Gaussian means, coarse to fine)."""
    known = 1 - cv2.dilate(person, np.ones((PAINT_MARGIN_PX, PAINT_MARGIN_PX), np.uint8)).astype(np.float32)
    result = picture.astype(np.float32)
    filled = np.full_like(result, float(picture.mean()))
    for sigma in (120, 60, 30, 15, 8):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)[:, :, np.newaxis]
        mean = cv2.GaussianBlur(result * known[:, :, np.newaxis], (0, 0), sigma) / np.maximum(weight, 1e-4)
        trust = np.clip(weight * 20, 0, 1)
        filled = np.asarray(filled * (1 - trust) + mean * trust, np.float32)
    keep = known[:, :, np.newaxis]
    return np.asarray((result * keep + filled * (1 - keep)).round().clip(0, 255), np.uint8)


def head_mask(person: Mask, mesh: NDArray[np.float64]) -> Mask:
    """1 on hair, face and the neck's upper part: what turns with the skull."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    width, height = high - low
    mask = person.copy()
    mask[int(low[1] + HAIR_END * height) :] = 0
    cv2.fillConvexPoly(mask, cv2.convexHull(mesh[:, :2].round().astype(np.int32)), 1)
    center = (low[0] + high[0]) / 2
    left, right = int(center - NECK_WIDTH / 2 * width), int(center + NECK_WIDTH / 2 * width)
    mask[int(high[1] - 0.2 * height) : int(high[1] + 0.1 * height), left:right] = 1
    return mask
