"""What the sender knows of the receiver: which bundles arrived, hence which frames may be predicted from.

Must not import coders. Invariant: a frame becomes a prediction base only when a report names a bundle that carried
it and that was really sent; a lying report changes nothing before it is refused.
"""

from collections import OrderedDict
from dataclasses import dataclass

from shared.errors import MalformedMessage
from shared.frames import MotionFrame
from shared.limits import ACK_HISTORY_BITS, BASE_MAX_DISTANCE_MS, BASE_UNIT_MS, KNOWN_FRAMES, SENT_BUNDLES
from shared.media_time import SEQ_WRAP, unwrap_seq
from shared.wire import BundleReport


@dataclass(frozen=True, slots=True)
class SentBundle:
    """A bundle on its way. sent_us: local time. frames: the motion it carried."""

    sent_us: int
    frames: tuple[MotionFrame, ...]


class AckHistory:
    """Sent bundles, acknowledged frames, round trip and loss. Numbers of bundles run on; 16 bits of them travel."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, SentBundle] = OrderedDict()
        self._known: OrderedDict[int, MotionFrame] = OrderedDict()
        self._next = 0
        self._newest_acked = -1
        self.rtt_ms: float | None = None
        self.loss = 0.0

    @property
    def next_seq(self) -> int:
        """Sequence number of the next bundle, 0..65535."""
        return self._next % SEQ_WRAP

    def record(self, now_us: int, frames: tuple[MotionFrame, ...]) -> None:
        """The bundle `next_seq` with `frames` is being sent."""
        self._sent[self._next] = SentBundle(now_us, frames)
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
        window = min(newest, ACK_HISTORY_BITS)
        arrived = (report.history & ((1 << window) - 1)).bit_count()
        self.loss = 1 - arrived / window if window else 0.0
        return True

    def forget_bases(self) -> None:
        """The receiver lost its history: nothing may be predicted from until it acknowledges again."""
        self._known.clear()

    def base_for(self, frame: MotionFrame) -> MotionFrame | None:
        """The newest frame that the receiver has and from which `frame` may be predicted."""
        for base in reversed(self._known.values()):
            if can_be_base(base, frame):
                return base
        return None

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
