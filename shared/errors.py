"""The two families of errors: what a peer did wrong, and what the person at this end can mend.

Invariant: bytes from the network raise `RemoteError` subclasses and nothing else; wrong arguments, files and
settings raise `UserError`, whose message says what happened, why, and what to do.
"""


class FacewireError(Exception):
    """Base of every error that facewire raises on purpose."""


class UserError(FacewireError):
    """The person at this end can mend it; the message says how. Commands print it without a traceback."""


class RemoteError(FacewireError):
    """The peer sent something that this end does not accept. Never a reason to crash or to hang."""


class MalformedMessage(RemoteError):
    """Bytes that do not follow PROTOCOL.md: truncated, oversized, contradictory or out of range."""


class UnsupportedVersion(RemoteError):
    """The peer speaks another major version of the protocol; the call is closed with this reason."""


class LimitExceeded(RemoteError):
    """Well-formed, but past one of the limits in `shared.limits` (rate, count, memory)."""


class UnknownReference(RemoteError):
    """Motion that names a keyframe or a prediction base that this end does not hold."""
