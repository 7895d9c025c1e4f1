"""Codes thumbnails and video: RGB pictures to AV1 temporal units, one for each picture, at a target rate.

Must import PyAV, numpy, OpenCV and `shared` only; runs in worker threads. Invariant: one picture in, one unit out at once (no
look-ahead, no reordering); the first unit after opening, and any that is asked to, stands alone.

Measured (SVT-AV1 4.1 in PyAV 18.1, preset 8, four clips): a thumbnail of 128 px at 12.5 fps asked for 2 / 4 / 8 kbit/s takes
2.4-3.4 / 4.3-4.8 / 8.3-8.9, its first picture 140-340 / 260-400 / 460-710 bytes; 96 and 64 px do not get below that. Video of
256 px at 25 fps asked for 24 / 48 / 96 takes 26-28 / 48-53 / 96-102. 1 to 5 ms a picture on one core; opening takes 7 ms.
"""

from fractions import Fraction
from functools import partial
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from sender.av1_encoder import open_av1_encoder, to_yuv
from sender.standstill import within
from shared.av1_header import strip_temporal_delimiter
from shared.errors import UserError
from shared.frames import VideoKind, VideoUnit
from shared.limits import VIDEO_MAX_SIDE_PX

SIDE_PX: Final = {VideoKind.THUMBNAIL: 128, VideoKind.VIDEO: VIDEO_MAX_SIDE_PX}
FPS: Final = {VideoKind.THUMBNAIL: Fraction(25, 2), VideoKind.VIDEO: Fraction(25)}
KBPS_MIN: Final = 2.0
KBPS_MAX: Final = 500.0
STANDSTILL_S: Final = 2.0
"""A picture takes 1 to 5 ms, on a starved machine a hundred."""
_UNIT_IDS: Final = 256
_NEVER: Final = 1 << 20
"""Pictures between intra ones that the encoder would set by itself: none within a call."""
_PARAMETERS: Final = "pred-struct=1:lp=1:rc=2:lookahead=0"
"""Low delay, one thread, constant rate."""


class VideoEncoder:
    """One kind of picture of one call. Feed it from one thread at a time."""

    def __init__(self, kind: VideoKind, target_kbps: float) -> None:
        """target_kbps: KBPS_MIN..KBPS_MAX. Raises UserError for another, and without an AV1 encoder."""
        if not KBPS_MIN <= target_kbps <= KBPS_MAX:
            raise UserError(
                f"Pictures at {target_kbps:g} kbit/s are not possible: choose {KBPS_MIN:g} to {KBPS_MAX:g} kbit/s."
            )
        self.kind, self.target_kbps = kind, target_kbps
        self._codec = _open(SIDE_PX[kind], FPS[kind], target_kbps)
        self._count = 0

    def encode(self, rgb: NDArray[np.uint8], media_ms: int, unit_id: int, intra: bool = False) -> VideoUnit:
        """The unit of one square picture, RGB uint8 (S, S, 3) of any size. intra: it must stand alone.

        Raises StoodStill when the encoder does: open another one, and leave this one alone.
        """
        frame = to_yuv(_resized(rgb, SIDE_PX[self.kind]))
        # Counted, not timed: the rate control spreads its bits over pictures, and gaps would look like credit.
        frame.pts, frame.time_base = self._count, 1 / FPS[self.kind]
        if intra:
            frame.pict_type = PictureType.I
        self._count += 1
        packets = within(partial(self._codec.encode, frame), STANDSTILL_S)
        data = strip_temporal_delimiter(b"".join(bytes(packet) for packet in packets))
        alone = any(packet.is_keyframe for packet in packets)
        return VideoUnit(self.kind, unit_id % _UNIT_IDS, media_ms, alone, SIDE_PX[self.kind], data)

    def close(self) -> None:
        """Ends the stream; SVT-AV1 complains on stderr of one that is left open."""
        if self._count:
            self._codec.encode(None)
        self._count = 0


def _open(side_px: int, fps: Fraction, target_kbps: float) -> av.VideoCodecContext:
    options = {"preset": "8", "svtav1-params": _PARAMETERS}
    return open_av1_encoder(side_px, side_px, fps, options, target_kbps, intra_every=_NEVER)


def _resized(rgb: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    if rgb.shape[0] == side_px:
        return np.ascontiguousarray(rgb)
    how = cv2.INTER_AREA if rgb.shape[0] > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, (side_px, side_px), interpolation=how), np.uint8)
