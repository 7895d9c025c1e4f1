"""What rooms cost the signaling service: a real process, real WebSockets, one pair of peers a room.

    python -m experiments.service.rooms --out FILE.json [--rooms 1000] [--idle-seconds 20]

    service's own process <-- 2 WebSockets a room (addresses told by X-Forwarded-For, as behind a proxy)
      resident memory before, with all rooms, after; processor time while they stand idle; milliseconds of a join

Must not import the service's inside but tokens. Invariant: the memory is that of the service's process alone, read from the
system; every room that is counted has both its peers seated.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector
from rich.progress import track

from experiments.service.process import SECRET, Service, serving
from shared.errors import UserError
from shared.limits import SIGNALING_ROOMS_MAX
from shared.provenance import commit, machine
from shared.signaling_messages import Join, Joined, Role, parse, serialise
from signaling.tokens import sign_token

MARK_MB: Final = 150.0
"""The most that a thousand idle rooms may take (issue 7)."""
SETTLE_S: Final = 2.0
ROLES: Final = (Role.SENDER, Role.RECEIVER)
PEOPLE_AN_ADDRESS: Final = 8
"""Fewer than the service lets one address have."""


@dataclass(slots=True)
class Crowd:
    """Peers in rooms, what answers the service's pings for each, and how long each waited for its seat."""

    sockets: list[ClientWebSocketResponse]
    readers: list[asyncio.Task[None]]
    join_ms: list[float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.service.rooms", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--rooms", type=int, default=SIGNALING_ROOMS_MAX)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    if not 1 <= options.rooms <= SIGNALING_ROOMS_MAX or not 1 <= options.idle_seconds <= 3600:
        parser.error(f"--rooms is 1 to {SIGNALING_ROOMS_MAX}, --idle-seconds 1 to 3600")
    try:
        result = asyncio.run(measure(options.rooms, options.idle_seconds))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        f"{result['rooms']} rooms: {result['rss_mb']['idle']:.0f} MB (at most {MARK_MB:g} wanted), "
        f"{result['idle_cpu_share']:.1%} of a core idle, a join p50 {result['join_ms']['p50']:.1f} ms"
    )
    return 0


async def measure(rooms: int, idle_s: float) -> dict[str, Any]:
    """Everything as JSON holds it. Raises UserError when the service does not start."""
    with tempfile.TemporaryDirectory(prefix="facewire-rooms-") as folder:
        async with serving(Path(folder), "--proxy", "127.0.0.1") as service, _client() as client:
            before_mb = service.rss_mb()
            crowd = await _fill(client, service, rooms)
            await asyncio.sleep(SETTLE_S)
            share = await _idle_share(service.process, idle_s)
            idle_mb = service.rss_mb()
            seated = sum(not reader.done() for reader in crowd.readers)
            await asyncio.gather(*(socket.close() for socket in crowd.sockets))
            await asyncio.sleep(SETTLE_S)
            after_mb = service.rss_mb()
    if seated != 2 * rooms:
        raise UserError(f"Only {seated} of {2 * rooms} peers kept their seats: this is no measurement.")
    return {
        "machine": machine(), "commit": commit(), "rooms": rooms, "peers": seated, "idle_seconds": idle_s,
        "rss_mb": {"empty": round(before_mb, 1), "idle": round(idle_mb, 1), "afterwards": round(after_mb, 1)},
        "idle_cpu_share": round(share, 4),
        "join_ms": {
            "p50": round(statistics.median(crowd.join_ms), 2),
            "p99": round(statistics.quantiles(crowd.join_ms, n=100)[98], 2),
        },
        "mark": {"most_mb": MARK_MB, "kept": idle_mb <= MARK_MB},
    }  # fmt: skip


async def _fill(client: ClientSession, service: Service, rooms: int) -> Crowd:
    crowd = Crowd([], [], [])
    for room in track(range(rooms), "rooms", disable=not sys.stderr.isatty()):
        for role in ROLES:
            await _join(client, service, room, role, crowd)
    return crowd


async def _join(client: ClientSession, service: Service, room: int, role: Role, crowd: Crowd) -> None:
    name = f"room-{room}"
    token = sign_token(SECRET, name, role, 600, time.time())
    person = 2 * room + ROLES.index(role)
    address = f"10.{person // PEOPLE_AN_ADDRESS // 250}.{person // PEOPLE_AN_ADDRESS % 250}.1"
    start_s = time.perf_counter()
    socket = await client.ws_connect(service.url, headers={"X-Forwarded-For": address})
    await socket.send_str(serialise(Join(name, role, token)))
    seated = parse(await socket.receive_str(timeout=10))
    crowd.join_ms.append((time.perf_counter() - start_s) * 1000)
    if not isinstance(seated, Joined):
        raise UserError(f"The service refused peer {person}: {seated}.")
    crowd.sockets.append(socket)
    crowd.readers.append(asyncio.create_task(_read(socket)))


async def _read(socket: ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


def _client() -> ClientSession:
    return ClientSession(connector=TCPConnector(limit=0))  # not the hundred at once of a browser


async def _idle_share(process: psutil.Process, seconds: float) -> float:
    """Processor time per second of one core."""
    before = process.cpu_times()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system) / seconds


if __name__ == "__main__":
    sys.exit(main())
