"""sender.connection: what a connection may spend on keyframes, and that nothing is kept once it is over."""

import asyncio

import numpy as np
import pytest

from sender.authentication import Authentication
from sender.call_end import EndReason
from sender.config import SenderConfig
from sender.connection import Connection
from sender.crop import Crop
from sender.motion_encoder import ReferenceCode
from sender.reference_choice import KEYFRAME_WIRE_BYTES, Reference
from sender.sources.base import MonotonicClock
from sender.stats import CallStats
from shared.coding.identity import coding_identity
from shared.coding.motion_layout import ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS, SYMBOLS
from shared.control import Hello
from shared.frames import Keyframe, KeyframeFormat, MotionFrame, VoicePacket
from shared.limits import GALLERY_SIZE
from shared.transport.memory_link import MemoryLink
from shared.wire import PROTOCOL_VERSION

HELLO = Hello(PROTOCOL_VERSION, "0123456789abcdef", coding_identity())
CODE = ReferenceCode(
    np.zeros(SHAPE_SYMBOLS, np.int16),
    np.zeros(ANCHOR_SYMBOLS, np.int16),
    np.ones((MASK_SIDE, MASK_SIDE), np.uint8),
)


def made(link: MemoryLink, rung: str = "motion") -> Connection:
    config, nothing = SenderConfig(rung=rung, bundle_ms=80), Authentication(None, lambda digits: None)
    return Connection(config, link.a, HELLO, nothing, CallStats(), MonotonicClock(), lambda plan: None)


def push_keyframe(connection: Connection, keyframe_id: int = 0) -> None:
    keyframe = Keyframe(
        keyframe_id, 0, KeyframeFormat.AV1, 256, 256, b"\x12\x00" * 400, CODE.shape, CODE.anchors, CODE.mask
    )
    connection.push_keyframe(keyframe, Reference(keyframe_id, Crop(0, 0, 256), CODE), None)


async def test_on_the_voice_rung_one_keyframe_is_enough_and_on_the_motion_rung_it_is_not() -> None:
    for rung, afterwards in (("voice", False), ("motion", True)):
        connection = made(MemoryLink(), rung)
        assert connection.may_build, "something to look at is due on every rung"
        push_keyframe(connection)
        assert connection.may_build is afterwards


async def test_a_keyframe_that_is_only_worth_it_waits_until_the_mean_rate_has_room() -> None:
    link = MemoryLink()
    connection = made(link)
    assert not connection.has_spare, "at the beginning there is no room"
    plan_kbps = connection.follower.plan.wire_kbps()
    seconds = 8 * KEYFRAME_WIRE_BYTES / 1000 / plan_kbps
    await asyncio.sleep(seconds * 0.8)
    assert not connection.has_spare
    await asyncio.sleep(seconds * 0.3)
    assert connection.has_spare, "nothing else was sent meanwhile"
    link.a.counter.add_forward(KEYFRAME_WIRE_BYTES)
    assert not connection.has_spare


async def test_of_more_references_than_a_gallery_holds_the_oldest_go() -> None:
    connection = made(MemoryLink())
    for keyframe_id in range(GALLERY_SIZE + 2):
        push_keyframe(connection, keyframe_id)
    assert set(connection._references) == set(range(2, GALLERY_SIZE + 2))


async def test_what_is_pushed_after_the_end_is_dropped() -> None:
    link = MemoryLink()
    connection = made(link)
    running = asyncio.ensure_future(connection.run())
    await asyncio.sleep(0.05)
    await link.b.close()
    assert (await running).reason is EndReason.PEER_LOST and connection.over
    connection.push_voice(VoicePacket(0, 80, b"x"))
    push_keyframe(connection)
    connection.push_picture(MotionFrame(0, 0, np.zeros(SYMBOLS, np.int16)), None)
    assert not connection.has_reference and connection.usable == [] and not connection.may_build
    assert connection.encoder.next_poll_us(0) > 0
    before = connection.traffic
    await connection.close()
    await connection.close()
    assert connection.traffic.wire.forward_bytes == before.wire.forward_bytes


@pytest.mark.parametrize("error", [ValueError("a mistake of ours")])
async def test_a_mistake_of_ours_is_raised(error: Exception) -> None:
    connection = made(MemoryLink())

    def broken(now_us: int) -> int:
        raise error

    connection.encoder.next_poll_us = broken  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="of ours"):
        await connection.run()
