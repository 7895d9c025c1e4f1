"""From due voice packets to sound: decoding, concealment that fades out.

Must not import asyncio or a sound card. Invariant: every piece that is due gives exactly its duration of sound, also
for a packet that libopus refuses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.core.due import VoiceDue
from shared.errors import MalformedMessage
from shared.limits import VOICE_CONCEAL_MS, VOICE_FADE_MS
from shared.opus import SAMPLES_PER_MS, OpusDecoder

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class PlayedVoice:
    """Sound to play now: int16 (samples,) mono 48 kHz whose first sample belongs to media_ms.

    concealed: made up because the packet was lost or broken. stretch: no media time passes (see VoiceDue). silent: nothing
    is left to make it up from, so that there is a gap.
    """

    pcm: Pcm
    media_ms: int
    concealed: bool
    stretch: bool
    silent: bool


class VoicePlayer:
    """The voice of one remote person."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._concealed_ms = 0
        self.broken_packets = 0

    def play(self, due: VoiceDue) -> PlayedVoice:
        """Sound for one due piece, exactly due.duration_ms long."""
        pcm = None if due.packet is None else self._decode(due.packet.data)
        concealed = pcm is None
        silent = concealed and self._concealed_ms >= VOICE_CONCEAL_MS + VOICE_FADE_MS
        pcm = self._conceal(due.duration_ms) if pcm is None else pcm
        pcm = _exactly(pcm, due.duration_ms * SAMPLES_PER_MS)
        return PlayedVoice(pcm, due.media_ms, concealed, due.stretch, silent)

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


def _exactly(pcm: Pcm, samples: int) -> Pcm:
    """A packet may be longer or shorter than its message claims; the clock goes by the message."""
    return pcm[:samples] if len(pcm) >= samples else np.pad(pcm, (0, samples - len(pcm)))
