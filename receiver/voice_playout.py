"""From due voice packets to sound: decoding, concealment that fades out, and a short memory for the mouth branch.

Must not import asyncio or a sound card. Invariant: every piece that is due gives exactly its duration of sound, also
for a packet that libopus refuses; memory holds at most VOICE_HISTORY_MS.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.core.due import VoiceDue
from shared.errors import MalformedMessage
from shared.limits import VOICE_CONCEAL_MS, VOICE_FADE_MS, VOICE_HISTORY_MS
from shared.opus import SAMPLES_PER_MS, OpusDecoder

Pcm = NDArray[np.int16]
_HISTORY: Final = VOICE_HISTORY_MS * SAMPLES_PER_MS


@dataclass(frozen=True, slots=True)
class PlayedVoice:
    """Sound to play now: int16 (samples,) mono 48 kHz whose first sample belongs to media_ms.

    concealed: made up because the packet was lost or broken. stretch: no media time passes (see VoiceDue).
    """

    pcm: Pcm
    media_ms: int
    concealed: bool
    stretch: bool


class VoicePlayer:
    """The voice of one remote person."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._concealed_ms = 0
        self._history = np.zeros(0, np.int16)
        self._history_end_ms = 0
        self.broken_packets = 0

    def play(self, due: VoiceDue) -> PlayedVoice:
        """Sound for one due piece, exactly due.duration_ms long."""
        pcm = None if due.packet is None else self._decode(due.packet.data)
        concealed = pcm is None
        pcm = self._conceal(due.duration_ms) if pcm is None else pcm
        pcm = _exactly(pcm, due.duration_ms * SAMPLES_PER_MS)
        if not due.stretch:
            self._remember(pcm, due.media_ms)
        return PlayedVoice(pcm, due.media_ms, concealed, due.stretch)

    def pcm_window(self, media_ms: int, before_ms: int, after_ms: int) -> Pcm | None:
        """Decoded voice from before_ms before media_ms to after_ms after it, int16 ((before+after) * 48,).

        Zeros where nothing was said or kept; None when the end of the window has not been played yet.
        """
        end_ms = media_ms + after_ms
        if end_ms > self._history_end_ms:
            return None
        size = (before_ms + after_ms) * SAMPLES_PER_MS
        later = (self._history_end_ms - end_ms) * SAMPLES_PER_MS
        kept = self._history[: max(0, len(self._history) - later)][-size:]
        return np.concatenate([np.zeros(size - len(kept), np.int16), kept])

    def close(self) -> None:
        """Free the native decoder."""
        self._decoder.close()

    def _decode(self, packet: bytes) -> Pcm | None:
        try:
            pcm = self._decoder.decode(packet)
        except MalformedMessage:
            self.broken_packets += 1
            return None
        self._concealed_ms = 0
        return pcm

    def _conceal(self, duration_ms: int) -> Pcm:
        start_ms, self._concealed_ms = self._concealed_ms, self._concealed_ms + duration_ms
        if start_ms >= VOICE_CONCEAL_MS + VOICE_FADE_MS:
            return np.zeros(duration_ms * SAMPLES_PER_MS, np.int16)
        pcm = self._decoder.conceal(duration_ms)
        at_ms = start_ms + np.arange(len(pcm)) / SAMPLES_PER_MS
        gain = np.clip(1 - (at_ms - VOICE_CONCEAL_MS) / VOICE_FADE_MS, 0, 1)
        return (pcm * gain).astype(np.int16)

    def _remember(self, pcm: Pcm, media_ms: int) -> None:
        gap = (media_ms - self._history_end_ms) * SAMPLES_PER_MS
        if not 0 <= gap <= _HISTORY:  # the clock began, or was anchored anew
            self._history, gap = np.zeros(0, np.int16), 0
        self._history = np.concatenate([self._history, np.zeros(gap, np.int16), pcm])[-_HISTORY:]
        self._history_end_ms = media_ms + len(pcm) // SAMPLES_PER_MS


def _exactly(pcm: Pcm, samples: int) -> Pcm:
    """A packet may be longer or shorter than its message claims; the clock goes by the message."""
    return pcm[:samples] if len(pcm) >= samples else np.pad(pcm, (0, samples - len(pcm)))
