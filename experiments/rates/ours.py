"""Our arm on one clip: what facewire would send at a wire rate, and what is then seen and heard.

    frames, voice --OfflineSender, once--> Coded --Step--> Coded --wire--> the richest step that the rate carries --> Met
                                                                     Met --shipped receiver--> Shown

Must not import torch or aiortc. Invariant: a step is what a sender can be told (`--rung`, `--bundle-ms`, `--keyframe-bytes`); its
rate is that of the shipped state machines (`wire`, or `virtual_call` over a link); the voice is the same on every step.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.network.links import Link
from experiments.rates.driver import LiveThumbnails
from experiments.rates.search import RATE_CLOSE, RATE_TOLERANCE, off
from experiments.rates.virtual_call import our_wire, through_link
from experiments.rates.virtual_receiver import Arrived, rebuild_arrived
from experiments.rates.wire import Wire
from models.evaluation.offline_call import (
    FRAME_MS,
    Coded,
    OfflineSender,
    Plan,
    Rung,
    code_thumbnails,
    through_bundles,
)
from models.evaluation.offline_receiver import rebuild
from models.runtime.base import Backend
from sender.keyframe_image import Effort, encode_keyframe_image
from sender.pipeline import FIRST_IMAGE_MAX_BYTES
from sender.video_encoder import KBPS_MAX, KBPS_MIN
from shared.core.playout import PictureState
from shared.frames import Keyframe
from shared.keyframe_blob import pack_keyframe
from shared.limits import GALLERY_SIZE, KEYFRAME_SENDER_MAX_BYTES

KEYFRAME_BYTES: Final = 2000
"""About what a sender takes by itself (2048)."""
FIRST_KEYFRAME_ID: Final = 255
"""No other keyframe of a clip has it."""
KEYFRAME_SEARCHES: Final = 2
KEYFRAME_GRAIN: Final = 64
"""Bytes."""
KEYFRAME_SHARE: Final = 0.9
"""Of the bytes that are left; the rest goes into headers of parts and their acknowledgements."""
THUMBNAIL_SEARCHES: Final = 4
THUMBNAIL_SHARE: Final = 1.1
"""What a thumbnail's kbit/s take on the wire, to begin the search with."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Step:
    """One way to send. keyframe_bytes: most of a keyframe's picture. by_value: more keyframes, where what is rebuilt went wrong.
    thumbnail_kbps: beside the motion; 0: none."""

    rung: Rung
    bundle_ms: int
    keyframe_bytes: int = KEYFRAME_BYTES
    by_value: bool = False
    thumbnail_kbps: float = 0.0


STEPS: Final = (
    Step("voice", 200, 700),
    Step("voice", 160, 700),
    Step("motion", 200, 700),
    Step("motion", 200),
    Step("motion", 160),
    Step("motion", 120),
    Step("motion", 80),
    Step("motion", 80, by_value=True),
)
"""From cheap to dear: a face that moves, then a better keyframe, then less delay, then more keyframes. Thumbnails come on top;
where there is no room for any, a larger keyframe takes what is left."""


