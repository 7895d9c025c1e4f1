"""receiver.session: whole calls over an in-process link, with the real encoder, decoder, voice codec and sinks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from models.runtime.base import Array, Backend, Picture, ReferenceState
from models.runtime.mesh_warp import MeshWarpBackend
from receiver.clock import monotonic_us
from receiver.disclosure import VIDEO_TEXT, mark, mark_corner, waiting_picture
from receiver.render_worker import RenderWorker
from receiver.session import EndReason, LiveReport, ReceiverSession
from receiver.sinks.open import open_sinks
from receiver.stats import report, write_report
from shared.coding.motion_layout import MotionValues
from shared.control import Bye, Disclosure, Hello, MediaConfig, Pin, pack_control
from shared.core.events import VideoReceived
from shared.core.keyframe_sender import split
from shared.errors import UserError
from shared.frames import Channel, Rung, VideoKind
from shared.keyframe_blob import pack_keyframe
from shared.limits import CALL_MALFORMED_MAX, KEYFRAME_RATE_BURST, KEYFRAME_RATE_PER_S
from shared.transport.impairments import Impairment, PatternLoss
from shared.transport.memory_link import MemoryLink
from shared.wire import PROTOCOL_VERSION, ControlFrame
from tests.receiver.coded_pictures import units
from tests.receiver.keyframes import keyframe
from tests.receiver.remote import BEEP_FROM_MS, MODEL, Remote, send_bytes
from tests.receiver.sinks.media import onset_s, pictures_of, voice_of
from tests.receiver.sinks.test_open import Kept

CALL_MS = 1200
CUT_SHORT, UNKNOWN_KIND = bytes(ControlFrame(b"\xff")), bytes([PROTOCOL_VERSION << 4])


class Call:
    """A session, its sinks and its peer."""

    def __init__(
        self, folder: Path, worker: RenderWorker, link: MemoryLink, seconds: float | None = None
    ) -> None:
        self.link, self.worker = link, worker
        self.mp4, self.mkv = folder / "a.mp4", folder / "a.mkv"
        self.live = Kept(live=True)
        sinks = open_sinks([f"mp4:{self.mp4}", f"lossless:{self.mkv}"])
        sinks._sinks.append(self.live)
        self.reports: list[LiveReport] = []
        self.session = ReceiverSession(link.b, worker, sinks, MODEL, seconds, on_report=self.reports.append)

    @property
    def states(self) -> list[str]:
        return [picture.state for picture in self.session.stats.pictures]


@asynccontextmanager
async def call(
    folder: Path,
    backend: Backend | None = None,
    seconds: float | None = None,
    forward: Impairment | None = None,
) -> AsyncIterator[Call]:
    worker = RenderWorker(backend or MeshWarpBackend())
    link = MemoryLink(forward)
    try:
        yield Call(folder, worker, link, seconds)
    finally:
        await link.a.close()
        await link.b.close()
        worker.close()


async def run(made: Call, remote: Remote, duration_ms: int = CALL_MS, bye: bool = True) -> EndReason:
    ended, _ = await asyncio.gather(made.session.run(), remote.talk(duration_ms, bye))
    await remote.leave()
    return ended.reason


async def test_a_call_is_seen_and_heard_on_one_clock(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        remote = Remote(made.link.a)
        assert await run(made, remote) is EndReason.PEER_LEFT
    stats = made.session.stats
    assert isinstance(remote.heard[0], Hello) and remote.acks > 0 and stats.counts["disclosures"] == 1
    shown = [row for row in stats.pictures if row.state != "WAITING"]
    assert len(shown) >= 8 and set(made.states[5:]) <= {
        "FRESH",
        "INTERPOLATED",
        "BLENDED",
        "CONCEALED",
        "HELD",
    }
    assert made.states.count("FRESH") >= 5
    media_ms = [row.media_ms for row in stats.pictures]
    assert media_ms == sorted(set(media_ms)) and not any(step % 40 for step in np.diff(media_ms))
    assert all(row.shown_us >= row.due_us for row in stats.pictures)
    glass_ms = [
        (row.shown_us - remote.capture_us[row.media_ms]) / 1000 for row in shown if row.media_ms < CALL_MS
    ]
    assert np.median(glass_ms) < 400
    voice = {row.media_ms: row.played_us for row in stats.voice}
    skew_ms = [(row.shown_us - voice[row.media_ms]) / 1000 for row in shown if row.media_ms in voice]
    assert skew_ms and np.median(np.abs(skew_ms)) < 45

    pictures = pictures_of(made.mp4)
    moved_s = next(time for time, picture in pictures if _moved(picture, pictures[-1][1]))
    expected_s = min(ms for ms in media_ms if ms >= BEEP_FROM_MS) / 1000
    assert onset_s(voice_of(made.mp4)) == pytest.approx(BEEP_FROM_MS / 1000, abs=0.03)
    assert moved_s == pytest.approx(expected_s, abs=0.03)


def _moved(picture: Picture, last: Picture) -> bool:
    return float(np.abs(picture[:220].astype(int) - last[:220]).mean()) < 8


async def test_every_picture_that_people_see_is_marked_and_the_measuring_ones_are_not(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        await run(made, Remote(made.link.a), 800)
    top, left = mark_corner(256)
    ink = mark(np.zeros((256, 256, 3), np.uint8))[top:252, left:110].min(axis=2) > 250
    assert ink.sum() > 100 and made.live.pictures
    for picture in (*made.live.pictures, *(p for _, p in pictures_of(made.mp4))):
        assert picture[top:252, left:110][ink].mean() > 220
    assert not any((p[top:252, left:110][ink] > 220).all() for _, p in pictures_of(made.mkv))


async def test_it_waits_until_the_first_keyframe_then_conceals_and_holds_without_motion(
    tmp_path: Path,
) -> None:
    async with call(tmp_path) as made:
        await run(made, Remote(made.link.a, keyframe_after_ms=400, motion_until_ms=700), 1600)
    states = made.states
    assert states[0] == "WAITING" and states[-1] == "HELD" and states.count("CONCEALED") >= 10
    assert "FRESH" in states and "WAITING" not in states[states.index("FRESH") :]
    card = mark(waiting_picture(256))
    waiting = states.count("WAITING")
    assert all(np.array_equal(picture, card) for picture in made.live.pictures[: waiting + 1])
    assert not np.array_equal(made.live.pictures[waiting + 1], card)
    held = made.live.pictures[-3:]
    assert np.array_equal(held[0], held[-1]), "the last pose stays"
    assert made.session.stats.pictures[-1].compute_ms == 0
    recorded = json.loads((tmp_path / "a.mkv.json").read_text())["pictures"]
    assert recorded[0]["state"] == "WAITING"


async def test_on_the_voice_rung_the_missing_motion_is_not_missed(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        remote = Remote(made.link.a, motion_until_ms=400)
        remote.encoder.push_control(MediaConfig(0, 80, 80, Rung.VOICE))
        await run(made, remote, 1400)
    states = made.states
    assert states[-1] == "VOICE" and states.count("VOICE") >= 15
    assert not {"HELD", "CONCEALED"} & set(states[states.index("FRESH") :])


async def test_voice_alone_is_played_and_the_picture_waits(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        assert await run(made, Remote(made.link.a, keyframe_after_ms=None), 900) is EndReason.PEER_LEFT
    assert set(made.states) == {"WAITING"} and made.session.stats.counts["voice_blocks"] >= 10
    assert onset_s(voice_of(made.mp4)) == pytest.approx(BEEP_FROM_MS / 1000, abs=0.03)


async def test_a_keyframe_that_is_no_picture_is_refused_and_asked_for_again(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        remote = Remote(made.link.a, broken_keyframe=True)
        await run(made, remote)
        assert remote.encoder.take_keyframe_wish()
    assert set(made.states) == {"WAITING"} and made.session.stats.counts["malformed"] >= 1


async def test_keyframes_past_the_rate_are_refused_and_cost_nothing(tmp_path: Path) -> None:
    async with call(tmp_path, seconds=1.2) as made:
        running = asyncio.ensure_future(made.session.run())
        given = [keyframe(number) for number in range(KEYFRAME_RATE_BURST + 3)]
        for one in given:
            for part in split(one.keyframe_id, pack_keyframe(one)):
                await send_bytes(made.link.a, bytes(part))
        await running
    stats = made.session.stats
    assert stats.counts["keyframes"] == KEYFRAME_RATE_BURST + 3
    refused = stats.counts["keyframes_refused"]
    assert 3 - KEYFRAME_RATE_PER_S * 1.2 <= refused <= 3, "the call lasts 1.2 s"
    assert len(stats.references) <= KEYFRAME_RATE_BURST + 3 - refused


async def test_video_is_shown_marked_as_such_and_a_missing_unit_asks_for_a_fresh_start(
    tmp_path: Path,
) -> None:
    async with call(tmp_path, seconds=1.0) as made:
        running = asyncio.ensure_future(made.session.run())
        stream = units(16, side_px=64)
        for unit in stream[:8] + stream[9:]:
            made.session._take(VideoReceived(unit), monotonic_us())
            await asyncio.sleep(0.03)
        await running
    assert made.states.count("VIDEO") >= 8 and made.session.stats.counts["video_refused"] >= 1
    assert VideoKind.VIDEO in made.session.decoder._video.wanted
    left = mark_corner(256)[1]
    word = mark(np.zeros((256, 256, 3), np.uint8), VIDEO_TEXT)[-20:, left : left + 40].min(axis=2) > 250
    marked = [p for p in made.live.pictures if (p[-20:, left : left + 40][word] > 220).all()]
    assert len(marked) >= 8


async def test_lost_packets_are_concealed_and_nothing_breaks(tmp_path: Path) -> None:
    async with call(
        tmp_path, forward=Impairment(loss=PatternLoss((False, False, False, True), repeat=True))
    ) as made:
        assert await run(made, Remote(made.link.a), 1600) is EndReason.PEER_LEFT
    assert len(pictures_of(made.mp4)) >= 30 and len(made.session.stats.voice) >= 15


async def test_garbage_is_survived_up_to_a_limit_and_then_ends_the_call(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        for _ in range(CALL_MALFORMED_MAX):
            await send_bytes(made.link.a, CUT_SHORT)
            await send_bytes(made.link.a, UNKNOWN_KIND)
        assert await run(made, Remote(made.link.a), 600) is EndReason.PEER_LEFT
    assert made.session.stats.counts["malformed"] == CALL_MALFORMED_MAX and "FRESH" in made.states
    async with call(tmp_path) as made:
        for _ in range(CALL_MALFORMED_MAX + 1):
            await send_bytes(made.link.a, CUT_SHORT)
        assert (await made.session.run()).reason is EndReason.PEER_REFUSED
    assert pictures_of(made.mp4)


async def test_random_bytes_never_do_more_than_end_the_call(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    async with call(tmp_path, seconds=0.5) as made:
        for _ in range(200):
            head = bytes([PROTOCOL_VERSION << 4 | int(rng.integers(16))])
            channel = Channel.CTL if rng.random() < 0.2 else Channel.RT
            await send_bytes(made.link.a, head + rng.bytes(int(rng.integers(1, 200))), channel)
        end = await made.session.run()
    assert end.reason in (EndReason.PEER_REFUSED, EndReason.TIME_IS_UP, EndReason.PEER_LEFT)
    assert all(np.array_equal(picture, mark(waiting_picture(256))) for picture in made.live.pictures)


async def test_another_version_or_model_ends_the_call_with_its_reason(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        await send_bytes(made.link.a, bytes([15 << 4, 1, 2, 3]), Channel.CTL)
        assert (await made.session.run()).reason is EndReason.PEER_REFUSED
    async with call(tmp_path) as made:
        hello = Hello(PROTOCOL_VERSION, "another", "tables")
        await send_bytes(made.link.a, bytes(ControlFrame(pack_control(hello))), Channel.CTL)
        with pytest.raises(UserError, match="same version"):
            await made.session.run()
    assert made.live.closed


async def test_a_peer_that_vanishes_ends_the_call_and_the_files_are_whole(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        remote = Remote(made.link.a)
        talking = asyncio.ensure_future(remote.talk(60_000))
        asyncio.get_running_loop().call_later(0.8, lambda: asyncio.ensure_future(made.link.a.close()))
        assert (await made.session.run()).reason is EndReason.PEER_LOST
        await talking
        await remote.leave()
    assert len(pictures_of(made.mp4)) >= 10 and made.live.closed


async def test_stop_and_time_say_goodbye_and_close_the_sinks(tmp_path: Path) -> None:
    for seconds in (None, 0.3):
        async with call(tmp_path, seconds=seconds) as made:
            remote = Remote(made.link.a)
            talking = asyncio.ensure_future(remote.talk(600, bye=False))
            if seconds is None:
                asyncio.get_running_loop().call_later(0.3, made.session.stop)
            end = await made.session.run()
            await talking
            await remote.leave()
        assert end.reason is (EndReason.STOPPED if seconds is None else EndReason.TIME_IS_UP)
        assert any(isinstance(message, Bye) for message in remote.heard) and made.live.closed


async def test_a_silent_peer_is_asked_for_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.session.PEER_PROBE_MS", 50)
    async with call(tmp_path, seconds=0.4) as made:
        remote = Remote(made.link.a)
        await made.session.run()
        await remote.leave()
    assert any(isinstance(message, Pin) for message in remote.heard)


async def test_an_engine_that_breaks_for_good_ends_the_call(tmp_path: Path) -> None:
    class Broken(MeshWarpBackend):
        def render(
            self,
            state: ReferenceState,
            motion: MotionValues,
            voice: Array | None = None,
            thumbnail: Picture | None = None,
        ) -> Picture:
            raise UserError("The weights do not fit. Reinstall.")

    async with call(tmp_path, Broken()) as made:
        remote = Remote(made.link.a)
        talking = asyncio.ensure_future(remote.talk(2000))
        with pytest.raises(UserError, match="do not fit"):
            await made.session.run()
        await talking
        await remote.leave()
    assert made.live.closed and made.session.stats.counts["render_failed"] >= 1


async def test_a_call_without_any_sink_left_ends(tmp_path: Path) -> None:
    worker, link = RenderWorker(MeshWarpBackend()), MemoryLink()
    session = ReceiverSession(link.b, worker, open_sinks([]), MODEL)
    assert (await session.run()).reason is EndReason.NO_SINK_LEFT
    await link.a.close()
    worker.close()


async def test_two_calls_share_one_network(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with call(tmp_path / "one") as first:
        link = MemoryLink()
        second = Call(tmp_path / "two", first.worker, link)
        reasons = await asyncio.gather(
            run(first, Remote(first.link.a), 700), run(second, Remote(link.a, keyframe_after_ms=None), 700)
        )
        assert reasons == [EndReason.PEER_LEFT] * 2
    assert "FRESH" in first.states and set(second.states) == {"WAITING"}


async def test_the_statistics_hold_what_a_measurement_needs(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        await run(made, Remote(made.link.a))
        content = report(
            made.session.stats,
            {"size": "lite"},
            {"backend": "mesh-warp", "device": "CPU", "model": {"name": "mesh-warp", "sha256": ""}},
            made.link.b,
            made.session.decoder.stats,
        )
    path = tmp_path / "stats.json"
    write_report(path, content)
    found = json.loads(path.read_text())
    assert {"media_ms", "due_us", "shown_us", "state", "compute_ms"} <= set(found["pictures"][0])
    assert {"media_ms", "played_us", "concealed"} <= set(found["voice"][0])
    assert found["joined_us"] <= found["opened_us"] <= found["pictures"][0]["shown_us"] <= found["ended_us"]
    assert found["wire"]["reverse_bytes"] > 0 and found["playout"] and found["references"]
    assert {"shown", "rendered", "held", "late", "dropped", "voice_concealed"} <= set(found["counts"])
    assert made.reports and made.reports[0].fps > 0
    with pytest.raises(UserError, match="--stats"):
        write_report(tmp_path / "missing" / "stats.json", content)


def test_disclosure_is_a_message_of_the_protocol() -> None:
    assert Disclosure("text").reconstructed
