"""Encodes a keyframe's picture: RGB to one AV1 intra frame of at most so many bytes.

Must import PyAV, numpy, OpenCV and `shared` only. Invariant: the result never exceeds the limit asked for, always
decodes with `shared.keyframe_image.decode_keyframe_image`, and the search ends after as many encodings as its effort allows
and, for pictures that cannot be coded so small, SOFTEN_SIGMAS_PX more.

Measured (SVT-AV1 4.1 in PyAV 18.1, six portraits, 2048 bytes; `vgg` is shared/perceptual's measure, lower is better):
preset 4 tune IQ 35.5 dB, vgg 0.273; preset 4 tune PSNR 35.7, 0.286; preset 6 tune IQ 34.8, 0.305; preset 8 34.1, 0.343.
Ten bits change nothing.
"""

import math
from contextlib import suppress
from enum import Enum
from fractions import Fraction
from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from sender.av1_encoder import open_av1_encoder, to_yuv
from sender.standstill import StoodStill, within
from shared.av1_header import strip_temporal_delimiter
from shared.errors import UserError
from shared.limits import KEYFRAME_IMAGE_MIN_BYTES, KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX


class Effort(Enum):
    """How hard to search: (preset of SVT-AV1, encodings at most)."""

    THOROUGH = (4, 4)
    """One encoding takes about 40 ms on one core, so the search stays near 150 ms."""
    QUICK = (9, 2)
    """About 10 ms an encoding: for the first keyframe, which somebody is waiting for."""


SOFTEN_SIGMAS_PX: Final = (1.5, 4.0, 12.0, 48.0)
"""Blurs for pictures that do not fit even at the coarsest quantiser (noise, foliage): soft beats absent."""

STANDSTILL_S, STANDSTILL_TRIES = 5.0, 2
"""An encoding takes 10 to 40 ms, on a starved machine half a second."""
_CRF_MIN: Final = 8
_CRF_MAX: Final = 63
_LOG_SIZE_PER_CRF: Final = -0.062
"""Measured slope of ln(bytes) against the quantiser, which makes good guesses."""
_TYPICAL_POINT: Final = (43, math.log(1950))
"""(quantiser, ln(bytes)) of a portrait at 256x256, where the search begins."""
_FIT_SHARE: Final = 0.95
"""A result this full is not worth another encoding."""
_SIDE_MIN_PX: Final = 64
"""SVT-AV1 refuses smaller pictures."""
_PARAMETERS: Final = "lp=1:avif=1:tune=3"
"""One thread; the still picture's short headers; tuned for how a picture looks."""


def encode_keyframe_image(
    rgb: NDArray[np.uint8], max_bytes: int = 2048, effort: Effort = Effort.THOROUGH
) -> bytes:
    """One AV1 temporal unit (sequence header and frame) of at most max_bytes from RGB uint8 (H, W, 3).

    H, W: even, 64..KEYFRAME_MAX_SIDE_PX. max_bytes: KEYFRAME_IMAGE_MIN_BYTES..KEYFRAME_MAX_BYTES. The picture is
    full-range BT.601, and its header says so. One that cannot be coded so small is softened until it can. Raises
    UserError for arguments out of range, and for an encoder that stands still.
    """
    _check(rgb, max_bytes)
    found = _search(rgb, max_bytes, effort)
    for sigma_px in SOFTEN_SIGMAS_PX:
        if found is not None:
            return found
        soft = cv2.GaussianBlur(rgb, (0, 0), sigma_px)
        found = _if_fits(_encode(soft.astype(np.uint8), _CRF_MAX, effort), max_bytes)
    return found or _encode(np.full_like(rgb, rgb.mean(axis=(0, 1)).astype(np.uint8)), _CRF_MAX, effort)


def _check(rgb: NDArray[np.uint8], max_bytes: int) -> None:
    if not KEYFRAME_IMAGE_MIN_BYTES <= max_bytes <= KEYFRAME_MAX_BYTES:
        raise UserError(
            f"A keyframe picture of {max_bytes} bytes is not possible: "
            f"choose {KEYFRAME_IMAGE_MIN_BYTES} to {KEYFRAME_MAX_BYTES} bytes."
        )
    sides = rgb.shape[:2]
    fits = all(_SIDE_MIN_PX <= side <= KEYFRAME_MAX_SIDE_PX and side % 2 == 0 for side in sides)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not fits:
        raise UserError(
            f"A keyframe must be RGB uint8 with even sides of {_SIDE_MIN_PX} to {KEYFRAME_MAX_SIDE_PX} px, "
            f"not {rgb.dtype} {rgb.shape}."
        )


def _search(rgb: NDArray[np.uint8], max_bytes: int, effort: Effort) -> bytes | None:
    """Finest quantiser that fits: secant steps on ln(bytes), kept inside a bisection's bounds."""
    low, high = _CRF_MIN, _CRF_MAX
    target = math.log(_FIT_SHARE * max_bytes)
    point, slope = _TYPICAL_POINT, _LOG_SIZE_PER_CRF
    best: bytes | None = None
    for tries in range(effort.value[1]):
        crf = min(max(round(point[0] + (target - point[1]) / slope), low), high)
        data = _encode(rgb, crf, effort)
        if len(data) <= max_bytes:
            best, high = data, crf - 1
        else:
            low = crf + 1
        if low > high or (best is not None and len(best) >= _FIT_SHARE * max_bytes):
            break
        last, point = point, (crf, math.log(len(data)))
        if tries > 0:
            slope = min((point[1] - last[1]) / (point[0] - last[0]), _LOG_SIZE_PER_CRF / 4)
    return best or _if_fits(_encode(rgb, _CRF_MAX, effort), max_bytes)


def _if_fits(data: bytes, max_bytes: int) -> bytes | None:
    return data if len(data) <= max_bytes else None


def _encode(rgb: NDArray[np.uint8], crf: int, effort: Effort) -> bytes:
    """One encoding, begun anew when the encoder stands still. Raises UserError when it always does."""
    for _ in range(STANDSTILL_TRIES):
        with suppress(StoodStill):
            return within(partial(_encode_once, rgb, crf, effort), STANDSTILL_S)
    raise UserError(
        f"SVT-AV1 stood still {STANDSTILL_TRIES} times. Start the call again, with fewer other programs."
    )


def _encode_once(rgb: NDArray[np.uint8], crf: int, effort: Effort) -> bytes:
    options = {"crf": str(crf), "preset": str(effort.value[0]), "svtav1-params": _PARAMETERS}
    encoder = open_av1_encoder(rgb.shape[1], rgb.shape[0], Fraction(25), options)
    frame = to_yuv(rgb)
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return strip_temporal_delimiter(b"".join(bytes(packet) for packet in packets))
