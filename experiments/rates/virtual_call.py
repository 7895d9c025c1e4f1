"""A coded clip through a link in virtual time: what it takes, and what the receiver got and when.

    Coded --driver over MemoryLink(Link)--> Sent --> Wire, Arrived --virtual_receiver--> Rebuilt

Must not import aiortc or torch. Invariant: the call is that of `experiments.rates.driver`, which makes the same one over real
transports in real time (`experiments.rates.equality` measures how far the two are apart); same arguments, same outcome. Computing
takes no time here, so latency is that of link and playout alone.
"""

from experiments.network.links import CLEAN, LINKS, Link
from experiments.rates.driver import LiveThumbnails, Sent, send_clip
from experiments.rates.virtual_receiver import LATE_MS, Arrived, concealed
from experiments.rates.wire import Wire, wire_of
from models.evaluation.offline_call import Coded
from shared.frames import MotionFrame, Rung
from shared.transport.memory_link import MemoryLink
from shared.transport.virtual_time import run_virtual


def our_wire(coded: Coded, bundle_ms: int = 80) -> Wire:
    """What the clip takes as one one-way call with bundles of 40..200 ms, of which nothing is lost (20 ms each way).
    UserError for other bundles."""
    return wire_of(over_memory(coded, LINKS[CLEAN], bundle_ms).taken, coded.seconds)


def through_link(
    coded: Coded, link: Link, bundle_ms: int = 80, seed: int | None = None, live: LiveThumbnails | None = None
) -> Arrived:
    """Send a clip over a link, pinned to its rung and to bundles of 40..200 ms. UserError for other bundles.

    seed: None takes the link's own. live: see `send_clip`.
    """
    return arrived(coded, over_memory(coded, link, bundle_ms, seed, live, LATE_MS))


def over_memory(
    coded: Coded,
    link: Link,
    bundle_ms: int = 80,
    seed: int | None = None,
    live: LiveThumbnails | None = None,
    wait_ms: int = 0,
) -> Sent:
    """The call itself, in virtual time; see `through_link` and `send_clip`."""

    async def call() -> Sent:
        memory = MemoryLink(link.forward, link.reverse, link.seed if seed is None else seed)
        return await send_clip(coded, bundle_ms, memory.a, memory.b, live, wait_ms)

    return run_virtual(call())


def arrived(coded: Coded, sent: Sent, wire: Wire | None = None) -> Arrived:
    """What a receiver has of it. wire: of a call that was not made over a `MemoryLink`."""
    rung = Rung[coded.rung.upper()]
    frames = sum(isinstance(one.item, MotionFrame) for one in sent.received)
    spoken_ms = max((packet.media_ms + packet.duration_ms for packet in coded.voice), default=0)
    return Arrived(
        rung,
        coded.seconds,
        sent.received,
        wire or wire_of(sent.taken, coded.seconds),
        sent.payload_kbps,
        0.0 if rung is Rung.VOICE else max(0.0, 1 - frames / max(1, len(coded.motion))),
        *concealed(sent.received, rung, coded.seconds, spoken_ms),
    )
