"""The playing half of a call: media in, pictures and voice out of the sinks when they are due.

    Playout --picture due--> RenderCall --> disclosure mark --> sinks
       +-----voice due-----> VoicePlayer --------------------> sinks

Must not import transports. Invariant: nothing heavy runs on the event loop; voice leaves with the picture it belongs to,
VOICE_LAG_MAX_MS late at most; whatever arrives, a picture is shown every 40 ms of media time.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from receiver.disclosure import waiting_picture
from receiver.render_call import CallCallbacks, ReferenceDone, RenderCall, Rendered, VideoBroken
from receiver.render_worker import RenderWorker
from receiver.sinks.open import SinkSet
from receiver.stats import CallStats, VoiceStat
from receiver.voice_features import VoiceFeatures
from receiver.voice_playout import VoicePlayer
from shared.core.due import PictureState, VoiceDue
from shared.core.playout import Playout
from shared.core.token_bucket import TokenBucket
from shared.frames import Keyframe, MotionFrame, VideoKind, VideoUnit, VoicePacket
from shared.limits import (
    KEYFRAME_RATE_BURST,
    KEYFRAME_RATE_PER_S,
    PICTURE_SIZE_PX,
    PLAYOUT_DRAIN_MS,
    VOICE_LAG_MAX_MS,
)

IDLE_TICK_S: Final = 0.02
"""How often playout is asked while it does not say when something is due."""
_SHORTEST_WAIT_S: Final = 0.001
_LAG_SMOOTHING: Final = 8
"""The voice waits for the picture's own making; this many pictures make up the mean of how long that takes."""


def smoothed_lag_us(lag_us: int, late_us: int) -> int:
    """How long the voice waits, after another picture left late_us after it was due; at most VOICE_LAG_MAX_MS."""
    bounded_us = min(max(late_us, 0), VOICE_LAG_MAX_MS * 1000)
    return lag_us + (bounded_us - lag_us) // _LAG_SMOOTHING


