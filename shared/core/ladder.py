"""Which rung a call is on and how it sends there: voice, motion, motion and thumbnail, video. Sans-IO, time handed in.

    estimate, loss, queue, feedback --+
    reconstruction error -------------+--> Ladder.decide --> Plan
    pins of both ends ----------------+

Must not import transports, clocks or encoders. Invariant: voice is in every plan; no plan is dearer than `max_kbps` unless it
is the cheapest of its rung; going down takes no time, going up takes UP_WAIT_MS and is undone at once when it was wrong.

Hysteresis, in numbers: up only when the estimate is UP_MARGIN above the cost, no over-use was seen and nothing changed for
UP_WAIT_MS; down as soon as the estimate is below the cost. A thumbnail for the sake of the picture comes when the
reconstruction error is above ERROR_HIGH and goes when it is below ERROR_LOW.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from shared.core.bundler import longest_packet_ms
from shared.core.rate_control import LinkState
from shared.frames import Rung
from shared.limits import BUNDLE_MAX_MS, OPUS_BITRATE_MIN_BPS, PACKET_WIRE_BYTES
from shared.wire import BUNDLE_HEADER_BYTES, MOTION_HEADER_BYTES, VOICE_HEADER_BYTES
from shared.wire_video import UNIT_HEADER_BYTES

MAX_DEFAULT_KBPS: Final = 20.0
"""What a call costs at most unless it is allowed more."""
UP_WAIT_MS: Final = 800
UP_MARGIN: Final = 1.05
OVER_QUEUE_MS: Final = 200
"""A queue this long is drained on the lowest rung that is allowed."""
UP_QUEUE_MS: Final = 150
"""Nothing is added on top of a queue this long. A thin link holds one bundle of the cheapest call for 110 ms by itself."""
FEEDBACK_TIMEOUT_MS: Final = 3000
"""A peer that acknowledges nothing for this long gets the cheapest motion, whatever was estimated (RFC 8083, section 4)."""
ERROR_HIGH: Final = 0.08
ERROR_LOW: Final = 0.05
"""Mean absolute difference of the rebuilt face and the real one, 0..1. To be fitted when a sender measures it."""
MOTION_KBPS: Final = {25.0: 1.5, 12.5: 0.9, 0.0: 0.0}
"""Coded motion by frame rate: the upper end of what calls take."""
EVERYTHING_ELSE_KBPS: Final = 0.6
"""Connectivity checks (42 B/s) and SACK chunks on top of our messages."""
PADDING_BYTES: Final = 1.5
"""SCTP rounds messages up to four bytes: the mean of it."""
THUMBNAIL_FPS: Final = 12.5
VIDEO_FPS: Final = 25.0
# Steps of the rungs, from cheap to dear.
THUMBNAIL_STEPS_KBPS: Final = (3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
VIDEO_STEPS_KBPS: Final = (24.0, 32.0, 42.0, 56.0, 75.0, 100.0)
"""Each wire rate is at most 1.3 times the one before, so that 1.5 times what arrived always reaches it."""
PICTURES_OVERSHOOT: Final = 1.15
"""What the encoder makes of a target rate, intra pictures included (measured 1.02 to 1.2)."""
MOTION_STEPS: Final = ((BUNDLE_MAX_MS, 12.5), (160, 25.0), (120, 25.0), (80, 25.0))


@dataclass(frozen=True, slots=True)
class Plan:
    """How to send from now on.

    bundle_ms: 40..200. motion_fps: 25, 12.5 or, on the voice rung, 0. thumbnail_kbps, video_kbps: targets, 0: none.
    redundancy: repeats; None follows the measured loss, False: none, since the loss is a queue's.
    """

    rung: Rung
    bundle_ms: int
    voice_kbps: float
    motion_fps: float
    thumbnail_kbps: float = 0.0
    video_kbps: float = 0.0
    redundancy: bool | None = None

    def wire_kbps(self, repeats: bool = False) -> float:
        """What it costs on the wire, every header counted, while the person speaks. repeats: with redundancy."""
        packet_ms = longest_packet_ms(self.bundle_ms)
        own_bytes = PACKET_WIRE_BYTES + BUNDLE_HEADER_BYTES + PADDING_BYTES
        own_bytes += VOICE_HEADER_BYTES * self.bundle_ms / packet_ms + MOTION_HEADER_BYTES * (
            self.motion_fps > 0
        )
        pictures_per_s = THUMBNAIL_FPS * (self.thumbnail_kbps > 0) + VIDEO_FPS * (self.video_kbps > 0)
        pictures_kbps = PICTURES_OVERSHOOT * (self.thumbnail_kbps + self.video_kbps)
        pictures_kbps += pictures_per_s * UNIT_HEADER_BYTES * 8 / 1000
        motion_kbps = MOTION_KBPS[self.motion_fps]
        repeated_kbps = repeats * (self.voice_kbps * packet_ms / self.bundle_ms + motion_kbps)
        media_kbps = self.voice_kbps + motion_kbps + repeated_kbps + pictures_kbps
        return own_bytes * 8 / self.bundle_ms + media_kbps + EVERYTHING_ELSE_KBPS


@dataclass(frozen=True, slots=True)
class LadderConfig:
    """max_kbps: on the wire, without repeats. rung: this end's pin. bundle_ms: fixed interval; None adapts it.

    voice_kbps: what Opus gets where there is room. pictures: whether this call can carry thumbnails and video at all.
    """

    max_kbps: float = MAX_DEFAULT_KBPS
    rung: Rung | None = None
    bundle_ms: int | None = None
    voice_kbps: float = OPUS_BITRATE_MIN_BPS / 1000
    pictures: bool = True


class Ladder:
    """Ask `decide` at each acknowledgement and now and then; it says what is best, and remembers what it said."""

    def __init__(self, config: LadderConfig) -> None:
        self._config = config
        self._steps = tuple(_steps(config))
        self._peer_pin: Rung | None = None
        self._needed: bool | None = None
        self._changed_us: int | None = None
        self._started_us: int | None = None
        self._place = self._first()

    @property
    def plan(self) -> Plan:
        """The plan that `decide` gave last; before that the one to begin with."""
        return self._steps[self._place]

    def pin(self, rung: Rung | None) -> None:
        """The peer's wish; None: free again. Of two pins the lower counts."""
        self._peer_pin = rung

    def allow_pictures(self, allowed: bool) -> None:
        """Whether the peer can show thumbnails and video."""
        self._config = replace(self._config, pictures=allowed)

    def decide(self, link: LinkState, error: float | None, now_us: int) -> Plan:
        """The plan for now. error: mean difference of the rebuilt face, 0..1; None: not measured."""
        self._started_us = now_us if self._started_us is None else self._started_us
        self._note_need(error)
        allowed = self._allowed()
        best = self._best(allowed, link, now_us)
        if link.congested or link.queue_ms > UP_QUEUE_MS:
            best = min(best, self._place) if self._place in allowed else best
            self._changed_us = now_us if link.congested else self._changed_us
        if best != self._place and (best < self._place or self._place not in allowed or self._rested(now_us)):
            self._place, self._changed_us = best, now_us
        return self._with_redundancy(link)

    def _with_redundancy(self, link: LinkState) -> Plan:
        """Repeats follow the loss, unless a queue loses what it cannot hold: then they would only make it longer."""
        crowded = link.congested or link.queue_ms > OVER_QUEUE_MS
        return replace(self.plan, redundancy=False if crowded else None)

    def _first(self) -> int:
        """What a call begins with: motion, as far as it is allowed."""
        allowed = self._allowed()
        motion = [place for place in allowed if self._steps[place].rung is Rung.MOTION]
        return motion[-1] if motion else allowed[0]

    def _allowed(self) -> list[int]:
        """Places of the steps that pins, cost and the peer allow, cheapest first; at least one."""
        pins = [rung for rung in (self._config.rung, self._peer_pin) if rung is not None]
        affordable = [
            place
            for place, step in enumerate(self._steps)
            if (self._config.pictures or step.rung <= Rung.MOTION) and self._affordable(step)
        ]
        if not pins:
            return affordable
        wanted = min(pins)
        rungs = {self._steps[place].rung for place in affordable}
        reached = max((rung for rung in rungs if rung <= wanted), default=min(rungs))
        return [place for place in affordable if self._steps[place].rung is reached]

    def _affordable(self, step: Plan) -> bool:
        pinned = self._config.rung is step.rung and step == self._cheapest(step.rung)
        return step == self._steps[0] or pinned or step.wire_kbps() <= self._config.max_kbps

    def _cheapest(self, rung: Rung) -> Plan:
        return next(step for step in self._steps if step.rung is rung)

    def _best(self, allowed: list[int], link: LinkState, now_us: int) -> int:
        """The dearest step that fits; the cheapest when none does."""
        if self._silent(link, now_us):
            return self._capped(allowed, Rung.MOTION)
        if link.queue_ms > OVER_QUEUE_MS:
            return allowed[0]
        repeats = link.limited and link.loss > 0
        fitting = [place for place in allowed if self._fits(place, link.estimate_kbps, repeats)]
        if self._needed is False and self._steps[allowed[0]].rung <= Rung.MOTION:
            fitting = [place for place in fitting if self._steps[place].rung <= Rung.MOTION]
        return max(fitting, default=allowed[0])

    def _fits(self, place: int, estimate_kbps: float, repeats: bool) -> bool:
        margin = UP_MARGIN if place > self._place else 1.0
        return self._steps[place].wire_kbps(repeats) * margin <= estimate_kbps

    def _capped(self, allowed: list[int], rung: Rung) -> int:
        """The cheapest step of this rung, or of one below that is allowed."""
        return next((place for place in allowed if self._steps[place].rung is rung), allowed[0])

    def _silent(self, link: LinkState, now_us: int) -> bool:
        since_us = link.feedback_us if link.feedback_us is not None else self._started_us
        return since_us is not None and now_us - since_us >= FEEDBACK_TIMEOUT_MS * 1000

    def _rested(self, now_us: int) -> bool:
        return self._changed_us is None or now_us - self._changed_us >= UP_WAIT_MS * 1000

    def _note_need(self, error: float | None) -> None:
        """None: the allowed rate alone decides."""
        if error is None:
            self._needed = None
        elif error > ERROR_HIGH:
            self._needed = True
        elif error < ERROR_LOW:
            self._needed = False


def _steps(config: LadderConfig) -> Iterator[Plan]:
    """Every way to send, from cheap to dear; with a fixed interval only those that differ in something else."""
    low_kbps = OPUS_BITRATE_MIN_BPS / 1000
    fixed_ms = config.bundle_ms
    yield Plan(Rung.VOICE, fixed_ms or BUNDLE_MAX_MS, low_kbps, 0.0)
    steps = MOTION_STEPS if fixed_ms is None else ((fixed_ms, 12.5), (fixed_ms, 25.0))
    for place, (bundle_ms, fps) in enumerate(steps):
        yield Plan(Rung.MOTION, bundle_ms, config.voice_kbps if place else low_kbps, fps)
    best_ms = steps[-1][0]
    for kbps in THUMBNAIL_STEPS_KBPS:
        yield Plan(Rung.THUMBNAIL, best_ms, config.voice_kbps, 25.0, thumbnail_kbps=kbps)
    for kbps in VIDEO_STEPS_KBPS:
        yield Plan(Rung.VIDEO, best_ms, config.voice_kbps, 25.0, video_kbps=kbps)
