"""Media time on the wire: 24 bits of milliseconds, and sequence numbers of 16 bits, both wrapping.

Must not import anything of this project but `shared.limits`. Invariant: `unwrap(wrap(t), near) == t` for every t
closer to `near` than half a turn (RFC 1982, serial number arithmetic).
"""

from typing import Final

from shared.limits import MEDIA_WRAP_MS

SEQ_WRAP: Final = 1 << 16
"""Bundle sequence numbers are 16 bits."""


def wrap_ms(media_ms: int) -> int:
    """`media_ms` as it travels: 0..MEDIA_WRAP_MS-1."""
    return media_ms % MEDIA_WRAP_MS


def unwrap(value: int, near: int, turn: int) -> int:
    """The integer congruent to `value` modulo `turn` that is nearest to `near` (may be negative)."""
    half = turn // 2
    return near + (value - near + half) % turn - half


def unwrap_ms(wrapped_ms: int, near_ms: int | None) -> int:
    """The media time that `wrapped_ms` stands for, nearest to `near_ms`; itself when nothing is known yet."""
    return wrapped_ms if near_ms is None else unwrap(wrapped_ms, near_ms, MEDIA_WRAP_MS)


def unwrap_seq(seq: int, near: int | None) -> int:
    """The running number of bundle `seq`, nearest to `near`; itself when nothing is known yet."""
    return seq if near is None else unwrap(seq, near, SEQ_WRAP)
