"""The short authentication string: eight digits that two people read to each other to know that nobody sits between them.

    both: commitment = SHA-256(own DTLS fingerprint, own nonce) ---> then, once the other's is here, the nonce itself
    digits = SHA-256(both fingerprints, both nonces) mod 10^8

Whoever runs the signaling server could end both DTLS connections himself, with certificates of his own. The digits then differ
at the two ends. Commitments come first so that he cannot try nonces until they agree (ZRTP, RFC 6189 sections 4.4.1.1 and
4.5.2; Matrix has the same for its SAS): he has one guess in 10^8 a call. Both ends do the same; nobody is the initiator.

Must not import asyncio or read a clock or chance: the nonce is handed in, and must be fresh and random for each connection.
Invariant: `digits` exist only after the peer opened the commitment that it made before it saw this end's nonce.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from shared.control import AuthCommit, AuthReveal
from shared.errors import RemoteError

NONCE_BYTES: Final = 32
FINGERPRINT_BYTES: Final = 32
End = tuple[bytes, bytes]
"""Fingerprint and nonce of one end, 32 bytes each."""
_COMMIT: Final = b"facewire authentication 1: commitment"
_DIGITS: Final = b"facewire authentication 1: digits"
_COUNT: Final = 8
_GROUP: Final = 4


class AuthenticationFailed(RemoteError):
    """The peer's nonce is not the one it committed itself to, or came out of order: the connection must end."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """SHA-256 of the DTLS certificates that both ends of one connection really used, 32 bytes each (RFC 8122)."""

    local: bytes
    remote: bytes


def commitment(fingerprint: bytes, nonce: bytes) -> bytes:
    """What an end says before it shows its nonce: 32 bytes. fingerprint: of the same end, so that nobody can echo it."""
    return sha256(_COMMIT + fingerprint + nonce).digest()


def digits(one: End, other: End) -> str:
    """Eight digits as "1234 5678" from (fingerprint, nonce) of both ends, in either order."""
    (first, second) = sorted((one, other))
    value = int.from_bytes(sha256(_DIGITS + b"".join(first) + b"".join(second)).digest()[:6], "big")
    text = f"{value % 10**_COUNT:0{_COUNT}d}"
    return " ".join(text[at : at + _GROUP] for at in range(0, _COUNT, _GROUP))


class ShortAuthentication:
    """One end of the exchange, for one connection. Send `commit()` first, hand in what comes, send what `take` returns."""

    def __init__(self, fingerprints: Fingerprints, nonce: bytes) -> None:
        """nonce: 32 fresh random bytes. Raises ValueError for other lengths."""
        if len(nonce) != NONCE_BYTES or len(fingerprints.local) != FINGERPRINT_BYTES:
            raise ValueError(f"nonces and fingerprints have {NONCE_BYTES} bytes")
        self._fingerprints, self._nonce = fingerprints, nonce
        self._commitment: bytes | None = None
        self._digits: str | None = None
        self._ends: tuple[End, End] | None = None

    @property
    def ends(self) -> tuple[End, End] | None:
        """This end and the peer, None until the exchange is complete."""
        return self._ends

    @property
    def digits(self) -> str | None:
        """What both people must see alike; None until the exchange is complete."""
        return self._digits

    def commit(self) -> AuthCommit:
        """The first message of this end."""
        return AuthCommit(commitment(self._fingerprints.local, self._nonce).hex())

    def take(self, message: AuthCommit | AuthReveal) -> AuthReveal | None:
        """The peer's message; returns what to answer. Raises AuthenticationFailed."""
        if isinstance(message, AuthCommit):
            return self._take_commitment(bytes.fromhex(message.commitment))
        self._take_nonce(bytes.fromhex(message.nonce))
        return None

    def _take_commitment(self, value: bytes) -> AuthReveal:
        if self._commitment is not None:
            raise AuthenticationFailed("the peer committed itself twice")
        self._commitment = value
        return AuthReveal(self._nonce.hex())

    def _take_nonce(self, nonce: bytes) -> None:
        remote = self._fingerprints.remote
        if self._commitment is None or self._digits is not None:
            raise AuthenticationFailed("the peer showed its nonce out of order")
        if not hmac.compare_digest(commitment(remote, nonce), self._commitment):
            raise AuthenticationFailed("the peer's nonce is not the one it committed itself to")
        self._ends = (self._fingerprints.local, self._nonce), (remote, nonce)
        self._digits = digits(*self._ends)
