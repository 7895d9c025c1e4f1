"""The marks that say what a picture is, reconstructed or sent: one for people, one for machines; and the card before there is
a picture.

Must import numpy, cv2 and the watermark only. Invariant: a picture that people see has passed `mark`; the visible mark is the
same pixels in the same corner of every picture of its kind, so it neither flickers nor moves; "frozen" is added to it, not
mixed in; the invisible one covers the whole picture and says the same.
(EU AI Act art. 50: label what is synthetic, no later than first exposure, and mark it so that machines can tell.)
"""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from receiver.watermark.codes import Code
from receiver.watermark.embed import embed

MARK_TEXT: Final = "reconstructed"
VIDEO_TEXT: Final = "video"
FROZEN_SUFFIX: Final = ", frozen"
WAITING_TEXT: Final = ("waiting for", "the first picture")

_PLATE_HEIGHT: Final = 1 / 16
"""Height of the mark's plate as a part of the picture's side: 16 px of 256."""
_MARGIN: Final = 1 / 64
_PLATE_OPACITY: Final = 0.65
_SUPERSAMPLING: Final = 8
"""Text is drawn this much larger and averaged down: cv2's strokes are ragged at 10 px."""
_CARD_COLOUR: Final = (52, 56, 62)
_CARD_TEXT_COLOUR: Final = 215


def label(reconstructed: bool, frozen: bool) -> str:
    """What the mark of a picture says. frozen: it stands still because nothing newer came."""
    return (MARK_TEXT if reconstructed else VIDEO_TEXT) + (FROZEN_SUFFIX if frozen else "")


def mark(picture: NDArray[np.uint8], text: str = MARK_TEXT) -> NDArray[np.uint8]:
    """A copy of picture, RGB uint8 (H, W, 3), with the visible mark in its lower left corner and the invisible one all over."""
    marked = embed(picture, Code.VIDEO if text.startswith(VIDEO_TEXT) else Code.RECONSTRUCTED)
    ink_mask = _plate(picture.shape[0], text)
    top, left = mark_corner(picture.shape[0])
    region = marked[top : top + ink_mask.shape[0], left : left + ink_mask.shape[1]]
    opacity = np.maximum(ink_mask, _PLATE_OPACITY)[:, : region.shape[1], None]
    ink = 255.0 * ink_mask[:, : region.shape[1], None]
    region[:] = np.rint(region * (1.0 - opacity) + ink * opacity).astype(np.uint8)
    return marked


def mark_corner(side_px: int) -> tuple[int, int]:
    """Top and left of the mark's plate in a picture of that height."""
    margin = max(1, round(side_px * _MARGIN))
    return side_px - margin - _plate(side_px, MARK_TEXT).shape[0], margin


@lru_cache(maxsize=4)
def waiting_picture(side_px: int) -> NDArray[np.uint8]:
    """A neutral card, RGB uint8 (side, side, 3), for the time before the first picture; read-only."""
    card = np.empty((side_px, side_px, 3), np.uint8)
    card[:] = _CARD_COLOUR
    lines = [_text(line, round(side_px / 14)) for line in WAITING_TEXT]
    top = side_px // 2 - sum(line.shape[0] for line in lines) // 2
    for line in lines:
        left = (side_px - line.shape[1]) // 2
        region = card[top : top + line.shape[0], left : left + line.shape[1]]
        ink = line[..., None]
        region[:] = np.rint(region * (1 - ink) + _CARD_TEXT_COLOUR * ink).astype(np.uint8)
        top += line.shape[0]
    card.setflags(write=False)
    return card


@lru_cache(maxsize=8)
def _plate(side_px: int, text: str) -> NDArray[np.float32]:
    """The mark, 0 (plate) to 1 (ink), with a little plate around the text."""
    height = max(8, round(side_px * _PLATE_HEIGHT))
    return np.pad(_text(text, height), ((0, 0), (height // 4, height // 4)))


def _text(text: str, height_px: int) -> NDArray[np.float32]:
    """One line of text, ink 0..1, cropped to its width; ascenders and descenders fit in height_px."""
    scale = height_px * _SUPERSAMPLING / 32
    thickness = max(1, round(scale * 2.0))
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    width = -(-(width + 2 * thickness) // _SUPERSAMPLING) * _SUPERSAMPLING
    canvas = np.zeros((height_px * _SUPERSAMPLING, width), np.uint8)
    origin = (thickness, round(canvas.shape[0] * 0.76))
    cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    size = (width // _SUPERSAMPLING, height_px)
    return cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
