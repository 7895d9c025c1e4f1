"""When to acknowledge: seldom while all is well, soon when something is missing.

Must not import anything but limits. Invariant: two acknowledgements are at least ACK_URGENT_INTERVAL_MS apart, and
nothing is sent while nothing arrives and nothing is asked for.
"""

from shared.limits import ACK_URGENT_INTERVAL_MS, REQUEST_INTERVAL_MS
from shared.wire import PartRequest


class AckTimer:
    """Remembers what happened since the last acknowledgement."""

    def __init__(self, interval_ms: int) -> None:
        self._interval_us = interval_ms * 1000
        self._last_us: int | None = None
        self._arrived = False
        self._urgent = False
        self._asked: tuple[PartRequest, int] | None = None

    def arrived(self, urgent: bool = False) -> None:
        """Something arrived that an acknowledgement should report; urgent: without waiting for the interval."""
        self._arrived = True
        self._urgent |= urgent

    def due_us(self, request: PartRequest | None) -> int | None:
        """When the next acknowledgement is due (0: at once), given what is missing; None: not at all yet."""
        due = []
        last_us = self._last_us
        if self._arrived:
            due.append(0 if last_us is None else last_us + self._interval_us)
        if self._urgent:
            due.append(0)
        if request is not None:
            due.append(self._request_us(request))
        if not due:
            return None
        soonest_us = 0 if last_us is None else last_us + ACK_URGENT_INTERVAL_MS * 1000
        return max(min(due), soonest_us)

    def sent(self, request: PartRequest | None, now_us: int) -> None:
        """An acknowledgement with this request is being sent."""
        self._last_us = now_us
        self._arrived = self._urgent = False
        if request is not None and self._request_us(request) <= now_us:
            self._asked = (request, now_us)

    def _request_us(self, request: PartRequest) -> int:
        if self._asked is None or self._asked[0] != request:
            return 0
        return self._asked[1] + REQUEST_INTERVAL_MS * 1000
