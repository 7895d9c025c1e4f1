"""How well a received voice matches the one that was spoken: PESQ (ITU-T P.862.2) and STOI (Taal et al.
2011).

Both packages are optional extras. Invariant: a measure that cannot be had is None, with the reason in
`notes`; it is never replaced by another one.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

MEASURE_RATE_HZ: Final = 16_000
"""Wide-band PESQ is defined at 16 kHz; STOI resamples to 10 kHz itself."""
SHORTEST_S: Final = 0.5
"""Below this neither measure says anything."""

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class VoiceQuality:
    """pesq: mean opinion score, about 1.0 to 4.6, or None. stoi: 0..1, or None.

    notes: why something is None.
    """

    pesq: float | None
    stoi: float | None
    notes: tuple[str, ...]


def compare_voice(original: Pcm, received: Pcm, rate_hz: int, delay_samples: int = 0) -> VoiceQuality:
    """Measure int16 mono voices of one rate; the received one lags by delay_samples.

    Cut to the common length.
    """
    shifted = received[delay_samples:]
    count = min(len(original), len(shifted))
    if count < SHORTEST_S * rate_hz:
        return VoiceQuality(None, None, (f"voice shorter than {SHORTEST_S} s: PESQ and STOI not measured",))
    a, b = (to_measure_rate(pcm[:count], rate_hz) for pcm in (original, shifted))
    pesq, pesq_note = _try("pesq", lambda m: m.pesq(MEASURE_RATE_HZ, a, b, "wb"))
    stoi, stoi_note = _try("pystoi", lambda m: m.stoi(a, b, MEASURE_RATE_HZ))
    return VoiceQuality(pesq, stoi, tuple(note for note in (pesq_note, stoi_note) if note))


def _try(package: str, measure: Callable[[Any], float]) -> tuple[float | None, str]:
    try:
        return float(measure(importlib.import_module(package))), ""
    except ImportError:
        return None, f"the package {package} is not installed: its measure is left out"
    except Exception as error:
        # Both packages raise their own types on silence; a missing number must not end a report.
        return None, f"{package}: {str(error) or type(error).__name__}"


def to_measure_rate(pcm: Pcm, rate_hz: int) -> NDArray[np.float32]:
    """Float -1..1 at MEASURE_RATE_HZ (area mean when going down, linear when going up)."""
    values = (pcm.astype(np.float32) / np.float32(32768)).reshape(1, -1)
    length = round(values.shape[1] * MEASURE_RATE_HZ / rate_hz)
    how = cv2.INTER_AREA if rate_hz > MEASURE_RATE_HZ else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (length, 1), interpolation=how), np.float32).reshape(-1)
