"""The gallery of one call: received keyframes, decoded and prepared for the network.

Must not import asyncio. Invariant: at most GALLERY_SIZE references, the oldest leaves first, as in
`shared.core.playout`; a keyframe that cannot be decoded changes nothing. Safe to use from two threads.
"""

import threading
from collections import OrderedDict

from models.runtime.base import Backend, ReferenceState
from models.runtime.keyframe import decode_reference
from shared.frames import Keyframe
from shared.limits import GALLERY_SIZE


class ReferenceStore:
    """References by keyframe_id."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._states: OrderedDict[int, tuple[ReferenceState, int]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, keyframe: Keyframe) -> None:
        """Decode and prepare a keyframe. Raises MalformedMessage for a picture that is none."""
        state = self._backend.encode_reference(decode_reference(keyframe))
        with self._lock:
            self._states.pop(keyframe.keyframe_id, None)
            self._states[keyframe.keyframe_id] = state, keyframe.media_ms
            if len(self._states) > GALLERY_SIZE:
                self._states.popitem(last=False)

    def get(self, keyframe_id: int) -> ReferenceState | None:
        """The prepared reference, None when it was never added or has left."""
        with self._lock:
            found = self._states.get(keyframe_id)
        return None if found is None else found[0]

    def media_ms(self, keyframe_id: int) -> int | None:
        """When the keyframe was taken, None as in `get`."""
        with self._lock:
            found = self._states.get(keyframe_id)
        return None if found is None else found[1]

    def __len__(self) -> int:
        return len(self._states)
