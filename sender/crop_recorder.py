"""Writes the crops that the receiver should show into a lossless file, to measure a call afterwards.

Must import PyAV, numpy and `shared` only. Invariant: every pixel and every media time (the file's time stamps, in ms)
comes out as it went in, and a killed process loses the last quarter of a second of the file, not more.
"""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX

_MS = Fraction(1, 1000)
_OPTIONS = {"flush_packets": "1", "cluster_time_limit": "200"}
"""A cluster is written when it is complete; Matroska's default of 5 s is what a killed process would lose."""


class CropRecorder:
    """FFV1 in Matroska. Raises UserError if the file cannot be written."""

    def __init__(self, path: Path) -> None:
        try:
            self._container = av.open(str(path), "w", format="matroska", options=_OPTIONS)
            self._stream = self._container.add_stream("ffv1", rate=25)
            self._stream.width = self._stream.height = PICTURE_SIZE_PX
            self._stream.pix_fmt = "bgr0"
            self._stream.codec_context.time_base = _MS
            self._container.start_encoding()  # opens the file now, not with the first picture
        except (av.FFmpegError, OSError) as error:
            raise UserError(
                f"Cannot write {path}: {error.strerror}. Choose another path for --record-crop."
            ) from error
        self._last_ms = -1

    def write(self, media_ms: int, picture: NDArray[np.uint8]) -> None:
        """RGB uint8 (256, 256, 3); a picture that is not newer than the last is left out. Raises UserError."""
        if media_ms <= self._last_ms:
            return
        self._last_ms = media_ms
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
        frame.pts, frame.time_base = media_ms, _MS
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise UserError(
                f"Cannot write to --record-crop any more: {error.strerror}. Is the disk full?"
            ) from error

    def close(self) -> None:
        """Completes the file."""
        with suppress(av.FFmpegError, OSError):  # a full disk was reported before
            self._container.mux(self._stream.encode(None))
            self._container.close()