class Player:
    """One connection's media. Make it inside the event loop; `play` runs until it is cancelled."""

    def __init__(
        self,
        worker: RenderWorker,
        sinks: SinkSet,
        stats: CallStats,
        now_us: Callable[[], int],
        ears: VoiceFeatures | None,
        on_reference: Callable[[ReferenceDone], None],
        on_failure: Callable[[Exception], None],
        on_video_broken: Callable[[VideoBroken], None],
    ) -> None:
        """The callbacks come in the event loop: see `CallCallbacks`. on_reference: after the player took note of it."""
        self.state = PictureState.WAITING
        self.media_ms = 0
        self._sinks, self._stats, self._now_us = sinks, stats, now_us
        self._on_reference = on_reference
        self._playout = Playout()
        self._voice = VoicePlayer()
        self._spoken: deque[VoiceDue] = deque()
        self._lag_us = 0
        self._newest_ms = 0
        self._keyframe_rate = TokenBucket(KEYFRAME_RATE_PER_S, KEYFRAME_RATE_BURST)
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        callbacks = CallCallbacks(
            self._in_loop(self._shown),
            self._in_loop(self._referenced),
            self._in_loop(on_failure),
            self._in_loop(on_video_broken),
        )
        self._call: RenderCall = worker.open_call(callbacks, ears, sinks.last_picture)
        if sinks.last_picture is None:
            sinks.write_picture(waiting_picture(PICTURE_SIZE_PX), None, PictureState.WAITING)

    # --- what arrived -------------------------------------------------------------------------------------------------

    def push_motion(self, frame: MotionFrame, now_us: int) -> None:
        """A pose."""
        self._newest_ms = max(self._newest_ms, frame.media_ms)
        self._playout.push_motion(frame, now_us)

    def push_voice(self, packet: VoicePacket, now_us: int) -> None:
        """An Opus packet."""
        self._newest_ms = max(self._newest_ms, packet.media_ms)
        self._playout.push_voice(packet, now_us)
        self._call.hear(packet)

    def push_video(self, unit: VideoUnit, now_us: int) -> None:
        """A coded thumbnail or video picture."""
        if unit.kind is VideoKind.VIDEO:
            self._newest_ms = max(self._newest_ms, unit.media_ms)
            self._playout.push_video(unit.media_ms, now_us)
        self._call.add_video(unit)

    def push_keyframe(self, keyframe: Keyframe, now_us: int) -> bool:
        """A reference; False when the peer sends them faster than this end is ready to prepare them."""
        if not self._keyframe_rate.take(now_us):
            return False
        self._playout.push_still(keyframe.media_ms, now_us)
        self._call.add_reference(keyframe)
        return True

    def expect_motion(self, expected: bool) -> None:
        """Whether the peer's rung has motion."""
        self._playout.expect_motion(expected)

    def wake(self) -> None:
        """Something was pushed: look what is due."""
        self._wake.set()

    # --- what is due --------------------------------------------------------------------------------------------------

    async def play(self) -> None:
        """Pictures and voice as they fall due, on the one clock of the playout."""
        while True:
            self._wake.clear()
            now_us = self._now_us()
            while (voice := self._playout.voice_at(now_us)) is not None:
                self._spoken.append(voice)
            while self._spoken and self._spoken[0].due_us + self._lag_us <= now_us:
                self._play_voice(self._spoken.popleft())
            picture = self._playout.picture_at(now_us)
            if picture is not None:
                self._stats.note_clock(picture.media_ms, picture.due_us)
                self._call.show(picture)
            await wait_for(self._wake, self._wait_s(now_us))

    async def drain(self) -> None:
        """Show what is still waiting for its time; `play` goes on meanwhile."""
        end_us = self._now_us() + PLAYOUT_DRAIN_MS * 1000
        while self.media_ms < self._newest_ms and self._now_us() < end_us and not self._sinks.empty:
            await asyncio.sleep(IDLE_TICK_S)

    async def close(self) -> None:
        """End rendering and free the codecs; the counters go into the statistics."""
        await asyncio.to_thread(self._call.close)
        self._voice.close()
        counts = self._stats.counts
        counts["dropped"] += self._call.dropped
        counts["late"] += self._playout.late
        counts["skipped"] += self._playout.skipped_pictures
        counts["voice_broken"] += self._voice.broken_packets

    def _wait_s(self, now_us: int) -> float:
        due_us = self._playout.next_due_us()
        if self._spoken:
            due_us = min(due_us or now_us, self._spoken[0].due_us + self._lag_us)
        wait_s = IDLE_TICK_S if due_us is None else (due_us - self._now_us()) / 1_000_000
        return min(max(wait_s, _SHORTEST_WAIT_S), IDLE_TICK_S)

    def _play_voice(self, due: VoiceDue) -> None:
        played = self._voice.play(due)
        self._sinks.write_voice(played.pcm, played.media_ms, played.stretch)
        self._stats.counts["voice_stretched"] += played.stretch
        if not played.stretch:
            row = VoiceStat(
                played.media_ms, due.duration_ms, due.due_us, self._now_us(), played.concealed, played.silent
            )
            self._stats.add_voice(row)

    def _shown(self, done: Rendered) -> None:
        due = done.due
        self.state, self.media_ms = due.state, due.media_ms
        self._sinks.write_picture(done.picture, due.media_ms, due.state, done.reconstructed)
        shown_us = self._now_us()
        self._stats.add_picture(due, shown_us, done.compute_ms)
        self._lag_us = smoothed_lag_us(self._lag_us, shown_us - due.due_us)

    def _referenced(self, done: ReferenceDone) -> None:
        if done.error is None:
            self._playout.add_keyframe(done.keyframe_id)
            self._stats.add_reference(self._now_us(), done.compute_ms)
        self._on_reference(done)

    def _in_loop(self, deliver: Callable[[Any], None]) -> Callable[[Any], None]:
        def from_thread(done: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to show it to
                self._loop.call_soon_threadsafe(deliver, done)

        return from_thread


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set or the time is over."""
    # Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that meets the event.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
