"""A receiver of many calls: one network, one port for viewers, one place in the pool of a signaling service.

    /pool --assign--> Calls --> RunningCall ... (one task each)
                        |            +--> WatchServer /whep/ROOM, recordings
    /pool <--capacity, released      +--> ReceiverMetrics

Must not import engines (the worker is handed in). Invariant: whoever ends the service ends its calls in good order: first no new
ones, then waiting, then a goodbye to each.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from receiver.operations import health_port, new_metrics
from receiver.render_worker import RenderWorker
from receiver.service.calls import Calls
from receiver.service.config import ServiceConfig, watch_base
from receiver.service.pool_client import PoolClient, PoolPlace
from receiver.service.running_call import Assignment, RunningCall
from receiver.service.watch import WatchServer
from receiver.sinks.open import SinkSet, open_sinks
from shared.transport.seat import Seat

REPORT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What is said once a second. fps: pictures shown, of all calls together. registered: in the pool."""

    calls: int
    free: int
    load: str
    fps: float
    viewers: int
    registered: bool
    draining: bool


class ReceiverService:
    """`run` once. It may be asked to end by `drain`, and again to do so at once."""

    def __init__(
        self,
        config: ServiceConfig,
        worker: RenderWorker,
        places: int,
        name: str,
        pool_token: Callable[[], str],
        sign: Callable[[Path], None] | None = None,
        on_report: Callable[[ServiceReport], None] = lambda report: None,
    ) -> None:
        """places: most calls at once. pool_token: see `PoolPlace`. sign: puts its provenance into a finished recording.

        Raises UserError when the viewers' address cannot be had.
        """
        self._config, self._worker, self._sign, self._on_report = config, worker, sign, on_report
        self.calls = Calls(worker, places, self._make_call, self._began, self._ended)
        self._enter = partial(Seat, config.signaling)
        self._metrics = new_metrics(self._gauges, lambda: self.calls.ended)
        self._numbers: dict[RunningCall, int] = {}
        self._shown_by_ended = 0
        access = config.watch_access()
        self._watch = None if access is None else WatchServer(access)
        base = watch_base(config, access, 0 if self._watch is None else self._watch.port)
        place = PoolPlace(config.pool, pool_token, name, base)
        self.pool = PoolClient(place, lambda: self.calls.free, self.calls.take)
        self._drain, self._at_once = asyncio.Event(), asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether a call would be taken now."""
        return self.pool.registered and self.calls.free > 0

    def drain(self) -> None:
        """Take no more calls and end with the last one, or after `drain_seconds`; said again: at once."""
        if self._drain.is_set():
            self._at_once.set()
        self._drain.set()
        self.calls.draining = True
        self.pool.changed()

    async def run(self) -> None:
        """Serve until drained. Raises UserError when the pool refuses this receiver, or the health port is taken."""
        page = None if self._metrics is None else self._metrics.text
        async with health_port(self._config, page, lambda: self.ready):
            parts = (self.pool.run(), self._report(), self._drain.wait())
            pool, reporting, draining = (asyncio.ensure_future(part) for part in parts)
            try:
                await asyncio.wait({pool, draining}, return_when=asyncio.FIRST_COMPLETED)
                if pool.done():
                    pool.result()
                await self._wait_for_calls()
            finally:
                await self.calls.close()
                await _cancel({pool, reporting, draining})
                if self._watch is not None:
                    await asyncio.to_thread(self._watch.close)

    async def _wait_for_calls(self) -> None:
        waiting = asyncio.ensure_future(self.calls.wait(self._config.drain_seconds))
        at_once = asyncio.ensure_future(self._at_once.wait())
        try:
            await asyncio.wait({waiting, at_once}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel({waiting, at_once})

    # --- calls ------------------------------------------------------------------------------------------------------

    def _make_call(self, assignment: Assignment) -> RunningCall:
        return RunningCall(
            assignment, self._worker, self._enter, self._open_sinks, self._config.rejoin_seconds
        )

    def _open_sinks(self, assignment: Assignment) -> SinkSet:
        """In a thread of its own. Raises UserError."""
        sinks = open_sinks(self._recordings(assignment.room), self._sign)
        if self._watch is not None:
            sinks.add(self._watch.open(assignment.room, assignment.watch_key))
        return sinks

    def _recordings(self, room: str) -> tuple[str, ...]:
        if not self._config.record:
            return ()
        began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return (f"mp4:{Path(self._config.record) / f'{room}-{began}-{secrets.token_hex(3)}.mp4'}",)

    def _began(self, call: RunningCall) -> None:
        if self._metrics is not None:
            self._numbers[call] = self._metrics.watch(call.stats, call.maker.wire.snapshot)

    def _ended(self, call: RunningCall) -> None:
        self._shown_by_ended += call.stats.counts["shown"]
        if self._metrics is not None:
            self._metrics.forget(self._numbers.pop(call))
        self.pool.released(call.room)

    # --- what is said ---------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        shown = self._shown()
        while True:
            await asyncio.sleep(REPORT_S)
            before, shown = shown, self._shown()
            self._forget_rows()
            self._on_report(self._told((shown - before) / REPORT_S))

    def _told(self, fps: float) -> ServiceReport:
        viewers = 0 if self._watch is None else self._watch.viewers
        load, calls = self._worker.load.name.lower(), len(self.calls.running)
        return ServiceReport(
            calls, self.calls.free, load, fps, viewers, self.pool.registered, self.calls.draining
        )

    def _shown(self) -> int:
        """Pictures of all calls since the start."""
        return self._shown_by_ended + sum(call.stats.counts["shown"] for call in self.calls.running)

    def _forget_rows(self) -> None:
        """Nobody reads the rows of a service's calls but the histograms: hours of them would fill the memory."""
        if self._metrics is not None:
            self._metrics.take_rows()
        for call in self.calls.running:
            call.stats.forget_rows()

    def _gauges(self) -> dict[str, float]:
        report = self._told(0.0)
        return {
            "calls_free": report.free,
            "load": self._worker.load,
            "viewers": report.viewers,
            "pool_registered": report.registered,
        }


async def _cancel(tasks: set[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
