"""Which of the last bundles arrived: duplicates out, gaps remembered.

Must not import coders. Invariant: constant memory; a number is accepted once, and only within SEQ_WINDOW of the newest.
"""

from shared.limits import ACK_HISTORY_BITS, SEQ_WINDOW
from shared.media_time import SEQ_WRAP, unwrap_seq


class SequenceWindow:
    """Received sequence numbers around the newest one."""

    def __init__(self) -> None:
        self.newest: int | None = None
        self._seen = 0
        self._usable = 0

    def is_fresh(self, seq: int) -> bool:
        """Whether bundle `seq` is neither a duplicate nor older than the window."""
        if self.newest is None:
            return True
        behind = self.newest - unwrap_seq(seq, self.newest)
        return behind < 0 or (behind < SEQ_WINDOW and not self._seen >> behind & 1)

    def add(self, seq: int, usable: bool) -> bool:
        """Note a fresh bundle; True when it is the newest. usable: its motion was decoded, it may be acknowledged."""
        number = unwrap_seq(seq, self.newest)
        ahead = number - self.newest if self.newest is not None else SEQ_WINDOW
        if ahead > 0:
            self._shift(min(ahead, SEQ_WINDOW))
            self.newest = number
        behind = max(0, -ahead)
        self._seen |= 1 << behind
        self._usable |= usable << behind
        return ahead > 0

    def report(self) -> tuple[int, int] | None:
        """Newest usable sequence number and the history before it, as an Ack says them; None before the first."""
        if self.newest is None or not self._usable:
            return None
        behind = (self._usable & -self._usable).bit_length() - 1
        history = self._usable >> (behind + 1) & ((1 << ACK_HISTORY_BITS) - 1)
        return (self.newest - behind) % SEQ_WRAP, history

    def _shift(self, ahead: int) -> None:
        mask = (1 << SEQ_WINDOW) - 1
        self._seen = self._seen << ahead & mask
        self._usable = self._usable << ahead & mask
