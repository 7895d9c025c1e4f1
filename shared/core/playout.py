"""Jitter buffer and the one media clock of a receiver: when which picture and which voice is due.

    push_voice  --> VoicePlayout   --+                 +--> voice_at
                                     +-- MediaClock ---+
    push_motion --> PicturePlayout --+                 +--> picture_at
    push_still  -->                --+

Sans-IO: `now_us` is the local monotonic clock, handed in. Must not import renderers, decoders or clocks. Invariant:
voice and picture share one clock, so that they are at most 40 ms apart; media time never goes back; memory is bounded.
"""

from shared.core.due import PictureDue, PictureState, VoiceDue
from shared.core.media_clock import MediaClock
from shared.core.picture_playout import PicturePlayout
from shared.core.voice_playout import VoicePlayout
from shared.frames import MotionFrame, VoicePacket
from shared.limits import PICTURE_STEP_MS

__all__ = ["PictureDue", "PictureState", "Playout", "VoiceDue"]

STEPS_SEEN = 16


class Playout:
    """One remote person's media in playing order. Poll `picture_at` and `voice_at` when `next_due_us` says so."""

    def __init__(self) -> None:
        self._clock = MediaClock()
        self._voice = VoicePlayout(self._clock)
        self._pictures = PicturePlayout(self._clock)
        self._newest_motion_ms: int | None = None
        self._steps: list[int] = []
        self._still: tuple[int, int] | None = None

    def push_motion(self, frame: MotionFrame, now_us: int) -> None:
        """A decoded pose has arrived; its keyframe may come later."""
        self._arrived(frame.media_ms - self._lead_ms(frame.media_ms), now_us, voice=False)
        self._pictures.push(frame)

    def push_voice(self, packet: VoicePacket, now_us: int) -> None:
        """A voice packet has arrived."""
        self._arrived(packet.media_ms, now_us, voice=True)
        self._voice.push(packet, now_us)
        self._pictures.begin(packet.media_ms)

    def push_video(self, media_ms: int, now_us: int) -> None:
        """A video picture of this time has arrived: pictures are due from it, and the delay waits for its like."""
        self._arrived(media_ms, now_us, voice=False)
        self._pictures.join_grid(media_ms)

    def push_still(self, media_ms: int, now_us: int) -> None:
        """A keyframe of this time has arrived: on the voice rung, where nobody speaks, it is all there is to show."""
        self._still = (media_ms, now_us)
        self._rest()

    def add_keyframe(self, keyframe_id: int) -> None:
        """The keyframe can be shown now (its picture is decoded)."""
        self._pictures.add_keyframe(keyframe_id)

    def expect_motion(self, expected: bool) -> None:
        """Whether the sender sends motion: on the voice rung none comes by design, and none is missed."""
        self._pictures.motion_expected = expected
        self._rest()

    def picture_at(self, now_us: int) -> PictureDue | None:
        """The newest picture due by now, None: none since the last call. Media times are multiples of 40 ms apart."""
        self._clock.adapt(now_us, self._voice.plays)
        return self._pictures.at(now_us)

    def voice_at(self, now_us: int) -> VoiceDue | None:
        """The next piece of voice due by now; call until None. Pieces follow each other without gaps in local time."""
        self._clock.adapt(now_us, self._voice.plays)
        return self._voice.at(now_us)

    def next_due_us(self) -> int | None:
        """When `picture_at` or `voice_at` has something, None before any media arrived."""
        waits = (self._voice.next_due_us(), self._pictures.next_due_us())
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def late(self) -> int:
        """Poses and voice packets that came too late to be shown or played."""
        return self._voice.late + self._pictures.late

    @property
    def skipped_pictures(self) -> int:
        """Pictures that were never asked for in time, or left out because the delay shrank."""
        return self._pictures.skipped

    def _rest(self) -> None:
        """Start the clock with a still if nothing else will: a keyframe takes longer than voice and would set a long delay."""
        if self._still is None or self._pictures.motion_expected or self._clock.offset_us is not None:
            return
        media_ms, now_us = self._still
        self._arrived(media_ms, now_us, voice=False)
        self._pictures.begin(media_ms)

    def _arrived(self, media_ms: int, now_us: int, voice: bool) -> None:
        resyncs = self._clock.resyncs
        self._clock.arrived(media_ms, now_us, voice)
        if self._clock.resyncs != resyncs:
            self._voice.stop()

    def _lead_ms(self, media_ms: int) -> int:
        """How much before its own time a pose is needed: at 12.5 fps the picture 40 ms before it rests on it too."""
        if self._newest_motion_ms is not None and media_ms > self._newest_motion_ms:
            self._steps = [*self._steps[1 - STEPS_SEEN :], media_ms - self._newest_motion_ms]
        self._newest_motion_ms = max(media_ms, self._newest_motion_ms or 0)
        return max(0, min(self._steps, default=PICTURE_STEP_MS) - PICTURE_STEP_MS)
