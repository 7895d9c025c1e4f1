"""Strips and films of clips that may be shown: written below OUT while a cell is measured, named in its result.

    pictures, voice of a cell --Keeper--> OUT/strips/*.jpg, OUT/films/*.mp4 --> {"strip": ..., "film": ...}

Must import numpy, OpenCV, the demo's film and `receiver.disclosure` only. Invariant: of a clip that may not be shown nothing is
written; pictures that a network drew carry the disclosure mark, whoever looks at them.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from experiments.demo.video import Column, marked, write_side_by_side
from experiments.rates.clips import ClipFile, Material
from experiments.rates.settings import OURS
from shared.errors import UserError
from shared.opus import SAMPLE_RATE_HZ

STRIPS, FILMS = "strips", "films"
STRIP_PICTURES: Final = 6
JPEG_QUALITY: Final = 88
ORIGINAL: Final = "original"
COMMENTS: Final = {
    True: "These pictures are reconstructed by a neural network (facewire).",
    False: "Decoded video, beside which facewire's reconstruction was measured.",
}

Picture = NDArray[np.uint8]


def strip_name(clip: ClipFile, arm: str, kbps: float = 0.0) -> str:
    """Below OUT."""
    return f"{STRIPS}/{_stem(clip, arm, kbps)}.jpg"


def film_name(clip: ClipFile, arm: str, kbps: float = 0.0) -> str:
    """Below OUT."""
    return f"{FILMS}/{_stem(clip, arm, kbps)}.mp4"


def _stem(clip: ClipFile, arm: str, kbps: float) -> str:
    # The whole clip's name may hold anything; its bytes' hash is a file name everywhere.
    return f"{clip.sha256[:16]}-{arm}" + (f"-{kbps:g}" if kbps else "")


class Keeper:
    """Of one clip and arm."""

    def __init__(self, out: Path, clip: ClipFile, arm: str) -> None:
        self._out, self._clip, self._arm = out, clip, arm

    def original(self, material: Material) -> None:
        """The part of the clip that is used, once for all arms. UserError when it cannot be written."""
        if self._clip.may_show and not (self._out / film_name(self._clip, ORIGINAL)).is_file():
            self._write(ORIGINAL, 0.0, material.frames, material.pcm, "original")

    def keep(self, kbps: float, pictures: Sequence[Picture], voice: NDArray[np.int16]) -> dict[str, str]:
        """The two files of a cell by their names below OUT; nothing for a clip that may not be shown."""
        if not self._clip.may_show:
            return {}
        self._write(self._arm, kbps, pictures, voice, f"{self._arm}, {kbps:g} kbit/s")
        return {
            "strip": strip_name(self._clip, self._arm, kbps),
            "film": film_name(self._clip, self._arm, kbps),
        }

    def _write(
        self, arm: str, kbps: float, pictures: Sequence[Picture], voice: NDArray[np.int16], label: str
    ) -> None:
        seen = marked(pictures) if arm == OURS else list(pictures)
        strip, film = (
            self._out / strip_name(self._clip, arm, kbps),
            self._out / film_name(self._clip, arm, kbps),
        )
        try:
            for path in (strip, film):
                path.parent.mkdir(parents=True, exist_ok=True)
            strip.write_bytes(jpeg_of(seen))
            # The encoder goes by the name's end.
            draft = film.with_name(f".{os.getpid()}-{film.name}")
            write_side_by_side(draft, [Column(label, seen)], voice, SAMPLE_RATE_HZ, COMMENTS[arm == OURS])
            draft.replace(film)
        except OSError as error:
            raise UserError(
                f"Pictures cannot be kept in {self._out}: {error.strerror}. Free some space."
            ) from error


def jpeg_of(pictures: Sequence[Picture]) -> bytes:
    """STRIP_PICTURES of the pictures, RGB uint8, evenly in time, side by side."""
    chosen = np.linspace(0, len(pictures) - 1, min(STRIP_PICTURES, len(pictures))).round().astype(int)
    row = cv2.cvtColor(np.hstack([pictures[i] for i in chosen.tolist()]), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
