"""Voice blocks to Opus packets with media times.

Must import numpy and `shared` only. Invariant: each packet starts exactly where the one before ended while blocks
follow each other; a gap in the blocks is filled with silence or, past GAP_MAX_MS, starts a new count at the block's
own time, so packets never drift from the media clock.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.frames import VoicePacket
from shared.opus import SAMPLES_PER_MS, OpusEncoder

GAP_MAX_MS: Final = 500
"""Longer gaps are not worth packets of silence."""


class VoiceEncoder:
    """Cuts PCM into Opus frames. Silence gives packets of one or two bytes (DTX), which keep the receiver's clock."""

    def __init__(self, encoder: OpusEncoder) -> None:
        """encoder: closed with this object."""
        self._encoder = encoder
        self._pending: NDArray[np.int16] = np.zeros(0, np.int16)
        self._start_ms: int | None = None

    def push(self, media_ms: int, pcm: NDArray[np.int16]) -> list[VoicePacket]:
        """Packets completed by this block. media_ms: time of its first sample; pcm: int16 (n,), whole milliseconds."""
        self._place(media_ms)
        self._pending = np.concatenate([self._pending, pcm])
        packets = []
        while len(self._pending) >= self._encoder.frame_samples:
            packets.append(self._packet())
        return packets

    def flush(self) -> list[VoicePacket]:
        """The last, incomplete frame filled up with silence; empty if nothing is pending."""
        missing = -len(self._pending) % self._encoder.frame_samples
        self._pending = np.concatenate([self._pending, np.zeros(missing, np.int16)])
        return [self._packet()] if len(self._pending) else []

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Applies from the next packet on. Raises UserError if out of range."""
        self._encoder.set_bitrate(bitrate_bps)

    def set_frame_ms(self, frame_ms: int) -> None:
        """Duration of the packets from the next one on. Raises UserError for one that does not exist."""
        self._encoder.set_frame_ms(frame_ms)

    def close(self) -> None:
        """Frees the native encoder."""
        self._encoder.close()

    def _place(self, media_ms: int) -> None:
        if self._start_ms is None:
            self._start_ms = media_ms
        gap_ms = media_ms - self._start_ms - len(self._pending) // SAMPLES_PER_MS
        if 0 < gap_ms <= GAP_MAX_MS:
            self._pending = np.concatenate([self._pending, np.zeros(gap_ms * SAMPLES_PER_MS, np.int16)])
        elif gap_ms != 0:
            self._pending, self._start_ms = self._pending[:0], media_ms

    def _packet(self) -> VoicePacket:
        samples = self._encoder.frame_samples
        frame, self._pending = self._pending[:samples], self._pending[samples:]
        packet = VoicePacket(self._start_ms or 0, self._encoder.frame_ms, self._encoder.encode(frame))
        self._start_ms = packet.media_ms + packet.duration_ms
        return packet
