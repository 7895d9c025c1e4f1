"""sender.session over several connections: a peer that was lost comes back, another one in its place, or nobody."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from sender.config import SenderConfig
from sender.session import EndReason, SenderSession
from sender.sources.pattern import draw_head
from shared.control import Bye, Disclosure, Hello, MediaConfig, pack_control
from shared.core.events import ControlReceived, KeyframeReceived, MotionReceived, VoiceReceived
from shared.errors import UserError
from shared.frames import Channel, Outgoing
from shared.transport.base import Transport
from shared.transport.memory_link import MemoryLink
from shared.wire import ControlFrame
from tests.sender.call_parts import DrawnSource, Peer, make_pipeline

pytestmark = pytest.mark.model
MODEL = "0123456789abcdef"
LOSS_S, LATER_S = 1.2, 0.3


def session(
    link: MemoryLink, duration_ms: int, rejoin_seconds: float, meet: Callable[[], Awaitable[Transport]] | None
) -> SenderSession:
    config, source = SenderConfig(rejoin_seconds=rejoin_seconds), DrawnSource(draw_head, duration_ms)
    return SenderSession(config, source, link.a, make_pipeline(), MODEL, meet=meet)


async def nobody() -> Transport:
    raise UserError("Nobody else came into the room.")


async def ends_soon(running: "asyncio.Future[object]", within_s: float) -> float:
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    await asyncio.wait_for(asyncio.shield(running), within_s)
    return loop.time() - start_s


async def test_a_peer_that_comes_back_gets_a_call_from_its_beginning_and_the_report_counts_both_connections() -> (
    None
):
    first, second = MemoryLink(), MemoryLink()
    before, after = Peer(first.b), Peer(second.b)

    async def meet() -> Transport:
        await asyncio.sleep(LATER_S)
        return second.a

    sender = session(first, 3600, 5.0, meet)
    running = asyncio.ensure_future(sender.run())
    await asyncio.sleep(LOSS_S)
    await first.b.close()
    end = await running
    await asyncio.sleep(0.05)
    for peer in (before, after):
        await peer.leave()
    assert end.reason is EndReason.SOURCE_ENDED and after.bye == "the source ended" and before.bye is None

    kinds = [type(event.message) for event in after.of(ControlReceived)]
    assert kinds[:3] == [Hello, Disclosure, MediaConfig]
    keyframes = [event.keyframe for event in after.of(KeyframeReceived)]
    assert len(keyframes) == 2 and len(keyframes[0].image) < len(keyframes[1].image), (
        "the small first one, the reference"
    )
    motion = [event.frame for event in after.of(MotionReceived)]
    assert motion[0].media_ms == keyframes[0].media_ms > 1000 * (LOSS_S + LATER_S) - 200
    assert {frame.keyframe_id for frame in motion} == {keyframe.keyframe_id for keyframe in keyframes}
    assert {frame.keyframe_id for frame in motion}.isdisjoint(
        event.keyframe.keyframe_id for event in before.of(KeyframeReceived)
    )
    voice = [event.packet.media_ms for event in after.of(VoiceReceived)]
    assert voice == list(range(voice[0], 3600, 80)), "the voice is whole from the new beginning to the end"

    report = json.loads(json.dumps(sender.report()))
    wire = [link.a.counter.snapshot() for link in (first, second)]
    assert report["wire"]["forward_bytes"] == sum(one.forward_bytes for one in wire)
    assert 3.0 < report["wire"]["seconds"] < 6.0, "the time without a peer counts"
    seconds = [second["second"] for second in report["wire_history"]]
    assert seconds == sorted(seconds) and seconds[-1] >= 2
    sent = len(before.of(MotionReceived)) + len(motion)
    assert sent <= report["payload"]["motion_frames"] and report["counts"]["sent"] >= sent


@pytest.mark.parametrize("rejoin_seconds", [0.0, 0.4])
async def test_a_peer_that_stays_away_ends_the_call_when_it_was_waited_for_long_enough(
    rejoin_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.transport.rejoin.RETRY_S", 0.05)
    link = MemoryLink()
    sender = session(link, 10_000, rejoin_seconds, nobody)
    running = asyncio.ensure_future(sender.run())
    await asyncio.sleep(0.2)
    await link.b.close()
    taken_s = await ends_soon(running, rejoin_seconds + 1.5)
    assert running.result().reason is EndReason.PEER_LOST and taken_s >= rejoin_seconds


async def test_whoever_waits_for_a_peer_can_be_stopped_at_once() -> None:
    link = MemoryLink()
    sender = session(link, 10_000, 8.0, nobody)
    running = asyncio.ensure_future(sender.run())
    await asyncio.sleep(0.2)
    await link.b.close()
    await asyncio.sleep(0.2)
    sender.stop()
    await ends_soon(running, 1.5)
    assert running.result().reason is EndReason.STOPPED


async def test_a_peer_that_said_goodbye_is_not_waited_for() -> None:
    link = MemoryLink()
    sender = session(link, 10_000, 8.0, nobody)
    running = asyncio.ensure_future(sender.run())
    await asyncio.sleep(0.1)
    await link.b.send(Outgoing(Channel.CTL, bytes(ControlFrame(pack_control(Bye("enough"))))))
    await ends_soon(running, 1.5)
    assert running.result().reason is EndReason.PEER_LEFT
