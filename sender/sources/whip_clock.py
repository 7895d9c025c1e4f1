"""From a publisher's RTP times to the source's media clock, pictures and voice on the same one.

Must not import aiortc. Invariant: a time is never later than the moment it is asked about; two streams whose sender reports
have come (RFC 3550 section 6.4.1) are placed by the publisher's own clock, before that each by its arrival.
"""

from typing import Final, Literal

Kind = Literal["video", "audio"]
_FOLLOW: Final = 1024
"""The offset to the local clock falls at once and rises by this part of the difference a frame: network jitter is not
followed, a publisher whose clock is 0.1 % slow is."""
_TOGETHER: Final = "together"


class PublisherClock:
    """One publisher's times. Stream times are ms of its RTP clock, local times ms of the source's media clock."""

    def __init__(self) -> None:
        self._reports: dict[Kind, float] = {}
        self._offsets: dict[str, float] = {}

    def report(self, kind: Kind, stream_ms: float, wall_ms: float) -> None:
        """A sender report: stream_ms of this stream was wall_ms of the publisher's clock."""
        self._reports[kind] = wall_ms - stream_ms

    def media_ms(self, kind: Kind, stream_ms: float, now_ms: float) -> float:
        """The media time of something with this stream time that was decoded now; at most now_ms."""
        if len(self._reports) == 2 and (kind == "video" or _TOGETHER in self._offsets):
            key, captured_ms = _TOGETHER, stream_ms + self._reports[kind]
        else:
            key, captured_ms = kind, stream_ms
        behind_ms = now_ms - captured_ms
        offset_ms = self._offsets.get(key, behind_ms)
        self._offsets[key] = min(behind_ms, offset_ms + (behind_ms - offset_ms) / _FOLLOW)
        return captured_ms + self._offsets[key]


def nearest_ticks(rtp: int, origin: int, near: int) -> int:
    """The RTP time of 32 bits as ticks since origin, of all that it may mean the one nearest to `near`."""
    return near + (rtp - origin - near + (1 << 31)) % (1 << 32) - (1 << 31)
