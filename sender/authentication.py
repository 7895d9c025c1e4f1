"""The sender's part in the short authentication string, and in what rests on it, for one connection.

Must not import asyncio or transports. Invariant: a peer or a transport without it costs nothing; digits are told once.
"""

import secrets
from collections.abc import Callable

from shared.control import AuthCommit, AuthReveal, KeyframeBound
from shared.frames import Keyframe
from shared.keyframe_binding import KeyframesToBind
from shared.short_authentication import NONCE_BYTES, Fingerprints, ShortAuthentication


class Authentication:
    """Send `commits` before anything of the peer is read, hand in what comes, send what `take` and `bind` return."""

    def __init__(self, fingerprints: Fingerprints | None, tell: Callable[[str], None]) -> None:
        """fingerprints: of the connection's DTLS; None: it takes no part. tell: called with the digits once."""
        self._tell = tell
        self._exchange: ShortAuthentication | None = None
        self._keyframes = KeyframesToBind()
        if fingerprints is not None:
            self._exchange = ShortAuthentication(fingerprints, secrets.token_bytes(NONCE_BYTES))

    @property
    def takes_part(self) -> bool:
        """Whether this end can bind its keyframes to the connection."""
        return self._exchange is not None

    @property
    def commits(self) -> tuple[AuthCommit, ...]:
        """What this end says first: its commitment, if it takes part."""
        return () if self._exchange is None else (self._exchange.commit(),)

    def take(self, message: AuthCommit | AuthReveal) -> tuple[AuthReveal | KeyframeBound, ...]:
        """The peer's message; returns what to answer. Raises AuthenticationFailed."""
        if self._exchange is None:
            return ()
        answer = self._exchange.take(message)
        if self._exchange.digits is None or self._exchange.ends is None:
            return () if answer is None else (answer,)
        self._tell(self._exchange.digits)
        return self._keyframes.known(*self._exchange.ends)

    def bind(self, keyframe: Keyframe) -> tuple[KeyframeBound, ...]:
        """A keyframe is on its way; returns what to say of it now."""
        return self._keyframes.add(keyframe)
