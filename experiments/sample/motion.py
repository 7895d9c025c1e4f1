"""What the puppet does and when: head pose, blinks, brows, gaze, and the mouth that the phonemes ask for.

Must import numpy and `experiments.sample.speech` only. Invariant: the same speech and seed give the same
motion, and the first frame is the portrait as it was taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.sample.speech import Phoneme

FPS: Final = 25
STEP_S: Final = 0.005
"""Grid on which the mouth is smoothed."""
MOUTH_LEAD_S: Final = 0.04
"""Lips move a little before the sound."""
MOUTH_SMOOTHING_S: Final = 0.032
BLINK_TIMES_S: Final = (1.3, 4.1, 6.2, 6.55, 9.0)
BLINK_HALF_S: Final = 0.1
START_EASE_S: Final = 0.6
"""The head begins to move within this time."""

REST: Final = (0.16, 0.0)
VISEMES: Final[dict[str, tuple[float, float]]] = {
    # mnemonic's first letter(s): opening over the mouth's width, rounding 0..1 (negative: spread)
    "aI": (0.34, 0.0), "aU": (0.34, 0.3), "a": (0.34, 0.0), "A": (0.36, 0.1), "O": (0.30, 0.55), "oU": (0.20, 0.8),
    "0": (0.30, 0.4), "V": (0.26, 0.0), "3": (0.16, 0.3), "@": (0.17, 0.1), "E": (0.25, -0.1), "eI": (0.22, -0.3),
    "e": (0.24, -0.1), "i": (0.12, -0.4), "I": (0.15, -0.2), "u": (0.10, 1.0), "U": (0.13, 0.8), "j": (0.11, -0.3),
    "w": (0.06, 1.0), "m": (0.0, 0.0), "b": (0.0, 0.0), "p": (0.0, 0.0), "f": (0.04, 0.1), "v": (0.04, 0.1),
    "T": (0.08, 0.0), "D": (0.08, 0.0), "S": (0.09, 0.6), "Z": (0.09, 0.6), "tS": (0.09, 0.6), "dZ": (0.09, 0.6),
    "s": (0.07, -0.2), "z": (0.07, -0.2), "t": (0.08, 0.0), "d": (0.08, 0.0), "n": (0.09, 0.0), "l": (0.13, 0.0),
    "r": (0.11, 0.5), "k": (0.13, 0.0), "g": (0.13, 0.0), "N": (0.12, 0.0), "h": (0.17, 0.0), "_": REST,
}  # fmt: skip
"""eSpeak NG's English mnemonics; a longer name falls back to its longest known beginning."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame. Angles in radians (yaw to the picture's right, pitch down, roll clockwise), shifts and gaze
    in 1/256 of the picture, scale about 1. opening: lip gap over the mouth's width; rounding -1..1; blink 0
    open to 1 closed; brow in 1/256.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift: tuple[float, float]
    sway: tuple[float, float]
    opening: float
    rounding: float
    blink: float
    brow: float
    gaze: tuple[float, float]


def viseme(name: str) -> tuple[float, float]:
    """Opening and rounding of the longest known beginning of a phoneme's mnemonic, REST when there is
    none."""
    for length in range(len(name), 0, -1):
        if name[:length] in VISEMES:
            return VISEMES[name[:length]]
    return REST


def mouth_track(phonemes: Sequence[Phoneme], start_s: float, frames: int) -> NDArray[np.float64]:
    """(frames, 2) opening and rounding at 25 fps, for speech that starts at start_s."""
    count = int((frames / FPS + 1) / STEP_S)
    track = np.tile(np.array(REST), (count, 1))
    for phoneme in phonemes:
        track[max(0, int((start_s + phoneme.start_s - MOUTH_LEAD_S) / STEP_S)) :] = viseme(phoneme.name)
    reach = int(3 * MOUTH_SMOOTHING_S / STEP_S)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP_S / MOUTH_SMOOTHING_S) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(padded[:, i], kernel, mode="valid") for i in range(2)], axis=1)
    return np.asarray(smooth[(np.arange(frames) / FPS / STEP_S).astype(int)], np.float64)


def poses(phonemes: Sequence[Phoneme], start_s: float, frames: int) -> list[Pose]:
    """The whole clip's motion."""
    mouth = mouth_track(phonemes, start_s, frames)
    return [_pose(i / FPS, mouth[i]) for i in range(frames)]


def _pose(t: float, mouth: NDArray[np.float64]) -> Pose:
    ease = float(np.clip(t / START_EASE_S, 0, 1)) ** 2

    def wave(*parts: tuple[float, float, float]) -> float:
        """Sum of (amplitude, frequency in Hz, phase) sines, 0 at the start."""
        return ease * float(
            sum(a * (np.sin(2 * np.pi * f * t + p) - np.sin(p) * np.exp(-t)) for a, f, p in parts)
        )

    nod = 0.035 * (float(mouth[0]) - REST[0]) / 0.2
    glance = ease * (1.4 * np.tanh(4 * np.sin(0.9 * t + 0.4)) if int(t / 1.7) % 3 == 1 else 0.0)
    return Pose(
        yaw=wave((0.13, 0.17, 0.2), (0.05, 0.43, 1.0), (0.02, 0.9, 2.0)),
        pitch=wave((0.05, 0.23, 1.3), (0.025, 0.61, 0.0)) + ease * nod,
        roll=wave((0.05, 0.13, 2.2), (0.02, 0.37, 0.5)),
        scale=1 + wave((0.025, 0.11, 0.7)),
        shift=(wave((5.0, 0.12, 0.0), (1.5, 0.31, 1.1)), wave((2.5, 0.19, 0.9), (1.0, 0.5, 0.2))),
        sway=(wave((1.2, 0.12, 0.0)), wave((0.9, 0.27, 0.0))),
        opening=float(mouth[0]) * ease + REST[0] * (1 - ease),
        rounding=float(mouth[1]) * ease,
        blink=max(float(np.exp(-(((t - b) / (BLINK_HALF_S * 0.6)) ** 4))) for b in BLINK_TIMES_S),
        brow=ease * 2.2 * max(0.0, float(np.sin(2 * np.pi * 0.21 * t - 0.6))) ** 4,
        gaze=(float(glance), 0.0),
    )
