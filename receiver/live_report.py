"""The line that is said once a second while a call runs.

Must not import transports' implementations. Invariant: rates count every wire byte.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from receiver.player import Player
from receiver.stats import CallStats
from shared.transport.base import Transport

INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What is said once a second. media_s: of the newest picture. fps: pictures shown. Rates count every wire byte."""

    state: str
    media_s: float
    forward_kbps: float
    reverse_kbps: float
    fps: float


async def report_live(
    player: Player, transport: Transport, stats: CallStats, say: Callable[[LiveReport], None]
) -> None:
    """Say what happened since the last time, until cancelled."""
    wire, shown = transport.counter.snapshot(), stats.counts["shown"]
    while True:
        await asyncio.sleep(INTERVAL_S)
        before, wire = wire, transport.counter.snapshot()
        before_shown, shown = shown, stats.counts["shown"]
        forward_kbps, reverse_kbps = wire.rates_kbps(before)
        fps = (shown - before_shown) / INTERVAL_S
        say(LiveReport(player.state.value, player.media_ms / 1000, forward_kbps, reverse_kbps, fps))
