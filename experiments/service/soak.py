"""One call that goes on and on: whether anything grows, what it takes of the processors, how soon its receiver is ready.

    python -m experiments.service.soak --out FILE.json [--minutes 20] [--backend auto] [--size auto]

    signaling's process <--/pool-- receiver serve (its network, a port for viewers) <--WebRTC-- sender (the sample, over and over)
      resident memory and processor time of each, every few seconds, read from the system

Must not import the programs' inside but tokens. Invariant: transport and clock are real; a call that fell back or was made anew
is no measurement.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any, Final

import aiohttp
import psutil
from rich.progress import Progress

from experiments.demo.processes import Child, Children, Report
from experiments.measures.growth import growth
from experiments.sample import SAMPLE_PATH
from experiments.service.process import HOST, SECRET, free_port, serving
from shared.errors import UserError
from shared.limits import SIGNALING_TOKEN_MAX_S
from shared.provenance import commit, machine
from shared.signaling_messages import Role
from signaling.pool_tokens import sign_pool_token
from signaling.tokens import sign_token

READY_MAX_S: Final = 5.0
CORES_SHARE_MAX: Final = 0.6
"""Of two cores, by the receiver of one call."""
CORES: Final = 2
GROWTH_MAX: Final = 0.03
SAMPLE_S: Final = 5.0
SETTLED_SHARE: Final = 0.25
"""Engines and caches fill in the first quarter; flat is what comes afterwards."""
START_S: Final = 60.0
POLL_S: Final = 0.02
ROOM: Final = "soak"


@dataclass
class Watched:
    """One process: (seconds since the start, MB) and processor seconds."""

    process: psutil.Process
    sizes: list[tuple[float, float]] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)

    def look(self, at_s: float) -> None:
        """Take one sample."""
        times = self.process.cpu_times()
        self.sizes.append((at_s, self.process.memory_info().rss / 1e6))
        self.spent_s.append(times.user + times.system)

    def told(self) -> dict[str, Any]:
        """As JSON holds it: what it took once it had settled."""
        settled = [sample for sample in self.sizes if sample[0] >= SETTLED_SHARE * self.sizes[-1][0]]
        first = len(self.sizes) - len(settled)
        cores = (self.spent_s[-1] - self.spent_s[first]) / (settled[-1][0] - settled[0][0])
        return {
            "mb": [round(size, 1) for _, size in self.sizes],
            "growth_percent": round(100 * growth(settled), 2),
            "cores": round(cores, 3),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments or a call that did not last."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.service.soak", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--backend", default="auto", help="of the receiver (default: auto)")
    parser.add_argument("--size", default="auto", help="of its network (default: auto)")
    options = parser.parse_args(arguments)
    if not 1 <= options.minutes <= SIGNALING_TOKEN_MAX_S / 60:
        parser.error(f"--minutes is 1 to {SIGNALING_TOKEN_MAX_S / 60:g}")
    try:
        result = asyncio.run(measure(options.minutes, options.backend, options.size))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for mark in result["marks"]:
        print(f"{mark['name']}: {mark['found']:g}, at most {mark['most']:g} wanted")
    return 0


async def measure(minutes: float, backend: str, size: str) -> dict[str, Any]:
    """Everything as JSON holds it. Raises UserError when a program does not start or the call does not last."""
    with tempfile.TemporaryDirectory(prefix="facewire-soak-") as name, Children() as children:
        folder = Path(name)
        async with serving(folder) as service:
            reports: list[Report] = []
            receiver, ready_s = await _receiver(children, folder, service.url, backend, size, reports)
            sender = _sender(children, folder, service.url)
            await _until(lambda: bool(reports) and reports[-1]["calls"] == 1, sender)
            watched = {
                "signaling": Watched(service.process),
                "receiver": Watched(psutil.Process(receiver.pid)),
                "sender": Watched(psutil.Process(sender.pid)),
            }
            await asyncio.sleep(SAMPLE_S)
            begun = len(reports)
            await _watch(watched, minutes, (receiver, sender))
            fps = [float(str(report["fps"])) for report in reports[begun:]]
            if any(report["calls"] != 1 for report in reports[begun:]):
                raise UserError("The call was lost on the way: this is no measurement.")
    return _told(minutes, ready_s, fps, watched, f"{backend}, {size}")


def _told(
    minutes: float, ready_s: float, fps: Sequence[float], watched: Mapping[str, Watched], network: str
) -> dict[str, Any]:
    processes = {name: one.told() for name, one in watched.items()}
    share = processes["receiver"]["cores"] / CORES
    marks: list[dict[str, Any]] = [
        {"name": "receiver, from its start to ready, s", "found": round(ready_s, 2), "most": READY_MAX_S},
        {"name": f"receiver, share of {CORES} cores", "found": round(share, 3), "most": CORES_SHARE_MAX},
    ]
    marks += [
        {"name": f"{name}, memory gained, %", "found": one["growth_percent"], "most": 100 * GROWTH_MAX}
        for name, one in processes.items()
    ]
    for mark in marks:
        mark["kept"] = mark["found"] <= mark["most"]
    return {
        "machine": machine(), "commit": commit(), "minutes": minutes, "network": network,
        "ready_s": round(ready_s, 2), "fps": round(mean(fps), 2), "processes": processes, "marks": marks,
    }  # fmt: skip


async def _receiver(
    children: Children, folder: Path, url: str, backend: str, size: str, reports: list[Report]
) -> tuple[Child, float]:
    """The service and how long it took until the pool knew it."""
    token = _kept(folder / "pool.token", sign_pool_token(SECRET, SIGNALING_TOKEN_MAX_S, time.time()))
    arguments = ["receiver", "serve", "--pool", url.removesuffix("/ws") + "/pool", "--pool-token-file", token]
    arguments += ["--watch", f"{HOST}:{free_port()}", "--calls", "1", "--backend", backend, "--size", size]
    health = free_port()
    start_s = time.monotonic()
    child = children.start("receiver", [*arguments, "--health-port", str(health)], reports.append)
    async with aiohttp.ClientSession() as client:
        while not await _ready(client, f"http://{HOST}:{health}/readyz"):
            _check([child])
            if time.monotonic() - start_s > START_S:
                raise UserError(f"The receiver was not ready after {START_S:g} s: {child.last_words}")
            await asyncio.sleep(POLL_S)
    return child, time.monotonic() - start_s


async def _ready(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _sender(children: Children, folder: Path, url: str) -> Child:
    token = sign_token(SECRET, ROOM, Role.SENDER, SIGNALING_TOKEN_MAX_S, time.time(), pool=True)
    source = ["--source", f"file:{SAMPLE_PATH}", "--loop"]
    where = ["--signaling", url, "--token-file", _kept(folder / "sender.token", token)]
    return children.start("sender", ["sender", *source, *where])


async def _watch(watched: Mapping[str, Watched], minutes: float, children: Sequence[Child]) -> None:
    start_s = time.monotonic()
    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("a call", total=60 * minutes)
        while (passed_s := time.monotonic() - start_s) < 60 * minutes:
            _check(children)
            for one in watched.values():
                one.look(passed_s)
            progress.update(task, completed=passed_s)
            await asyncio.sleep(SAMPLE_S)


async def _until(condition: Callable[[], bool], child: Child) -> None:
    end_s = time.monotonic() + START_S
    while not condition():
        _check([child])
        if time.monotonic() > end_s:
            raise UserError(f"The {child.name} was not ready after {START_S:g} s: {child.last_words}")
        await asyncio.sleep(POLL_S)


def _check(children: Sequence[Child]) -> None:
    for child in children:
        if child.status is not None:
            raise UserError(f"The {child.name} ended: {child.last_words}")


def _kept(path: Path, token: str) -> str:
    path.write_text(token)
    path.chmod(0o600)
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
