"""What the audio mouth branch hears: features of the decoded voice around each picture, and the lips it expects.

Decodes packets as they arrive, ahead of their playing, because the branch looks 80 ms ahead. Must not import
asyncio or torch. Invariant: memory is VOICE_HISTORY_MS of sound; without voice around a picture there is nothing to
hear (None). Use it from one thread at a time.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.weights import open_verified
from shared.errors import MalformedMessage
from shared.frames import VoicePacket
from shared.limits import VOICE_HISTORY_MS
from shared.log_mel import HOP, MELS, RATE_HZ, SILENCE, WINDOW, down_to_16k, log_mel
from shared.opus import OpusDecoder

Array = NDArray[np.float32]
COLUMNS: Final = 32
"""Log-mel columns the branch sees (320 ms)."""
AHEAD_MS: Final = 120
"""The window ends this much after the picture's time: the picture's own 40 ms and 80 ms of look-ahead."""
PER_MS: Final = RATE_HZ // 1000
OPUS_DELAY: Final = 312 // 3
"""Decoded sound lags its packet's time by libopus' look-ahead (312 samples at 48 kHz, 6.5 ms), at 16 kHz; training
removed it too."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the branch makes of 320 ms of sound. features: float32 (32,), for the network that renders. expression: float32
    (16,), the lips in coefficients of the mesh's expression, relative to the speaker's mean."""

    features: Array
    expression: Array


class VoiceFeatures:
    """One call's voice, and the network that listens to it."""

    def __init__(self) -> None:
        """Raises UserError when the voice branch's weights are missing or altered."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(open_verified("voice/voice.onnx")), options, providers=["CPUExecutionProvider"]
        )
        self._decoder = OpusDecoder()
        self._sound = np.zeros(VOICE_HISTORY_MS * PER_MS, np.float32)
        self._end_ms: int | None = None
        self.silence = self._hear(np.full((COLUMNS, MELS), SILENCE, np.float32))
        """What the branch hears when nobody speaks."""

    def push(self, packet: VoicePacket) -> None:
        """Hear a packet; one that comes after its successor is left out."""
        if self._end_ms is not None and packet.media_ms < self._end_ms:
            return
        try:
            heard = down_to_16k(self._decoder.decode(packet.data))
        except MalformedMessage:
            return
        gap_ms = 0 if self._end_ms is None else packet.media_ms - self._end_ms
        silence = np.zeros(min(gap_ms, VOICE_HISTORY_MS) * PER_MS, np.float32)
        joined = np.concatenate((self._sound, silence, heard))
        self._sound = joined[-len(self._sound) :]
        self._end_ms = packet.media_ms + len(heard) // PER_MS

    def listen(self, media_ms: int) -> Heard | None:
        """What is heard around the picture at media_ms, None without voice up to that time."""
        mel = self.columns(media_ms)
        return None if mel is None else self._hear(mel)

    def at(self, media_ms: int) -> Array | None:
        """Features (32,) for the picture at media_ms, None without voice up to that time."""
        heard = self.listen(media_ms)
        return None if heard is None else heard.features

    def close(self) -> None:
        """Free the decoder."""
        self._decoder.close()

    def columns(self, media_ms: int) -> Array | None:
        """Log-mel (32, 40) around the picture at media_ms, as in training; None without voice up to that time."""
        if self._end_ms is None:
            return None
        first_ms = media_ms + AHEAD_MS - COLUMNS * 10
        start = len(self._sound) - (self._end_ms - first_ms) * PER_MS + OPUS_DELAY
        if start < 0 or self._end_ms < media_ms:
            return None
        columns = log_mel(self._sound[start : start + (COLUMNS - 1) * HOP + WINDOW])
        if len(columns) == 0:
            return None
        # What is not here yet sounds like the last that is.
        return np.concatenate((columns, np.repeat(columns[-1:], COLUMNS - len(columns), axis=0)))

    def _hear(self, mel: Array) -> Heard:
        features, expression = self._session.run(["features", "expression"], {"mel": mel.T[None]})
        return Heard(features[0], expression[0])
