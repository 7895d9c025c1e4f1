"""Due voice to PCM: decode, conceal, fade to silence, tell the sinks.

Must not import asyncio or sinks. Invariant: every piece gives exactly its duration in samples, so that the recording
never drifts from the media clock; a piece that cannot be decoded is concealed.
"""

import numpy as np
from numpy.typing import NDArray

from shared.core.due import VoiceDue
from shared.errors import MalformedMessage
from shared.limits import VOICE_CONCEAL_MS, VOICE_FADE_MS
from shared.opus import SAMPLES_PER_MS, OpusDecoder


class VoiceOutput:
    """The playing decoder of one call."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._concealed_ms = 0
        self.concealed_total_ms = 0
        self.malformed = 0

    def pcm(self, due: VoiceDue) -> NDArray[np.int16]:
        """int16 mono 48 kHz of exactly due.duration_ms."""
        samples = due.duration_ms * SAMPLES_PER_MS
        if due.packet is not None:
            try:
                self._concealed_ms = 0
                return _exactly(self._decoder.decode(due.packet.data), samples)
            except MalformedMessage:
                self.malformed += 1
        return self._conceal(due.duration_ms, samples)

    def close(self) -> None:
        """Free the decoder."""
        self._decoder.close()

    def _conceal(self, duration_ms: int, samples: int) -> NDArray[np.int16]:
        start_ms = self._concealed_ms
        self._concealed_ms += duration_ms
        self.concealed_total_ms += duration_ms
        if start_ms >= VOICE_CONCEAL_MS + VOICE_FADE_MS:
            return np.zeros(samples, np.int16)
        pcm = _exactly(self._decoder.conceal(max(10, -(-duration_ms // 10) * 10)), samples)
        elapsed_ms = start_ms + np.arange(samples) / SAMPLES_PER_MS
        gain = np.clip(1 - (elapsed_ms - VOICE_CONCEAL_MS) / VOICE_FADE_MS, 0, 1)
        return np.asarray(np.rint(pcm * gain), np.int16)


def _exactly(pcm: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """pcm cut or padded with silence to `samples`."""
    return pcm[:samples] if len(pcm) >= samples else np.pad(pcm, (0, samples - len(pcm)))
