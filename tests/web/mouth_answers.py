"""What Python's receiver makes of a voice's expressions: the lips alone, smoothed, by the share that motion leaves to them.

Invariant: fixed seeds; steady voice, jumps, a gap in media time and every kind of share occur.
"""

from typing import Any

import numpy as np

from receiver.mouth import VoiceMouth
from receiver.voice_features import VoiceFeatures
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import EXPRESSION, SYMBOLS

PICTURES = 60


def mouth_answers() -> dict[str, Any]:
    """Picture by picture what the branch expects and the expression that is rendered; and what it hears in silence."""
    rng = np.random.default_rng(9)
    voices = rng.normal(0, 0.1, (PICTURES // 10, EXPRESSION)).astype(np.float32)
    mouth, values = VoiceMouth(), dequantise_motion(np.arange(SYMBOLS, dtype=np.int16) % 5 - 2)
    answers = []
    for picture in range(PICTURES):
        media_ms = 40 * picture + 400 * (picture >= 35)
        share = (0.0, 0.25, 1.0)[picture // 5 % 3]
        voice = voices[picture // 10]
        mouth.follow(voice, media_ms)
        moved = mouth.move(values, share)
        answers.append(
            {
                "media_ms": media_ms,
                "share": share,
                "voice": voice.tolist(),
                "before": values.expression.tolist(),
                "after": moved.expression.tolist(),
            }
        )
    silence = VoiceFeatures().silence
    heard = {"features": silence.features.tolist(), "expression": silence.expression.tolist()}
    return {"pictures": answers, "silence": heard}
