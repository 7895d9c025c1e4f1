"""The sink that keeps nothing: for calls that are only counted. Invariant: it never fails."""

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import PictureState


class NoneSink:
    """Takes everything, keeps nothing."""

    name = "none"
    shows = True
    live = False

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        """Drop one picture."""

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        """Drop some voice."""

    def close(self) -> None:
        """Nothing to do."""
