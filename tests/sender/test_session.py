"""sender.session: whole calls over an in-process link, with the real tracker, encoder and decoder."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from sender.config import SenderConfig
from sender.pipeline import FaceState
from sender.session import EndReason, LiveReport, SenderSession
from sender.sources.pattern import draw_head
from sender.stats import write_report
from shared.coding.identity import coding_identity
from shared.control import (
    FEATURE_VIDEO,
    Bye,
    ControlMessage,
    Disclosure,
    Hello,
    MediaConfig,
    Pin,
    pack_control,
)
from shared.core.events import (
    ControlReceived,
    KeyframeReceived,
    MotionReceived,
    VideoReceived,
    VoiceReceived,
)
from shared.errors import UserError
from shared.frames import Channel, Outgoing, Rung, VideoKind
from shared.keyframe_image import decode_keyframe_image
from shared.limits import CALL_MALFORMED_MAX
from shared.transport.memory_link import MemoryLink
from shared.wire import PROTOCOL_VERSION, ControlFrame
from tests.sender.call_parts import DrawnSource, Peer, Picture, make_pipeline

pytestmark = pytest.mark.model

MODEL = "0123456789abcdef"


def empty_room(media_ms: int) -> Picture:
    return np.full((256, 256, 3), 120, np.uint8)


class Call:
    """A session, its source and its peer."""

    def __init__(self, draw: Callable[[int], Picture], duration_ms: int, config: SenderConfig) -> None:
        self.link = MemoryLink()
        self.source = DrawnSource(draw, duration_ms)
        self.reports: list[LiveReport] = []
        self.session = SenderSession(
            config, self.source, self.link.a, make_pipeline(), MODEL, on_report=self.reports.append
        )
        self.peer = Peer(self.link.b)

    async def say(self, message: ControlMessage) -> None:
        await self.link.b.send(Outgoing(Channel.CTL, bytes(ControlFrame(pack_control(message)))))


@asynccontextmanager
async def call(
    draw: Callable[[int], Picture] = draw_head, duration_ms: int = 1600, config: SenderConfig | None = None
) -> AsyncIterator[Call]:
    made = Call(draw, duration_ms, config or SenderConfig())
    try:
        yield made
    finally:
        await made.peer.leave()
        await made.link.b.close()


async def test_a_call_carries_keyframe_motion_and_voice_and_says_goodbye(tmp_path: Path) -> None:
    crops = tmp_path / "crops.mkv"
    config = SenderConfig(record_crop=str(crops))
    async with call(config=config) as made:
        end = await made.session.run()
        await asyncio.sleep(0.05)
    assert end.reason is EndReason.SOURCE_ENDED and end.error is None
    assert made.peer.bye == "the source ended" and made.source.closed
    kinds = [type(event.message) for event in made.peer.of(ControlReceived)]
    assert kinds[:3] == [Hello, Disclosure, MediaConfig]

    keyframe = made.peer.of(KeyframeReceived)[0].keyframe
    assert decode_keyframe_image(keyframe.image, 256, 256).shape == (256, 256, 3)
    motion = [event.frame.media_ms for event in made.peer.of(MotionReceived)]
    assert motion == sorted(motion) and len(motion) >= 20
    assert motion[0] == keyframe.media_ms, "the picture of the keyframe is its own motion"
    voice = [event.packet for event in made.peer.of(VoiceReceived)]
    assert [packet.media_ms for packet in voice] == list(range(0, 1600, 80))

    stats = made.session.stats
    assert stats.counts["captured"] == 40 and stats.counts["malformed"] == 0
    assert stats.counts["processed"] + stats.counts["skipped_busy"] == 40
    assert stats.counts["sent"] >= len(motion) >= stats.counts["sent"] - 2
    write_report(tmp_path / "stats.json", made.session.report())
    report = json.loads((tmp_path / "stats.json").read_text())
    assert report["wire"]["forward_bytes"] > sum(
        report["payload"][f"{part}_bytes"] for part in ("audio", "motion", "keyframe", "control")
    )
    assert len(report["pictures"]) == stats.counts["processed"] and report["pictures"][0]["compute_ms"] > 0
    with av.open(str(crops)) as container:
        recorded = {round(frame.time * 1000): frame for frame in container.decode(video=0)}
    assert set(motion) <= set(recorded)
    media_ms = motion[-1]
    close = np.abs(
        recorded[media_ms].to_ndarray(format="rgb24").astype(int).mean() - draw_head(media_ms).mean()
    )
    assert close < 3


async def test_without_a_face_the_voice_goes_on_and_the_state_says_so() -> None:
    async with call(empty_room, 1400) as made:
        await made.session.run()
    assert made.session.state is FaceState.WAITING_FACE
    assert {report.state for report in made.reports} == {"waiting for a face"}
    assert len(made.peer.of(VoiceReceived)) >= 15
    assert not made.peer.of(MotionReceived) and not made.peer.of(KeyframeReceived)


async def test_a_face_that_leaves_and_returns_is_sent_again_without_a_new_keyframe() -> None:
    def draw(media_ms: int) -> Picture:
        return np.full((512, 512, 3), 120, np.uint8) if 1000 <= media_ms < 1600 else draw_head(media_ms)

    async with call(draw, 2600) as made:
        await made.session.run()
    states = [picture.state for picture in made.session.stats.pictures]
    assert states.index("FACE_LOST") > states.index("RUNNING") and states[-1] == "RUNNING"
    motion = [event.frame.media_ms for event in made.peer.of(MotionReceived)]
    assert not [ms for ms in motion if 1000 <= ms < 1600] and max(motion) > 2200
    assert len(made.peer.of(KeyframeReceived)) == 2, "the small first one and the reference"
    voice = [event.packet.media_ms for event in made.peer.of(VoiceReceived)]
    assert voice == list(range(0, voice[-1] + 80, 80))


async def test_the_receiver_can_ask_for_a_keyframe() -> None:
    async with call(duration_ms=2600) as made:
        running = asyncio.ensure_future(made.session.run())
        await asyncio.sleep(1.0)
        made.peer.decoder.want_keyframe()
        await running
    ids = [event.keyframe.keyframe_id for event in made.peer.of(KeyframeReceived)]
    assert ids == [0, 1, 2], "the small first one, the reference, and the one asked for"
    assert made.peer.of(MotionReceived)[-1].frame.keyframe_id == 2


async def test_a_pinned_thumbnail_travels_beside_motion_until_the_peer_wants_voice_alone() -> None:
    async with call(duration_ms=3000, config=SenderConfig(rung="thumbnail")) as made:
        await made.say(Hello(PROTOCOL_VERSION, MODEL, coding_identity(), (FEATURE_VIDEO,)))
        running = asyncio.ensure_future(made.session.run())
        await asyncio.sleep(1.8)
        seen = len(made.peer.of(VideoReceived)), len(made.peer.of(MotionReceived))
        await made.say(Pin(Rung.VOICE))
        await asyncio.sleep(0.5)
        late = len(made.peer.of(VideoReceived)), len(made.peer.of(MotionReceived))
        await running
    assert seen[0] >= 8 and seen[1] >= 8
    assert (len(made.peer.of(VideoReceived)), len(made.peer.of(MotionReceived))) == late
    units = [event.unit for event in made.peer.of(VideoReceived)]
    assert units[0].intra and {(unit.kind, unit.side_px) for unit in units} == {(VideoKind.THUMBNAIL, 128)}
    told = [
        event.message for event in made.peer.of(ControlReceived) if isinstance(event.message, MediaConfig)
    ]
    assert [config.rung for config in told] == [Rung.MOTION, Rung.THUMBNAIL, Rung.VOICE]
    assert [plan["rung"] for plan in made.session.stats.plans][-1] == Rung.VOICE
    assert {report.rung for report in made.reports} >= {"thumbnail", "voice"}


async def test_the_call_ends_when_its_time_is_up_and_when_stopped() -> None:
    async with call(duration_ms=5_000, config=SenderConfig(seconds=0.3)) as made:
        assert (await made.session.run()).reason is EndReason.TIME_IS_UP
    async with call(duration_ms=5_000) as made:
        asyncio.get_running_loop().call_later(0.3, made.session.stop)
        assert (await made.session.run()).reason is EndReason.STOPPED
        await asyncio.sleep(0.05)
    assert made.peer.bye == "stopped"


async def test_the_other_end_may_hang_up_or_vanish() -> None:
    async with call(empty_room, 5_000) as made:
        await made.say(Bye("enough"))
        assert (await made.session.run()).reason is EndReason.PEER_LEFT
    async with call(empty_room, 5_000) as made:
        await made.link.b.close()
        assert (await made.session.run()).reason is EndReason.PEER_LOST


async def test_another_motion_model_ends_the_call_with_advice() -> None:
    async with call(empty_room, 5_000) as made:
        await made.say(Hello(PROTOCOL_VERSION, MODEL, coding_identity()))
        await made.say(Hello(PROTOCOL_VERSION, "another", coding_identity()))
        with pytest.raises(UserError, match="same version"):
            await made.session.run()
    assert made.source.closed


async def test_garbage_is_survived_up_to_a_limit() -> None:
    cut_short, unknown_type = bytes(ControlFrame(b"\xff")), bytes([PROTOCOL_VERSION << 4])
    async with call(empty_room, 800) as made:
        for _ in range(CALL_MALFORMED_MAX):
            await made.link.b.send(Outgoing(Channel.RT, cut_short))
            await made.link.b.send(Outgoing(Channel.RT, unknown_type))
        end = await made.session.run()
    assert end.reason is EndReason.SOURCE_ENDED
    assert made.session.stats.counts["malformed"] == CALL_MALFORMED_MAX
    async with call(empty_room, 3000) as made:
        for _ in range(CALL_MALFORMED_MAX + 1):
            await made.link.b.send(Outgoing(Channel.RT, cut_short))
        assert (await made.session.run()).reason is EndReason.PEER_REFUSED


async def test_another_protocol_version_ends_the_call() -> None:
    async with call(empty_room, 5_000) as made:
        await made.link.b.send(Outgoing(Channel.CTL, bytes([15 << 4, 1, 2, 3])))
        assert (await made.session.run()).reason is EndReason.PEER_REFUSED


async def test_a_source_that_breaks_ends_the_call_and_closes_everything() -> None:
    def broken(media_ms: int) -> Picture:
        if media_ms >= 200:
            raise RuntimeError("camera on fire")
        return empty_room(media_ms)

    async with call(broken, 5_000) as made:
        with pytest.raises(RuntimeError, match="on fire"):
            await made.session.run()
    assert made.source.closed


async def test_a_silent_peer_is_asked_for_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sender.connection.PEER_PROBE_MS", 400)  # the peer acknowledges every 100 ms
    async with call(empty_room, 2000) as made:
        running = asyncio.ensure_future(made.session.run())
        await asyncio.sleep(0.9)
        assert not _asked(made.peer), "it is not silent yet"
        made.peer.decoder.poll = lambda now_us: []  # type: ignore[method-assign]
        await running
        await asyncio.sleep(0.05)
    assert _asked(made.peer)


def _asked(peer: Peer) -> bool:
    return any(isinstance(event.message, Pin) for event in peer.of(ControlReceived))
