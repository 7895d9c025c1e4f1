"""How often and how much: token buckets for connections and for addresses. The numbers stand in `shared.limits`.

Invariant: time is handed in as `now_ms`; memory is bounded whatever addresses come.
"""

from collections import OrderedDict

from shared import limits


class TokenBucket:
    """Lets `burst` events through at once and `per_s` in the long run."""

    def __init__(self, per_s: float, burst: int, now_ms: int) -> None:
        self._per_ms = per_s / 1000
        self._burst = float(burst)
        self._level = float(burst)
        self._last_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """True when one more event is within the rate; a clock that steps back gives nothing and takes nothing."""
        self._level = min(self._burst, self._level + max(0, now_ms - self._last_ms) * self._per_ms)
        self._last_ms = max(now_ms, self._last_ms)
        if self._level < 1:
            return False
        self._level -= 1
        return True


class AddressRates:
    """One bucket per address, shared by all its connections; the address unseen for longest is forgotten first."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str, now_ms: int) -> bool:
        """True when one more event of this address is within the rate."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = TokenBucket(
                limits.SIGNALING_ADDRESS_MESSAGES_PER_S, limits.SIGNALING_ADDRESS_MESSAGES_BURST, now_ms
            )
            self._buckets[address] = bucket
            if len(self._buckets) > limits.SIGNALING_ADDRESSES_TRACKED:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        return bucket.take(now_ms)

    def __len__(self) -> int:
        return len(self._buckets)


class ConnectionRate:
    """What one connection may send: its own bucket, and patience that ends."""

    def __init__(self, now_ms: int) -> None:
        self._own = TokenBucket(limits.SIGNALING_MESSAGES_PER_S, limits.SIGNALING_MESSAGES_BURST, now_ms)
        self._violations = 0

    def take(self, now_ms: int) -> bool:
        """True when the message may be looked at; otherwise it is dropped and counted."""
        if self._own.take(now_ms):
            return True
        self.violated()
        return False

    def violated(self) -> None:
        """Counts a message that was dropped because of its address's rate."""
        self._violations += 1

    @property
    def exhausted(self) -> bool:
        """True when the connection was told often enough and is to be closed."""
        return self._violations > limits.SIGNALING_RATE_VIOLATIONS_MAX
