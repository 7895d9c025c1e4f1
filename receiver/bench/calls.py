"""Many calls at once, each a session of its own that hears the same tape from another moment on.

    tape --TapeTransport--> ReceiverSession (decoder, playout, voice) --> RenderWorker --> marked picture --> nowhere

Nothing is left out of a receiver but the sockets. Must not import engines or the sender. Invariant: what is counted happened
inside the measured time, after every call had its keyframe.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from receiver.bench.tape import Tape
from receiver.clock import monotonic_us
from receiver.render_worker import RenderWorker
from receiver.session import ReceiverSession
from receiver.sinks.open import open_sinks
from receiver.stats import CallStats
from receiver.voice_features import VoiceFeatures
from shared.frames import Channel, Outgoing
from shared.limits import PICTURE_STEP_MS
from shared.transport.base import TransportClosed, TransportState, TransportStats, WireCounter

SPREAD_MS: Final = 400
"""Calls begin at random moments of this time: their pictures are not due together, as those of strangers are not."""
SETTLE_S: Final = 3.0
"""Before anything is counted: keyframes arrive and are prepared, one after the other."""
STEPS_PER_S: Final = 1000 // PICTURE_STEP_MS


@dataclass(frozen=True, slots=True)
class Load:
    """What happened to the pictures of all calls that were due in the measured time.

    latency_ms: of each picture that the network made, from when it was due to when the sinks had it. shed: pictures that were
    due and never made.
    """

    calls: int
    seconds: float
    latency_ms: tuple[float, ...]
    shed: int

    @property
    def fps_per_call(self) -> float:
        """Pictures that the network made, a call and a second."""
        return len(self.latency_ms) / self.calls / self.seconds


class TapeTransport:
    """A peer that plays a tape and listens to nothing."""

    def __init__(self, tape: Tape, start_us: int) -> None:
        self.counter = WireCounter()
        self._messages = iter(tape.messages)
        self._start_us = start_us
        self._closed = asyncio.Event()

    @property
    def state(self) -> TransportState:
        """Open until it is closed."""
        return TransportState.CLOSED if self._closed.is_set() else TransportState.OPEN

    @property
    def stats(self) -> TransportStats:
        """Nothing is ever lost."""
        return TransportStats()

    async def send(self, outgoing: Outgoing) -> None:
        """Acknowledgements lead nowhere."""

    async def receive(self) -> tuple[Channel, bytes]:
        """The next message, when it is due; after the last one nothing."""
        message = next(self._messages, None)
        if message is None:
            await self._closed.wait()
            raise TransportClosed("closed")
        wait_us = self._start_us + message.at_ms * 1000 - monotonic_us()
        await asyncio.sleep(max(0, wait_us) / 1_000_000)
        self.counter.add_reverse(len(message.data))
        return message.channel, message.data

    async def close(self) -> None:
        """Wakes who waits for a message."""
        self._closed.set()


async def run_calls(worker: RenderWorker, tape: Tape, calls: int, seconds: float, seed: int = 1) -> Load:
    """Play `calls` calls for `seconds` after they have settled. Raises what a session raises, ReceiverFull included."""
    delays = random.Random(seed)
    voices = await asyncio.to_thread(lambda: [VoiceFeatures() for _ in range(calls)])
    begin_us = monotonic_us()
    starts = [begin_us + delays.randrange(SPREAD_MS) * 1000 for _ in range(calls)]
    first_us = begin_us + round(SETTLE_S * 1_000_000)
    last_us = first_us + round(seconds * 1_000_000)
    sessions = [
        _play(worker, tape, start_us, SETTLE_S + seconds + 0.2, ears)
        for start_us, ears in zip(starts, voices, strict=True)
    ]
    stats = await asyncio.gather(*sessions)
    return _weigh(stats, seconds, first_us, last_us)


async def _play(
    worker: RenderWorker, tape: Tape, start_us: int, seconds: float, ears: VoiceFeatures
) -> CallStats:
    stats, sinks = CallStats(), open_sinks(["none"])
    transport = TapeTransport(tape, start_us)
    session = ReceiverSession(transport, worker, sinks, "", seconds, stats, voice_features=ears)
    await session.run()
    return stats


def _weigh(stats: Sequence[CallStats], seconds: float, first_us: int, last_us: int) -> Load:
    latency_ms = tuple(
        (picture.shown_us - picture.due_us) / 1000
        for one in stats
        for picture in one.pictures
        if picture.compute_ms > 0 and first_us <= picture.due_us < last_us
    )
    due = round(len(stats) * seconds * STEPS_PER_S)
    return Load(len(stats), seconds, latency_ms, max(0, due - len(latency_ms)))
