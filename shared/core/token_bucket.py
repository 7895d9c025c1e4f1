"""How often a peer may make this end do something that costs more than it cost the peer to ask.

Must not import clocks. Invariant: never more than `burst` at once and `per_s` in the long run, whatever the clock does.
"""


class TokenBucket:
    """`take` for each event, with the local clock in microseconds."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_us = per_s / 1_000_000
        self._burst = float(burst)
        self._level = float(burst)
        self._last_us: int | None = None

    def take(self, now_us: int) -> bool:
        """True when one more event is within the rate; a clock that steps back gives nothing."""
        last_us = now_us if self._last_us is None else self._last_us
        self._level = min(self._burst, self._level + max(0, now_us - last_us) * self._per_us)
        self._last_us = max(now_us, last_us)
        if self._level < 1:
            return False
        self._level -= 1
        return True
