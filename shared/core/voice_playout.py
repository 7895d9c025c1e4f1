"""Voice in playing order: packets, concealment for what is missing, and seams where the delay may change.

Must not import decoders. Invariant: what it hands out is gapless in local time while voice plays, and never goes
back in media time.
"""

from bisect import insort

from shared.core.due import VoiceDue
from shared.core.media_clock import MediaClock
from shared.frames import VoicePacket
from shared.limits import PLAYOUT_MAX_QUEUE, VOICE_IDLE_MS, VOICE_QUIET_BYTES, VOICE_SNAP_MS

FILLER_MS = 20
SMALL_FILLER_MS = 10
STRETCH_MAX_MS = 40
"""Longest stretch at one seam: voice and picture are never further apart than this."""
SHRINK_SLACK_MS = 10
"""The delay shrinks only when it is this much longer than the packet that is skipped: no to and fro."""


class VoicePlayout:
    """The queue of voice packets and the play position on the media clock (`None`: no voice plays)."""

    def __init__(self, clock: MediaClock) -> None:
        self._clock = clock
        self._queue: list[VoicePacket] = []
        self._position_ms: int | None = None
        self._end_ms = 0
        self._missing_ms = 0
        self._quiet = True
        self.late = 0

    @property
    def plays(self) -> bool:
        """Whether voice is playing, so that the delay may change at its seams only."""
        return self._position_ms is not None

    def push(self, packet: VoicePacket, now_us: int) -> None:
        """Queue a packet; too late ones and repeats are dropped."""
        if packet.media_ms < self._end_ms - VOICE_SNAP_MS:
            self.late += 1
            self._clock.late_voice(packet.media_ms, now_us)
        elif all(packet.media_ms != other.media_ms for other in self._queue):
            insort(self._queue, packet, key=_media_ms)
            del self._queue[: max(0, len(self._queue) - PLAYOUT_MAX_QUEUE)]

    def stop(self) -> None:
        """Voice stops here; the next packet that is due starts it again."""
        self._position_ms = None

    def next_due_us(self) -> int | None:
        """When something will be due, None: nothing waits."""
        if self._position_ms is not None:
            return self._clock.due_us(self._position_ms)
        return self._clock.due_us(self._queue[0].media_ms) if self._queue else None

    def at(self, now_us: int) -> VoiceDue | None:
        """What is due now, one piece a call; None: nothing."""
        if self._position_ms is None:
            self._start(now_us)
        due_us = self.next_due_us()
        if self._position_ms is None or due_us is None or now_us < due_us:
            return None
        growth_ms = self._clock.wanted_growth_ms
        if growth_ms >= SMALL_FILLER_MS:
            return self._stretch(min(growth_ms // SMALL_FILLER_MS * SMALL_FILLER_MS, STRETCH_MAX_MS), due_us)
        self._skip_quiet()
        return self._next(self._position_ms, due_us)

    def _start(self, now_us: int) -> None:
        """Begin with the first packet that is not over yet."""
        while self._queue:
            first = self._queue[0]
            due_us = self._clock.due_us(first.media_ms + first.duration_ms)
            if first.media_ms >= self._end_ms and due_us is not None and due_us > now_us:
                self._position_ms, self._missing_ms = first.media_ms, 0
                return
            self._queue.pop(0)
            self.late += 1

    def _stretch(self, growth_ms: int, due_us: int) -> VoiceDue:
        self._clock.shift(growth_ms)
        return VoiceDue(self._position_ms or 0, due_us, growth_ms, None, stretch=True)

    def _skip_quiet(self) -> None:
        """Shorten a delay that is too long by one silent packet, or by silence that was never sent."""
        position_ms = self._position_ms or 0
        packet = self._packet_at(position_ms)
        if packet is None and self._quiet:
            skipped_ms = FILLER_MS if self._gap_ms(position_ms) >= FILLER_MS else 0
        else:
            skipped_ms = packet.duration_ms if packet and len(packet.data) <= VOICE_QUIET_BYTES else 0
        if skipped_ms and -self._clock.wanted_growth_ms >= skipped_ms + SHRINK_SLACK_MS:
            if packet is not None:
                self._queue.pop(0)
            self._clock.shift(-skipped_ms)
            self._position_ms = self._end_ms = position_ms + skipped_ms

    def _next(self, position_ms: int, due_us: int) -> VoiceDue:
        while self._queue and self._queue[0].media_ms < position_ms - VOICE_SNAP_MS:
            self._queue.pop(0)
        packet = self._packet_at(position_ms)
        if packet is not None:
            return self._play(self._queue.pop(0), position_ms, due_us)
        gap_ms = self._gap_ms(position_ms)
        filler_ms = FILLER_MS if gap_ms >= FILLER_MS else SMALL_FILLER_MS
        self._position_ms = self._end_ms = position_ms + filler_ms
        self._missing_ms += filler_ms
        if self._missing_ms >= VOICE_IDLE_MS:
            self.stop()
        return VoiceDue(position_ms, due_us, filler_ms, None)

    def _play(self, packet: VoicePacket, position_ms: int, due_us: int) -> VoiceDue:
        self._clock.shift(position_ms - packet.media_ms)
        self._position_ms = self._end_ms = packet.media_ms + packet.duration_ms
        self._missing_ms = 0
        self._quiet = len(packet.data) <= VOICE_QUIET_BYTES
        return VoiceDue(packet.media_ms, due_us, packet.duration_ms, packet)

    def _packet_at(self, position_ms: int) -> VoicePacket | None:
        if self._queue and abs(self._queue[0].media_ms - position_ms) <= VOICE_SNAP_MS:
            return self._queue[0]
        return None

    def _gap_ms(self, position_ms: int) -> int:
        """Media time until the next packet; a filler's length when none is here."""
        return self._queue[0].media_ms - position_ms if self._queue else FILLER_MS


def _media_ms(packet: VoicePacket) -> int:
    return packet.media_ms
