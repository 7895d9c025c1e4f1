"""Makes the sessions of one call, one for each connection, and counts what all of them sent.

    transport + sinks --SessionMaker--> ReceiverSession
              +--> CallWire: bytes and packets of the call so far

Must not import engines or transports' implementations. Invariant: of connections that are over only numbers are kept.
"""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Final

from models.weights import bundle_digest
from receiver.live_report import LiveReport
from receiver.render_worker import RenderWorker
from receiver.session import ReceiverSession
from receiver.sinks.open import SinkSet
from receiver.stats import CallStats
from receiver.voice_features import VoiceFeatures
from shared.transport.base import Transport, WireSnapshot
from shared.transport.fingerprints import fingerprints_of

ANALYSER: Final = "analyser/analyser.onnx"
"""The network that gives keypoints and codes their meaning: both ends compare its hash (as `sender.motion_encoder`)."""


@cache
def motion_model() -> str:
    """Identity of the motion model, which both ends must share."""
    return bundle_digest([ANALYSER])[:16]


class CallWire:
    """The traffic of a call, however many connections it takes."""

    def __init__(self) -> None:
        self.newest: Transport | None = None
        """The connection that is open, or was last; None before the first."""
        self._past = WireSnapshot()

    def begin(self, transport: Transport) -> None:
        """A connection opened."""
        self._past = self.snapshot()
        self.newest = transport

    def snapshot(self) -> WireSnapshot:
        """Of all connections together."""
        return self._past if self.newest is None else self._past.then(self.newest.counter.snapshot())


class SessionMaker:
    """A `receiver.call.MakeSession` for one call."""

    def __init__(
        self,
        worker: RenderWorker,
        stats: CallStats,
        on_report: Callable[[LiveReport], None] = lambda report: None,
        on_authenticated: Callable[[str], None] = lambda digits: None,
    ) -> None:
        """on_report, on_authenticated: see `ReceiverSession`."""
        self.wire = CallWire()
        self._worker, self._stats = worker, stats
        self._on_report, self._on_authenticated = on_report, on_authenticated

    async def __call__(self, transport: Transport, part: SinkSet, left_s: float | None) -> ReceiverSession:
        """The session of a connection. Raises ReceiverFull."""
        self.wire.begin(transport)
        ears = await asyncio.to_thread(VoiceFeatures)
        try:
            return ReceiverSession(
                transport,
                self._worker,
                part,
                motion_model(),
                left_s,
                self._stats,
                self._on_report,
                voice_features=ears,
                fingerprints=fingerprints_of(transport),
                on_authenticated=self._on_authenticated,
            )
        except BaseException:
            ears.close()
            raise
