"""Receivers of many calls on many machines: Ray places them, and starts one anew when its process or its machine dies.

    Ray's cluster --places--> Member (an actor that runs `run_service`) x workers --/pool--> signaling service
                                 +--what each says once a second--> Fleet --> one report of all

Calls never go through Ray: each member registers with the pool by itself, and media goes from sender to member. Must not import
Ray (it is handed in). Invariant: who ends the fleet ends its members, their calls in good order first; a member that dies is
counted as away until it is heard again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from receiver.service.config import ServiceConfig
from receiver.service.run import run_service
from receiver.service.service import REPORT_S, ReceiverService, ServiceReport
from shared.errors import UserError

HOST: Final = "{host}"
"""In `watch` and `watch_url`: the address of the machine on which Ray placed the member."""
SILENT_S: Final = 5.0
"""A member that said nothing for so long is counted as away."""
END_MARGIN_S: Final = 10.0
"""How much longer than its calls a member may take to end."""


@dataclass(frozen=True, slots=True)
class FleetShape:
    """workers: members that there shall be; those for which no machine has room wait until one has. cpus, gpus: that each asks
    Ray for; a part of a GPU means that several share it."""

    workers: int
    cpus: float
    gpus: float

    def __post_init__(self) -> None:
        """Raises UserError for numbers that mean nothing."""
        if self.workers < 1:
            raise UserError(f"--workers {self.workers} is not possible: choose 1 or more.")
        if self.cpus < 0 or self.gpus < 0:
            raise UserError("--cpus-each and --gpus-each cannot be below 0.")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise UserError(f"--gpus-each {self.gpus:g} is not possible: a part of one card, or whole cards.")


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Sums over the members that were heard lately. workers: those wanted; registered: those that the pool knows."""

    workers: int
    registered: int
    calls: int
    free: int
    fps: float
    viewers: int
    draining: bool


class Member:
    """One receiver as Ray's actor. `serve` once; Ray makes a new one and calls it again after a death."""

    def __init__(self, config: ServiceConfig, host: Callable[[], str]) -> None:
        """host: the address of this machine, asked where the member runs."""
        self._config, self._host = config, host
        self._service: ReceiverService | None = None
        self._last: ServiceReport | None = None
        self._draining = False

    async def serve(self) -> None:
        """Until drained. Raises UserError when the settings are refused."""
        await run_service(on_machine(self._config, self._host()), self._begin, self._keep)

    async def report(self) -> ServiceReport | None:
        """What was said last; None before the first time."""
        return self._last

    async def drain(self) -> None:
        """As `ReceiverService.drain`."""
        self._draining = True
        if self._service is not None:
            self._service.drain()

    def _begin(self, service: ReceiverService) -> None:
        self._service = service
        if self._draining:
            service.drain()

    def _keep(self, report: ServiceReport) -> None:
        self._last = report


def on_machine(config: ServiceConfig, host: str) -> ServiceConfig:
    """The settings of a member there: with that machine's address in place of HOST."""
    known = f"[{host}]" if ":" in host else host
    return replace(
        config, watch=config.watch.replace(HOST, known), watch_url=config.watch_url.replace(HOST, known)
    )


class Fleet:
    """`run` once. It may be asked to end by `drain`, and again to do so at once."""

    def __init__(
        self, ray: Any, config: ServiceConfig, shape: FleetShape, on_report: Callable[[FleetReport], None]
    ) -> None:
        """ray: the package, connected. Members are started by `run`."""
        self._ray, self._config, self._shape, self._on_report = ray, config, shape, on_report
        self._members: list[Any] = []
        self._heard: dict[int, tuple[float, ServiceReport]] = {}
        self._drain, self._at_once = asyncio.Event(), asyncio.Event()

    def drain(self) -> None:
        """No more calls; ends when the last one has, or after `drain_seconds`; said again: at once."""
        if self._drain.is_set():
            self._at_once.set()
        self._drain.set()

    async def run(self) -> None:
        """Serve until drained. Raises UserError when a member's settings are refused."""
        self._members = [self._started() for _ in range(self._shape.workers)]
        serving = [asyncio.ensure_future(self._served(member)) for member in self._members]
        others = [asyncio.ensure_future(self._listen(number)) for number in range(self._shape.workers)]
        others.append(asyncio.ensure_future(self._report()))
        draining = asyncio.ensure_future(self._drain.wait())
        try:
            done, _ = await asyncio.wait([*serving, draining], return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            await self._wait_for_members(serving)
        finally:
            for task in (*serving, *others, draining):
                task.cancel()
            await asyncio.gather(*serving, *others, draining, return_exceptions=True)
            for member in self._members:
                self._ray.kill(member)

    def _started(self) -> Any:
        placed = self._ray.remote(Member).options(
            num_cpus=self._shape.cpus, num_gpus=self._shape.gpus, scheduling_strategy="SPREAD",
            max_restarts=-1, max_task_retries=-1,
        )  # fmt: skip
        return placed.remote(self._config, self._ray.util.get_node_ip_address)

    async def _served(self, member: Any) -> None:
        try:
            await member.serve.remote()
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise UserError(str(error.cause)) from error
            raise

    async def _wait_for_members(self, serving: Sequence[asyncio.Future[None]]) -> None:
        """Those that no machine had room for are not waited for."""
        for member in self._members:
            member.drain.remote()
        placed = [task for number, task in enumerate(serving) if number in self._heard]
        if not placed:
            return
        ended = asyncio.ensure_future(asyncio.wait(placed, timeout=self._config.drain_seconds + END_MARGIN_S))
        at_once = asyncio.ensure_future(self._at_once.wait())
        await asyncio.wait({ended, at_once}, return_when=asyncio.FIRST_COMPLETED)
        if self._at_once.is_set():
            for member in self._members:
                member.drain.remote()
            await asyncio.wait(placed, timeout=END_MARGIN_S)
        at_once.cancel()
        ended.cancel()

    async def _listen(self, number: int) -> None:
        """One question at a time: one that waits for a member to be placed, or to come back, is not asked again."""
        while True:
            with suppress(self._ray.exceptions.RayError):
                if (report := await self._members[number].report.remote()) is not None:
                    self._heard[number] = (time.monotonic(), report)
            await asyncio.sleep(REPORT_S)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            now_s = time.monotonic()
            lately = [said for at_s, said in self._heard.values() if now_s - at_s < SILENT_S]
            self._on_report(
                FleetReport(
                    self._shape.workers,
                    sum(said.registered for said in lately),
                    sum(said.calls for said in lately),
                    sum(said.free for said in lately),
                    sum(said.fps for said in lately),
                    sum(said.viewers for said in lately),
                    self._drain.is_set(),
                )
            )
