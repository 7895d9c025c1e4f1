"""The receiver of a call in virtual time: what arrived and when, what its playout makes of it, what is then seen and heard.

    Arrived --Playout--> pictures due --RenderCall--> pictures, held where motion is missing   --+--> Rebuilt
                    +--> voice due ----VoicePlayer--> sound, made up where packets are missing --+

Must not import aiortc or torch. Invariant: playout, concealment and rendering are those of the receiver that is shipped, and
nothing is shown or played that did not arrive before it was due. Computing takes no time here.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.rates.driver import Item, Received
from experiments.rates.wire import Wire
from models.evaluation.offline_call import FRAME_MS
from models.evaluation.offline_receiver import DirectLanes
from models.runtime.base import Backend
from receiver.render_call import VideoBroken
from receiver.voice_features import VoiceFeatures
from receiver.voice_playout import VoicePlayer
from shared.core.playout import PictureDue, PictureState, Playout, VoiceDue
from shared.errors import RemoteError, UserError
from shared.frames import Keyframe, MotionFrame, Rung, VideoUnit, VoicePacket
from shared.limits import PLAYOUT_MAX_DELAY_MS
from shared.opus import SAMPLES_PER_MS

LATE_MS: Final = 3000
"""After the clip what is still under way may arrive: a full queue of a slow link holds two seconds."""
GUESSED: Final = (PictureState.CONCEALED, PictureState.HELD)
"""Pictures for which motion was missing."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A call's media as it arrived, in order. concealed_share: of pictures after the first, those for which motion was missing.
    voice_concealed_share: of the voice's time from its first piece on, what was made up. lost_motion_share: of the clip's motion
    frames, those that never came (12.5 fps on a slow link leaves out half by itself). payload_kbps: handed out by the encoder."""

    rung: Rung
    seconds: float
    received: tuple[Received, ...]
    wire: Wire
    payload_kbps: dict[str, float]
    lost_motion_share: float
    concealed_share: float
    voice_concealed_share: float

    @property
    def keyframes(self) -> list[tuple[int, Keyframe]]:
        """(us, keyframe), as they became complete."""
        return [(one.at_us, one.item) for one in self.received if isinstance(one.item, Keyframe)]

    @property
    def motion(self) -> list[tuple[int, MotionFrame]]:
        """(us, frame)."""
        return [(one.at_us, one.item) for one in self.received if isinstance(one.item, MotionFrame)]

    @property
    def voice(self) -> list[tuple[int, VoicePacket]]:
        """(us, packet)."""
        return [(one.at_us, one.item) for one in self.received if isinstance(one.item, VoicePacket)]

    @property
    def thumbnails(self) -> list[tuple[int, VideoUnit]]:
        """(us, unit)."""
        return [(one.at_us, one.item) for one in self.received if isinstance(one.item, VideoUnit)]


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """What was seen and heard. pictures: one for each frame of the clip; those before `first` repeat the first that was shown,
    and do not belong into any measure. voice: int16 mono 48 kHz on the media clock, as long as the pictures. delays_ms: from a
    picture's time to when it was due, without any computing."""

    pictures: list[Picture]
    first: int
    voice: NDArray[np.int16]
    states: tuple[PictureState, ...]
    delays_ms: NDArray[np.float64]

    @property
    def freezes(self) -> int:
        """Times that the head stood still because motion was missing for longer than is made up; before the first motion it
        does not count."""
        held = [state is PictureState.HELD for state in self.states]
        return sum(now and not before for before, now in pairwise(held))


