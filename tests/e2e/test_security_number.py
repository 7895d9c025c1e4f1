"""The security number of a real call: what people read to each other is the same at both ends."""

import asyncio

import pytest

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.render_worker import RenderWorker
from receiver.session import ReceiverSession
from receiver.sinks.open import open_sinks
from sender.config import SenderConfig
from sender.session import SenderSession
from sender.sources.open import open_source
from shared.transport.fingerprints import fingerprints_of
from tests.e2e.calls import Networks
from tests.e2e.media import SAMPLE
from tests.receiver.remote import MODEL
from tests.shared.transport.pairs import webrtc_pair

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.model]


async def test_both_ends_of_a_call_show_the_same_number_once(networks: Networks) -> None:
    ours, theirs, worker = list[str](), list[str](), RenderWorker(MeshWarpBackend())
    async with webrtc_pair() as (a, b):
        sender = SenderSession(
            SenderConfig(seconds=2.0),
            open_source(str(SAMPLE)),
            a,
            networks.pipeline(),
            MODEL,
            fingerprints_of=fingerprints_of,
            on_authenticated=ours.append,
        )
        receiver = ReceiverSession(
            b,
            worker,
            open_sinks(["none"]),
            MODEL,
            fingerprints=fingerprints_of(b),
            on_authenticated=theirs.append,
        )
        await asyncio.gather(sender.run(), receiver.run())
    worker.close()
    assert len(ours) == 1 and ours == theirs
    counts = receiver.stats.counts
    assert counts["keyframes_bound"] == counts["keyframes"] > 0
