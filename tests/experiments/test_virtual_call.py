"""A coded clip over a bad link in virtual time: what arrives, what is shown, what is heard."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.network.links import LINKS, Link
from experiments.rates.driver import LiveThumbnails
from experiments.rates.virtual_call import our_wire, through_link
from experiments.rates.virtual_receiver import Arrived, play, rebuild_arrived
from models.evaluation.offline_call import Coded, OfflineSender
from models.runtime.choose import choose_backend
from shared.core.playout import PictureDue, PictureState, VoiceDue
from shared.errors import UserError
from shared.frames import Rung, VoicePacket
from shared.opus import SAMPLES_PER_MS
from shared.transport.impairments import Blackout, Impairment, PatternLoss, RandomLoss, RateStep
from tests.models.clips import sample_frames
from tests.shared.harness import frame_at, keyframe, motion_walk

CLEAN = LINKS["clean"]
SECONDS = 4.0
FRAMES = 12


def link(way: Impairment, seed: int = 1) -> Link:
    return Link("test", "", seed, way, way)


def coded(rung: str = "motion") -> Coded:
    walk = motion_walk(200)
    motion = tuple(frame_at(i, walk, 0) for i in range(100))
    voice = tuple(VoicePacket(80 * i, 80, bytes([8, *[0] * 59])) for i in range(50))
    made = Coded("motion", (keyframe(0),), 0, motion, 0, voice, (), SECONDS)
    return replace(made, rung="voice", motion=motion[:1]) if rung == "voice" else made


def states(arrived: Arrived) -> list[PictureState]:
    return [
        what.state
        for _, what in play(arrived.received, arrived.rung, SECONDS)
        if isinstance(what, PictureDue)
    ]


def test_on_a_clean_link_everything_arrives_at_the_rate_that_is_counted_elsewhere() -> None:
    arrived = through_link(coded(), CLEAN)
    assert len(arrived.motion) == 100 and len(arrived.voice) == 50 and len(arrived.keyframes) == 1
    assert arrived.lost_motion_share == arrived.voice_concealed_share == 0
    assert arrived.concealed_share <= 0.01  # the keyframe comes before the motion that waited for it
    assert arrived.wire == our_wire(coded())
    assert min(us for us, _ in arrived.motion) > 20_000


def test_the_same_call_is_the_same_again_and_another_seed_is_another() -> None:
    lossy = link(Impairment(RandomLoss(0.2), 20))
    one, again, other = (through_link(coded(), lossy, seed=seed) for seed in (1, 1, 2))
    assert (one.wire, one.concealed_share) == (again.wire, again.concealed_share)
    assert [us for us, _ in one.motion] == [us for us, _ in again.motion]
    assert [us for us, _ in one.motion] != [us for us, _ in other.motion]


def test_loss_is_seen_heard_and_repaired() -> None:
    clean, lossy = through_link(coded(), CLEAN), through_link(coded(), link(Impairment(RandomLoss(0.2), 20)))
    assert 0 < lossy.lost_motion_share < 0.3
    assert 0 < lossy.concealed_share < 0.5
    assert 0 < lossy.voice_concealed_share < 0.3
    assert len(lossy.keyframes) == 1
    assert lossy.payload_kbps["audio"] > clean.payload_kbps["audio"]


def test_after_a_blackout_motion_returns() -> None:
    arrived = through_link(coded(), link(Impairment(delay_ms=20, blackouts=(Blackout(1500, 1000),))))
    kinds = states(arrived)[: 4 * 25]
    assert kinds.count(PictureState.CONCEALED) + kinds.count(PictureState.HELD) >= 20
    assert kinds[-10:].count(PictureState.FRESH) == 10


def test_a_keyframe_that_is_lost_is_asked_for_again() -> None:
    way = Impairment(PatternLoss((True, True, True)), 20)
    (arrived_us, _), *_ = through_link(coded(), link(way)).keyframes
    (clean_us, _), *_ = through_link(coded(), CLEAN).keyframes
    assert clean_us < arrived_us < 3_000_000


def test_a_slow_link_queues_and_the_call_makes_itself_smaller() -> None:
    slow = through_link(coded(), link(Impairment(delay_ms=20, rate=(RateStep(0, 20),), queue_bytes=4000)))
    clean = through_link(coded(), CLEAN)
    assert 0.2 < slow.lost_motion_share < 0.6
    assert slow.motion[-1][0] > clean.motion[-1][0]


def test_on_the_voice_rung_no_motion_is_missed() -> None:
    arrived = through_link(coded("voice"), CLEAN, 160)
    assert arrived.rung is Rung.VOICE
    assert not arrived.motion
    assert arrived.concealed_share == arrived.lost_motion_share == 0
    assert set(states(arrived)[20:]) == {PictureState.VOICE}


def test_what_is_due_comes_in_order_of_time_and_without_gaps() -> None:
    arrived = through_link(coded(), link(Impairment(RandomLoss(0.2), 20, 60)))
    times, voice_ms, picture_ms = [], [], []
    for now_us, what in play(arrived.received, arrived.rung, SECONDS):
        times.append(now_us)
        if isinstance(what, VoiceDue) and not what.stretch:
            voice_ms += [what.media_ms, what.media_ms + what.duration_ms]
        if isinstance(what, PictureDue):
            picture_ms.append(what.media_ms)
    assert times == sorted(times)
    assert np.all(np.diff(picture_ms) >= 40)
    assert np.all(np.diff(voice_ms) >= -10)


def test_bundles_that_no_call_has_are_refused() -> None:
    with pytest.raises(UserError, match="Bundles"):
        through_link(coded(), CLEAN, 300)


# --- with the sample: what is seen and heard


@pytest.fixture(scope="module")
def frames() -> list[NDArray[np.uint8]]:
    return sample_frames(FRAMES)


@pytest.fixture(scope="module")
def pcm() -> NDArray[np.int16]:
    samples = FRAMES * 40 * SAMPLES_PER_MS
    return np.asarray(8000 * np.sin(np.arange(samples) * 2 * np.pi * 220 / 48_000), np.int16)


@pytest.fixture(scope="module")
def spoken(frames: list[NDArray[np.uint8]], pcm: NDArray[np.int16]) -> Coded:
    return OfflineSender().code(frames, pcm)


def test_a_clean_call_shows_and_plays_everything_from_its_first_picture_on(
    spoken: Coded, frames: list[NDArray[np.uint8]], pcm: NDArray[np.int16]
) -> None:
    rebuilt = rebuild_arrived(through_link(spoken, CLEAN), choose_backend("mesh-warp"), FRAMES)
    assert len(rebuilt.pictures) == FRAMES and len(rebuilt.voice) == len(pcm)
    assert rebuilt.first <= 3 and rebuilt.freezes == 0
    assert rebuilt.states[-1] is PictureState.FRESH
    assert not np.array_equal(rebuilt.pictures[-1], rebuilt.pictures[rebuilt.first])
    late = slice(200 * SAMPLES_PER_MS, 400 * SAMPLES_PER_MS)
    assert 0.5 < np.abs(rebuilt.voice[late]).mean() / np.abs(pcm[late]).mean() < 1.5
    assert np.all(rebuilt.delays_ms > 100)


def test_what_does_not_arrive_is_held_and_silent(spoken: Coded) -> None:
    way = Impairment(delay_ms=20, blackouts=(Blackout(320, 10_000),))
    lost = rebuild_arrived(through_link(spoken, link(way)), choose_backend("mesh-warp"), FRAMES, ears=None)
    assert lost.states[-1] in (PictureState.CONCEALED, PictureState.HELD)
    assert lost.freezes == (lost.states[-1] is PictureState.HELD)
    assert np.abs(lost.voice[-40 * SAMPLES_PER_MS :]).max() < np.abs(lost.voice).max()


def test_a_link_that_lets_no_keyframe_through_is_a_user_error(spoken: Coded) -> None:
    nothing = through_link(spoken, link(Impairment(RandomLoss(1.0))))
    with pytest.raises(UserError, match="no keyframe"):
        rebuild_arrived(nothing, choose_backend("mesh-warp"), FRAMES)


def test_a_lost_thumbnail_is_followed_by_one_that_stands_alone(
    spoken: Coded, frames: list[NDArray[np.uint8]]
) -> None:
    clip = [frames[i % FRAMES] for i in range(75)]
    walk = tuple(replace(spoken.motion[i % FRAMES], media_ms=40 * i) for i in range(75))
    long = replace(spoken, motion=walk, seconds=3.0)
    live = LiveThumbnails(clip, 5.0)
    arrived = through_link(long, link(Impairment(delay_ms=20, blackouts=(Blackout(600, 300),))), live=live)
    live.close()
    alone = [unit.media_ms for _, unit in arrived.thumbnails if unit.intra]
    assert alone[0] == 0 and any(600 < media_ms < 2000 for media_ms in alone[1:])
    assert arrived.payload_kbps["thumbnail"] > 2
