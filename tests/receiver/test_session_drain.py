"""receiver.session: what happens to media that still waits when the peer leaves."""

import asyncio
import time

import numpy as np

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.render_worker import RenderWorker
from receiver.session import EndReason, ReceiverSession
from receiver.sinks.open import SinkSet
from shared.coding.motion_layout import SYMBOLS
from shared.control import Bye
from shared.frames import MotionFrame
from shared.limits import PLAYOUT_DRAIN_MS
from shared.transport.memory_link import MemoryLink
from tests.receiver.remote import Remote
from tests.receiver.sinks.test_open import Kept


async def drain_ms(ahead_ms: int) -> float:
    """How long a call goes on after a goodbye behind a pose that lies so far ahead."""
    worker, link = RenderWorker(MeshWarpBackend()), MemoryLink()
    session = ReceiverSession(link.b, worker, SinkSet([Kept(live=True)]), "0123456789abcdef")
    remote = Remote(link.a, voice=False)
    running = asyncio.ensure_future(session.run())
    await remote.talk(400, bye=False)
    last_ms = max(remote.capture_us)
    remote.encoder.push_motion(MotionFrame(last_ms + ahead_ms, 0, np.zeros(SYMBOLS, np.int16)))
    remote.encoder.push_control(Bye("done"))
    start_s = time.monotonic()
    for step_ms in (0, 200):  # the bundle leaves when it is full, the goodbye at once
        for outgoing in remote.encoder.poll(time.monotonic_ns() // 1000 + step_ms * 1000):
            await link.a.send(outgoing)
    assert (await running).reason is EndReason.PEER_LEFT
    took_ms = (time.monotonic() - start_s) * 1000
    await remote.leave()
    await link.a.close()
    worker.close()
    return took_ms


async def test_what_waits_when_the_peer_leaves_is_shown_but_not_for_longer_than_the_limit() -> None:
    near_ms = await drain_ms(PLAYOUT_DRAIN_MS // 3)
    assert PLAYOUT_DRAIN_MS // 4 <= near_ms < PLAYOUT_DRAIN_MS
    far_ms = await drain_ms(400 + PLAYOUT_DRAIN_MS * 4)
    assert PLAYOUT_DRAIN_MS - 50 <= far_ms < PLAYOUT_DRAIN_MS + 700
