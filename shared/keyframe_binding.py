"""Keyframes bound to one connection: a recorded one of another call, or of other ends, is refused.

    sending end:   keyframe --> at once on its way;  both nonces known --> KeyframeBound(id, tag) on the reliable channel
    receiving end: keyframe --> shown;  a tag that fits --> bound;  none within KEYFRAME_BOUND_MAX_MS --> NotBound, the call ends

    tag = first 16 bytes of SHA-256(text, sender's fingerprint and nonce, receiver's fingerprint and nonce, id, keyframe)

Fingerprints and nonces are those of `shared.short_authentication`, whose digits people compare; the tag comes after the
keyframe, so that the first picture waits for no round trip. It says that who sends made or chose this keyframe for this
connection. It does not say whose face it shows: a program that was changed can bind what it likes.

Must not import asyncio or read a clock or chance. Invariant: whatever the peer sends, memory is bounded by the 256 names of
keyframes, and one that stays unbound is found within KEYFRAME_BOUND_MAX_MS of the first such one.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from shared.control import KeyframeBound
from shared.errors import RemoteError
from shared.frames import Keyframe
from shared.keyframe_blob import pack_keyframe
from shared.limits import GALLERY_SIZE, KEYFRAME_BOUND_MAX_MS
from shared.short_authentication import End

_TEXT: Final = b"facewire keyframe binding 1"
TAG_BYTES: Final = 16
_TAGS_OF_A_NAME: Final = 2
"""A name may be used again before the tag of its older keyframe has come."""


class NotBound(RemoteError):
    """A keyframe was not bound to this connection in time: the call must end."""


def binding(sender: End, receiver: End, keyframe: Keyframe) -> bytes:
    """The tag, 16 bytes. sender, receiver: (fingerprint, nonce) of the ends that send and receive the keyframe."""
    whole = b"".join((_TEXT, *sender, *receiver, bytes([keyframe.keyframe_id]), pack_keyframe(keyframe)))
    return sha256(whole).digest()[:TAG_BYTES]


class KeyframesToBind:
    """The sending end, for one connection. Say what `add` and `known` return."""

    def __init__(self) -> None:
        self._ends: tuple[End, End] | None = None
        self._waiting: list[Keyframe] = []

    def add(self, keyframe: Keyframe) -> tuple[KeyframeBound, ...]:
        """A keyframe is on its way."""
        self._waiting = [*self._waiting[1 - GALLERY_SIZE :], keyframe]
        return self._said()

    def known(self, own: End, peer: End) -> tuple[KeyframeBound, ...]:
        """The exchange of nonces is complete."""
        self._ends = own, peer
        return self._said()

    def _said(self) -> tuple[KeyframeBound, ...]:
        if self._ends is None:
            return ()
        said = [KeyframeBound(one.keyframe_id, binding(*self._ends, one).hex()) for one in self._waiting]
        self._waiting = []
        return tuple(said)


class BoundKeyframes:
    """The receiving end, for one connection. Ask `check` whenever something came."""

    def __init__(self, on_bound: Callable[[], None] = lambda: None) -> None:
        """on_bound: called for each keyframe whose tag fits."""
        self.expected = False
        """Whether the peer said that it binds its keyframes; ends of before do not."""
        self._on_bound = on_bound
        self._ends: tuple[End, End] | None = None
        self._unbound: dict[int, tuple[Keyframe, int]] = {}
        self._tags: dict[int, list[str]] = {}

    def add(self, keyframe: Keyframe, now_us: int) -> None:
        """A keyframe has come. One that replaces an unbound one of its name has no more time than that had left."""
        _, since_us = self._unbound.get(keyframe.keyframe_id, (keyframe, now_us))
        self._unbound[keyframe.keyframe_id] = keyframe, since_us
        self._match(keyframe.keyframe_id)

    def known(self, own: End, peer: End) -> None:
        """The exchange of nonces is complete."""
        self._ends = peer, own
        for keyframe_id in list(self._unbound):
            self._match(keyframe_id)

    def take(self, message: KeyframeBound) -> None:
        """The peer's tag, before or after its keyframe."""
        tags = self._tags.setdefault(message.keyframe_id, [])
        tags[:] = [*tags[1 - _TAGS_OF_A_NAME :], message.tag]
        self._match(message.keyframe_id)

    def check(self, now_us: int) -> None:
        """Raises NotBound when a keyframe waited too long for its tag, from a peer that binds its keyframes."""
        if not self.expected:
            return
        if any(now_us - since_us > KEYFRAME_BOUND_MAX_MS * 1000 for _, since_us in self._unbound.values()):
            raise NotBound("a keyframe of the other end is not bound to this connection")

    def _match(self, keyframe_id: int) -> None:
        if self._ends is None or keyframe_id not in self._unbound:
            return
        wanted = binding(*self._ends, self._unbound[keyframe_id][0]).hex()
        if any(hmac.compare_digest(tag, wanted) for tag in self._tags.get(keyframe_id, ())):
            del self._unbound[keyframe_id], self._tags[keyframe_id]
            self._on_bound()
