"""The line that is said once a second while a call runs.

Must not import transports' implementations. Invariant: rates count every wire byte.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from sender.call_end import LiveReport
from sender.pipeline import FaceState
from sender.rate_follower import RateFollower
from sender.stats import CallStats
from shared.transport.base import WireSnapshot

INTERVAL_S: Final = 1.0


async def report_live(
    face: Callable[[], tuple[FaceState, int]],
    snapshot: Callable[[], WireSnapshot],
    stats: CallStats,
    rates: Callable[[], RateFollower],
    say: Callable[[LiveReport], None],
) -> None:
    """Say what happened since the last time, until cancelled. face: its state and the newest picture's media time in ms.

    snapshot: the whole call's traffic so far. rates: of the connection of the moment.
    """
    wire, sent = snapshot(), stats.counts["sent"]
    while True:
        await asyncio.sleep(INTERVAL_S)
        before, wire = wire, snapshot()
        before_sent, sent = sent, stats.counts["sent"]
        forward_kbps, reverse_kbps = wire.rates_kbps(before)
        fps = (sent - before_sent) / INTERVAL_S
        follower = rates()
        plan, estimate_kbps = follower.plan, follower.link.estimate_kbps
        state, media_ms = face()
        say(
            LiveReport(
                state.value, media_ms / 1000, forward_kbps, reverse_kbps, fps,
                plan.rung.name.lower(), plan.bundle_ms, estimate_kbps,
            )
        )  # fmt: skip