@dataclass(frozen=True, slots=True, eq=False)
class OurMet:
    """coded: what is shown. sent: what is sent, the small first keyframe too. payload_kbps: by part, with the first
    keyframe; over a link as the encoder counted it, with repeats. reached: whether the rate is within RATE_TOLERANCE of what
    was asked. arrived: what came over a link, if there is one."""

    step: Step
    coded: Coded
    sent: Coded
    wire: Wire
    payload_kbps: dict[str, float]
    reached: bool
    arrived: Arrived | None = None

    def how(self) -> dict[str, Any]:
        """The step, as results.json has it."""
        return asdict(self.step) | {"keyframes": len(self.coded.keyframes)}


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What was seen and heard. pictures: one for each frame; those before `first` belong into no measure.

    voice: int16 mono 48 kHz as it was played, None: as it was coded. freezes: None where nothing can be lost.
    """

    pictures: Sequence[Picture]
    first: int = 0
    voice: NDArray[np.int16] | None = None
    freezes: int | None = None


class OurArm:
    """One clip; it is tracked and coded once for all rates (twice where rates leave room for keyframes by value)."""

    def __init__(
        self,
        sender: OfflineSender,
        frames: Sequence[Picture],
        pcm: NDArray[np.int16],
        link: Link | None = None,
        seed: int = 0,
    ) -> None:
        """seed: of the link's chances."""
        self._sender, self._frames, self._pcm, self._link, self._seed = sender, frames, pcm, link, seed
        self._coded: dict[bool, Coded] = {}
        self._images: dict[tuple[int, int, Effort], bytes] = {}
        self._met: dict[Step, OurMet] = {}

    def meet(self, target_kbps: float) -> OurMet:
        """The richest step whose wire rate is within RATE_TOLERANCE of the target or below it; the cheapest, marked, if none is.

        Raises UserError for a clip that cannot be coded.
        """
        limit_kbps, best = target_kbps * (1 + RATE_TOLERANCE), self._at(STEPS[0])
        for step in STEPS[1:]:
            met = self._at(step)
            if met.wire.kbps > limit_kbps or (step.by_value and len(met.coded.keyframes) == 1):
                break
            best = met
        if best.step.rung == "motion" and best.step.bundle_ms == STEPS[-1].bundle_ms:
            best = self._with_thumbnails(best, target_kbps)
        if best.step.rung != "thumbnail" and not best.step.by_value:
            best = self._with_larger_keyframe(best, target_kbps)
        return replace(best, reached=off(best.wire.kbps, target_kbps) <= RATE_TOLERANCE)

    def show(self, met: OurMet, backend: Backend) -> Shown:
        """Render what `meet` found. UserError when no picture came over the link."""
        if met.arrived is None:
            return Shown(rebuild(met.coded, backend, len(self._frames)))
        rebuilt = rebuild_arrived(met.arrived, backend, len(self._frames))
        held = [state is PictureState.HELD for state in rebuilt.states]
        freezes = sum(now and not before for before, now in zip([False, *held], held, strict=False))
        return Shown(rebuilt.pictures, min(rebuilt.first, len(self._frames) - 1), rebuilt.voice, freezes)

    def _with_thumbnails(self, plain: OurMet, target_kbps: float) -> OurMet:
        """The thumbnails' rate that brings the call nearest to the target, if there is room for any."""
        room_kbps = target_kbps - plain.wire.kbps
        kbps, best = room_kbps / THUMBNAIL_SHARE, plain
        before = (0.0, plain.wire.kbps)
        for _ in range(THUMBNAIL_SEARCHES):
            if kbps < KBPS_MIN:
                break
            kbps = round(min(kbps, KBPS_MAX), 1)
            met = self._at(replace(plain.step, rung="thumbnail", thumbnail_kbps=kbps))
            if met.wire.kbps <= target_kbps * (1 + RATE_TOLERANCE) and (
                best is plain or off(met.wire.kbps, target_kbps) < off(best.wire.kbps, target_kbps)
            ):
                best = met
            if off(met.wire.kbps, target_kbps) <= RATE_CLOSE or kbps == before[0]:
                break
            slope = max(0.3, (met.wire.kbps - before[1]) / (kbps - before[0]))
            before, kbps = (kbps, met.wire.kbps), kbps + (target_kbps - met.wire.kbps) / slope
        return best

    def _with_larger_keyframe(self, plain: OurMet, target_kbps: float) -> OurMet:
        """Give what the rate leaves to the keyframe's picture; nothing is taken away where the rate is exceeded."""
        best = plain
        for _ in range(KEYFRAME_SEARCHES):
            room_kbps = target_kbps - best.wire.kbps
            more_bytes = (
                int(room_kbps * 125 * plain.coded.seconds * KEYFRAME_SHARE) // KEYFRAME_GRAIN * KEYFRAME_GRAIN
            )
            most_bytes = FIRST_IMAGE_MAX_BYTES if plain.step.rung == "voice" else KEYFRAME_SENDER_MAX_BYTES
            size_bytes = min(most_bytes, best.step.keyframe_bytes + more_bytes)
            if size_bytes - best.step.keyframe_bytes < KEYFRAME_GRAIN:
                break
            met = self._at(replace(best.step, keyframe_bytes=size_bytes))
            if met.wire.kbps > target_kbps * (1 + RATE_TOLERANCE):
                break
            best = met
        return best

    def _at(self, step: Step) -> OurMet:
        if step not in self._met:
            coded = self._code(step)
            sent = self._with_first_keyframe(coded, step)
            if self._link is None:
                self._met[step] = OurMet(
                    step, coded, sent, our_wire(sent, step.bundle_ms), sent.payload_kbps(), False
                )
            else:
                arrived = self._through(step, sent, self._link)
                self._met[step] = OurMet(
                    step, coded, sent, arrived.wire, arrived.payload_kbps, False, arrived
                )
        return self._met[step]

    def _with_first_keyframe(self, coded: Coded, step: Step) -> Coded:
        """A call sends a small keyframe at once and the full one right behind it; on the voice rung the small one is enough.

        It takes its bytes here and is not shown: that it is replaced so soon hides how it looks.
        """
        if step.rung == "voice":
            return coded
        full, *others = coded.keyframes
        size_bytes = min(step.keyframe_bytes, FIRST_IMAGE_MAX_BYTES)
        first = replace(self._smaller(full, size_bytes, Effort.QUICK), keyframe_id=FIRST_KEYFRAME_ID)
        more_bytes = len(pack_keyframe(first))
        return replace(
            coded, keyframes=(full, first, *others), keyframe_bytes=coded.keyframe_bytes + more_bytes
        )

    def _through(self, step: Step, coded: Coded, link: Link) -> Arrived:
        """Thumbnails are coded while the call goes on: one that is lost asks for one that stands alone."""
        live = LiveThumbnails(self._frames, step.thumbnail_kbps) if step.rung == "thumbnail" else None
        try:
            return through_link(coded, link, step.bundle_ms, self._seed, live)
        finally:
            if live is not None:
                live.close()

    def _code(self, step: Step) -> Coded:
        """What the step sends, made of motion that was coded once: it depends on no keyframe's bytes."""
        coded = self._base(step.by_value)
        if step.keyframe_bytes != KEYFRAME_BYTES:
            keyframes = tuple(self._smaller(keyframe, step.keyframe_bytes) for keyframe in coded.keyframes)
            size = sum(len(pack_keyframe(keyframe)) for keyframe in keyframes)
            coded = replace(coded, keyframes=keyframes, keyframe_bytes=size)
        if step.rung == "voice":
            motion, size = through_bundles(coded.motion[:1])
            return replace(coded, rung="voice", motion=motion, motion_bytes=size)
        if step.rung == "thumbnail":
            first = coded.keyframes[0].media_ms // FRAME_MS
            units = code_thumbnails(self._frames, first, step.thumbnail_kbps)
            return replace(coded, rung="thumbnail", thumbnails=units)
        return coded

    def _base(self, by_value: bool) -> Coded:
        if by_value not in self._coded:
            plan = Plan("motion", KEYFRAME_BYTES, GALLERY_SIZE if by_value else 1, by_value=by_value)
            self._coded[by_value] = self._sender.code(self._frames, self._pcm, plan)
        return self._coded[by_value]

    def _smaller(self, keyframe: Keyframe, max_bytes: int, effort: Effort = Effort.THOROUGH) -> Keyframe:
        key = keyframe.media_ms, max_bytes, effort
        if key not in self._images:
            frame = self._frames[keyframe.media_ms // FRAME_MS]
            self._images[key] = encode_keyframe_image(frame, max_bytes, effort)
        return replace(keyframe, image=self._images[key])
