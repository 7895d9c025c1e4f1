"""The sender's part in the short authentication string, for one connection.

Must not import asyncio or transports. Invariant: a peer or a transport without it costs nothing; digits are told once.
"""

import secrets
from collections.abc import Callable

from shared.control import AuthCommit, AuthReveal
from shared.short_authentication import NONCE_BYTES, Fingerprints, ShortAuthentication


class Authentication:
    """Send `commits` before anything of the peer is read, hand in what comes, send what `take` returns."""

    def __init__(self, fingerprints: Fingerprints | None, tell: Callable[[str], None]) -> None:
        """fingerprints: of the connection's DTLS; None: it takes no part. tell: called with the digits once."""
        self._tell = tell
        self._exchange: ShortAuthentication | None = None
        if fingerprints is not None:
            self._exchange = ShortAuthentication(fingerprints, secrets.token_bytes(NONCE_BYTES))

    @property
    def commits(self) -> tuple[AuthCommit, ...]:
        """What this end says first: its commitment, if it takes part."""
        return () if self._exchange is None else (self._exchange.commit(),)

    def take(self, message: AuthCommit | AuthReveal) -> AuthReveal | None:
        """The peer's message; returns what to answer. Raises AuthenticationFailed."""
        if self._exchange is None:
            return None
        answer = self._exchange.take(message)
        if self._exchange.digits is not None:
            self._tell(self._exchange.digits)
        return answer
