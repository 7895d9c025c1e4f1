"""What Python's receiver makes of a voice's expressions: the lips alone, smoothed, less what a picture holds of them already.

Invariant: fixed seeds; steady voice, jumps, a gap in media time, and every kind of picture occur.
"""

from typing import Any

import numpy as np

from receiver.mouth import VoiceMouth
from receiver.voice_anchor import VoiceAnchor
from receiver.voice_features import VoiceFeatures
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import EXPRESSION, SYMBOLS
from shared.core.due import PictureDue, PictureState

PICTURES = 60


def mouth_answers() -> dict[str, Any]:
    """Picture by picture what the branch expects and the expression that is rendered; and what it hears in silence."""
    rng = np.random.default_rng(9)
    voices = rng.normal(0, 0.1, (PICTURES // 10, EXPRESSION)).astype(np.float32)
    mouth, values = VoiceMouth(), dequantise_motion(np.arange(SYMBOLS, dtype=np.int16) % 5 - 2)
    answers = []
    for picture in range(PICTURES):
        media_ms = 40 * picture + 400 * (picture >= 35)
        voice = voices[picture // 10]
        mouth.follow(voice, media_ms)
        moved = mouth.move(values)
        answers.append(
            {
                "media_ms": media_ms,
                "voice": voice.tolist(),
                "before": values.expression.tolist(),
                "after": moved.expression.tolist(),
            }
        )
    silence = VoiceFeatures().silence
    heard = {"features": silence.features.tolist(), "expression": silence.expression.tolist()}
    return {"pictures": answers, "silence": heard, "anchors": anchor_answers()}


def anchor_answers() -> list[dict[str, Any]]:
    """Picture by picture what a picture holds of a voice that says (its time in seconds, and half of it, ...)."""
    anchor, answers = VoiceAnchor(), []
    values = dequantise_motion(np.zeros(SYMBOLS, np.int16))
    rng = np.random.default_rng(4)
    for picture in range(PICTURES):
        state = list(PictureState)[picture // 2 % len(PictureState)]
        shown = None if state is PictureState.WAITING else values
        age_ms = 0 if state is PictureState.FRESH else int(rng.integers(0, 4)) * 40
        share = float(rng.integers(0, 5)) / 4
        due = PictureDue(4000 + 40 * picture, 0, state, 7 + picture // 25, shown, age_ms, share)
        keyframe_ms = None if picture % 11 == 0 else 3000 + picture
        held = anchor.held(due, keyframe_ms, said(due.media_ms), said)
        answers.append(
            {"media_ms": due.media_ms, "keyframe_id": due.keyframe_id,
             "state": state.value, "values": shown is not None, "age_ms": age_ms, "share": share,
             "keyframe_ms": keyframe_ms, "held": held.tolist()}
        )  # fmt: skip
    return answers


def said(media_ms: int) -> np.ndarray:
    """What the voice says at a time; mouth.test.mjs says the same."""
    return np.asarray(media_ms / 1000 / np.arange(1, EXPRESSION + 1), np.float32)
