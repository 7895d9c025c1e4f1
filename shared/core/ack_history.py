"""What the sender knows of the receiver: which bundles arrived, hence which frames may be predicted from.

Must not import coders. Invariant: a frame counts as acknowledged only when a report names a bundle that carried it and that was
really sent; a lying report changes nothing before it is refused. Only while no loss is seen may a frame that is still on its
way be a base: what then gets lost costs the bundles until the receiver says so, never a wrong picture.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from shared.errors import MalformedMessage
from shared.frames import MotionFrame
from shared.limits import (
    ACK_HISTORY_BITS,
    ARRIVAL_TICK_US,
    BASE_MAX_DISTANCE_MS,
    BASE_UNIT_MS,
    CAREFUL_BUNDLES,
    KNOWN_FRAMES,
    SENT_BUNDLES,
    TRUST_AFTER_BUNDLES,
    TRUSTED_BUNDLES,
)
from shared.media_time import SEQ_WRAP, unwrap, unwrap_seq
from shared.wire import BundleReport
from shared.wire_ack import TICK_WRAP


@dataclass(frozen=True, slots=True)
class SentBundle:
    """A bundle on its way. sent_us: local time. frames: the motion it carried.

    size_bytes: what was sent since the bundle before it, this one included, on the wire.
    """

    sent_us: int
    frames: tuple[MotionFrame, ...]
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A bundle that the receiver reports. arrived_us: on a clock of the receiver's own, in steps of ARRIVAL_TICK_US."""

    number: int
    sent_us: int
    arrived_us: int
    size_bytes: int


