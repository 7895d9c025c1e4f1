"""Which of the last bundles arrived: duplicates out, gaps remembered.

Must not import coders. Invariant: constant memory; a number is accepted once, and only within SEQ_WINDOW of the newest.
"""

from itertools import pairwise

from shared.limits import ACK_HISTORY_BITS, ARRIVAL_GAPS_MAX, ARRIVAL_TICK_US, SEQ_WINDOW
from shared.media_time import SEQ_WRAP, unwrap_seq
from shared.wire_ack import GAP_MAX_TICKS, TICK_WRAP


class SequenceWindow:
    """Received sequence numbers around the newest one."""

    def __init__(self) -> None:
        self.newest: int | None = None
        self._seen = 0
        self._usable = 0
        self._arrived_ticks: dict[int, int] = {}

    def is_fresh(self, seq: int) -> bool:
        """Whether bundle `seq` is neither a duplicate nor older than the window."""
        if self.newest is None:
            return True
        behind = self.newest - unwrap_seq(seq, self.newest)
        return behind < 0 or (behind < SEQ_WINDOW and not self._seen >> behind & 1)

    def add(self, seq: int, usable: bool, now_us: int = 0) -> bool:
        """Note a fresh bundle; True when it is the newest. usable: its motion was decoded, it may be acknowledged."""
        number = unwrap_seq(seq, self.newest)
        ahead = number - self.newest if self.newest is not None else SEQ_WINDOW
        if ahead > 0:
            self._shift(min(ahead, SEQ_WINDOW))
            self.newest = number
            oldest = number - ACK_HISTORY_BITS
            self._arrived_ticks = {n: tick for n, tick in self._arrived_ticks.items() if n >= oldest}
        behind = max(0, -ahead)
        self._seen |= 1 << behind
        self._usable |= usable << behind
        if usable:
            self._arrived_ticks[number] = now_us // ARRIVAL_TICK_US
        return ahead > 0

    def report(self) -> tuple[int, int] | None:
        """Newest usable sequence number and the history before it, as an Ack says them; None before the first."""
        if self.newest is None or not self._usable:
            return None
        behind = (self._usable & -self._usable).bit_length() - 1
        history = self._usable >> (behind + 1) & ((1 << ACK_HISTORY_BITS) - 1)
        return (self.newest - behind) % SEQ_WRAP, history

    def arrivals(self) -> tuple[int, tuple[int, ...]]:
        """When the newest usable bundle arrived, and the gaps before it, as a BundleReport says them."""
        ticks = [self._arrived_ticks[number] for number in sorted(self._arrived_ticks, reverse=True)]
        gaps: list[int] = []
        for newer, older in pairwise(ticks[: ARRIVAL_GAPS_MAX + 1]):
            if not 0 <= newer - older <= GAP_MAX_TICKS:
                break
            gaps.append(newer - older)
        return (ticks[0] if ticks else 0) % TICK_WRAP, tuple(gaps)

    def _shift(self, ahead: int) -> None:
        mask = (1 << SEQ_WINDOW) - 1
        self._seen = self._seen << ahead & mask
        self._usable = self._usable << ahead & mask