def rebuild_arrived(
    arrived: Arrived, backend: Backend, count: int, ears: Callable[[], VoiceFeatures] | None = VoiceFeatures
) -> Rebuilt:
    """What the receiver makes of it, for a clip of `count` frames. ears: None leaves the mouth to the motion.

    UserError when no picture came in time; what a network or codec raises is raised.
    """
    lanes, voice = _Lanes(backend, None if ears is None else ears()), VoicePlayer()
    shown: dict[int, tuple[Picture, PictureDue]] = {}
    pcm = np.zeros(count * FRAME_MS * SAMPLES_PER_MS, np.int16)
    for now_us, what in play(arrived.received, arrived.rung, arrived.seconds):
        lanes.now_ms = now_us // 1000
        match what:
            case Received():
                lanes.take(what.item)
            case VoiceDue():
                _write(voice, what, pcm)
            case PictureDue() if what.state is not PictureState.WAITING and what.media_ms < count * FRAME_MS:
                lanes.call.show(what)
                lanes.check()
                shown[what.media_ms // FRAME_MS] = lanes.pictures.pop(), what
            case _:
                pass
        lanes.check()
    lanes.call.close()
    voice.close()
    return _rebuilt(shown, pcm, count)


def play(
    received: Sequence[Received], rung: Rung, seconds: float
) -> Iterator[tuple[int, Received | VoiceDue | PictureDue]]:
    """(us, what happened) at the receiver in order of time: what arrives, and what its playout then says is due."""
    playout, waiting = Playout(), deque(received)
    playout.expect_motion(rung is not Rung.VOICE)
    now_us, end_us = 0, round(seconds * 1_000_000) + (PLAYOUT_MAX_DELAY_MS + LATE_MS) * 1000
    while True:
        moments = (waiting[0].at_us if waiting else None, playout.next_due_us())
        now_us = max(now_us + 1, min((us for us in moments if us is not None), default=end_us))
        if now_us >= end_us:
            return
        while waiting and waiting[0].at_us <= now_us:
            _push(playout, waiting[0])
            yield now_us, waiting.popleft()
        while (voice := playout.voice_at(now_us)) is not None:
            yield now_us, voice
        if (picture := playout.picture_at(now_us)) is not None:
            yield now_us, picture


def _push(playout: Playout, one: Received) -> None:
    match one.item:
        case Keyframe(keyframe_id=keyframe_id, media_ms=media_ms):
            playout.push_still(media_ms, one.at_us)
            playout.add_keyframe(keyframe_id)
        case MotionFrame():
            playout.push_motion(one.item, one.at_us)
        case VoicePacket():
            playout.push_voice(one.item, one.at_us)
        case VideoUnit():
            pass  # thumbnails have no time of their own: a picture takes the nearest


def concealed(
    received: Sequence[Received], rung: Rung, seconds: float, spoken_ms: int
) -> tuple[float, float]:
    """Shares of pictures and of the voice's time that were made up within the clip. spoken_ms: where the sent voice ends."""
    end_ms, pictures, guessed, heard_ms, made_up_ms = seconds * 1000, 0, 0, 0, 0
    for _, what in play(received, rung, seconds):
        match what:
            case PictureDue() if what.media_ms < end_ms and what.state is not PictureState.WAITING:
                pictures, guessed = pictures + 1, guessed + (what.state in GUESSED)
            case VoiceDue() if what.media_ms < spoken_ms and not what.stretch:
                heard_ms += what.duration_ms
                made_up_ms += what.duration_ms * (what.packet is None)
            case _:
                pass
    return guessed / max(1, pictures), made_up_ms / max(1, heard_ms)


def _write(player: VoicePlayer, due: VoiceDue, pcm: NDArray[np.int16]) -> None:
    """Play a piece into its place; what fills a growing delay has none."""
    played = player.play(due)
    start = played.media_ms * SAMPLES_PER_MS
    if not played.stretch and start < len(pcm):
        pcm[start : start + len(played.pcm)] = played.pcm[: len(pcm) - start]


def _rebuilt(shown: dict[int, tuple[Picture, PictureDue]], pcm: NDArray[np.int16], count: int) -> Rebuilt:
    if not shown:
        raise UserError(
            "Nothing was shown: no keyframe came through this link. Give a longer clip or a better link."
        )
    first = min(shown)
    pictures, last = [], shown[first][0]
    for index in range(count):
        last = shown[index][0] if index in shown else last
        pictures.append(last)
    dues = [due for _, due in sorted(shown.values(), key=lambda pair: pair[1].media_ms)]
    delays_ms = np.array([due.due_us / 1000 - due.media_ms for due in dues])
    return Rebuilt(pictures, first, pcm, tuple(due.state for due in dues), delays_ms)


class _Lanes(DirectLanes):
    """A receiver's lanes without threads, in a call that may lose thumbnails: that is no failure."""

    def take(self, item: Item) -> None:
        match item:
            case Keyframe():
                self.call.add_reference(item)
            case VoicePacket():
                self.call.hear(item)
            case VideoUnit():
                self.call.add_video(item)
            case MotionFrame():
                pass  # the playout's

    def _broken(self, broken: VideoBroken) -> None:
        if not isinstance(broken.error, RemoteError):
            super()._broken(broken)