class AckHistory:
    """Sent bundles, acknowledged frames, round trip and loss. Numbers of bundles run on; 16 bits of them travel."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, SentBundle] = OrderedDict()
        self._known: OrderedDict[int, MotionFrame] = OrderedDict()
        self._next = 0
        self._newest_acked = -1
        self._arrived_ticks: int | None = None
        self._careful_until = 0
        self._newest_arrival = -1
        self._arrivals: list[Arrival] = []
        self.rtt_ms: float | None = None
        self.loss = 0.0

    @property
    def next_seq(self) -> int:
        """Sequence number of the next bundle, 0..65535."""
        return self._next % SEQ_WRAP

    def record(self, now_us: int, frames: tuple[MotionFrame, ...], size_bytes: int = 0) -> None:
        """The bundle `next_seq` with `frames` is being sent. size_bytes: see `SentBundle`."""
        self._sent[self._next] = SentBundle(now_us, frames, size_bytes)
        self._next += 1
        if len(self._sent) > SENT_BUNDLES:
            self._sent.popitem(last=False)

    def check(self, report: BundleReport) -> int:
        """The running number of the report's newest bundle. Raises MalformedMessage for one that was never sent."""
        number = unwrap_seq(report.highest_seq, self._next - 1)
        if not 0 <= number < self._next:
            raise MalformedMessage(f"acknowledges bundle {report.highest_seq}, which was never sent")
        return number

    def acknowledge(self, report: BundleReport, now_us: int) -> bool:
        """Take a report in; False when a newer one came before (its frames still count). Raises MalformedMessage."""
        newest = self.check(report)
        for number in range(max(0, newest - ACK_HISTORY_BITS), newest + 1):
            if number in self._sent and (number == newest or report.history >> (newest - 1 - number) & 1):
                self._learn(self._sent[number].frames)
        if newest < self._newest_acked:
            return False
        if newest > self._newest_acked and newest in self._sent:
            self._update_rtt((now_us - self._sent[newest].sent_us) / 1000 - report.age_ms)
        self._newest_acked = newest
        self._note_arrivals(newest, report)
        window = min(newest, ACK_HISTORY_BITS)
        arrived = (report.history & ((1 << window) - 1)).bit_count()
        self.loss = 1 - arrived / window if window else 0.0
        if self.loss > 0:
            self._careful_until = self._next + CAREFUL_BUNDLES
        return True

    def take_arrivals(self) -> list[Arrival]:
        """Arrivals that were reported since the last call, oldest first, each bundle once; at most SENT_BUNDLES."""
        arrivals, self._arrivals = self._arrivals, []
        return arrivals

    @property
    def in_flight_bytes(self) -> int:
        """Wire bytes of the bundles sent after the newest that is known to have arrived."""
        return sum(bundle.size_bytes for number, bundle in self._sent.items() if number > self._newest_acked)

    def forget_bases(self) -> None:
        """The receiver lost its history: nothing may be predicted from until it acknowledges again."""
        self._known.clear()
        self._careful_until = self._next + CAREFUL_BUNDLES

    def base_for(self, frame: MotionFrame) -> MotionFrame | None:
        """The newest frame that the receiver has, or by all signs will have, and from which `frame` may be predicted."""
        known: Iterable[MotionFrame] = reversed(self._known.values())
        if self._trusting:
            sent = (late for bundle in reversed(self._sent.values()) for late in reversed(bundle.frames))
            known = chain(sent, known)
        return next((base for base in known if can_be_base(base, frame)), None)

    @property
    def careful(self) -> bool:
        """Whether a loss was reported within the last CAREFUL_BUNDLES, or the receiver lost its history."""
        return self._next < self._careful_until

    @property
    def _trusting(self) -> bool:
        """Whether bundles on their way may be counted on: enough arrived, none was lost lately, and reports still come."""
        on_the_way = self._next - 1 - self._newest_acked
        return (
            self._newest_acked >= TRUST_AFTER_BUNDLES - 1
            and not self.careful
            and on_the_way <= TRUSTED_BUNDLES
        )

    def _note_arrivals(self, newest: int, report: BundleReport) -> None:
        """Arrival times of the newest bundle and of the received ones before it, as far as the report tells."""
        before = [newest - 1 - bit for bit in range(ACK_HISTORY_BITS) if report.history >> bit & 1]
        ticks = [
            report.arrival_ticks
            if self._arrived_ticks is None
            else unwrap(report.arrival_ticks, self._arrived_ticks, TICK_WRAP)
        ]
        self._arrived_ticks = ticks[0]
        for gap in report.gaps_ticks:
            ticks.append(ticks[-1] - gap)
        told = list(zip([newest, *before], ticks, strict=False))
        for number, tick in reversed(told):
            if number > self._newest_arrival and number in self._sent:
                bundle = self._sent[number]
                arrival = Arrival(number, bundle.sent_us, tick * ARRIVAL_TICK_US, bundle.size_bytes)
                self._arrivals = [*self._arrivals[1 - SENT_BUNDLES :], arrival]
        self._newest_arrival = max(self._newest_arrival, newest)

    def _learn(self, frames: tuple[MotionFrame, ...]) -> None:
        for frame in frames:
            if frame.media_ms not in self._known:
                self._insert(frame)

    def _insert(self, frame: MotionFrame) -> None:
        newer = [media_ms for media_ms in self._known if media_ms > frame.media_ms]
        self._known[frame.media_ms] = frame
        for media_ms in newer:
            self._known.move_to_end(media_ms)
        if len(self._known) > KNOWN_FRAMES:
            self._known.popitem(last=False)

    def _update_rtt(self, sample_ms: float) -> None:
        """Smoothed as in RFC 6298, section 2, with alpha = 1/8."""
        sample_ms = max(0.0, sample_ms)
        self.rtt_ms = sample_ms if self.rtt_ms is None else self.rtt_ms + (sample_ms - self.rtt_ms) / 8


def can_be_base(base: MotionFrame, frame: MotionFrame) -> bool:
    """Whether the wire can name `base` for `frame`: same keyframe, 20 to 5100 ms before it, in steps of 20 ms."""
    distance_ms = frame.media_ms - base.media_ms
    fits = 0 < distance_ms <= BASE_MAX_DISTANCE_MS and distance_ms % BASE_UNIT_MS == 0
    return fits and base.keyframe_id == frame.keyframe_id
