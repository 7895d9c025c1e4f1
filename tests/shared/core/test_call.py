"""Encoder, decoder and playout together, over a link with loss patterns, in virtual time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.control import Bye, Disclosure
from shared.core.decoder import Decoder, DecoderConfig
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import ControlReceived, KeyframeReceived, VoiceReceived
from shared.core.playout import PictureState
from shared.frames import Channel
from shared.limits import MESSAGE_MAX_BYTES, PICTURE_STEP_MS
from tests.shared.harness import Call, Pattern, clean, keyframe, losing, messy

PATTERNS = {
    "clean": clean,
    "one in ten lost": losing(3, every=10),
    "bursts of five": losing(0, 1, 2, 3, 4, every=20),
    "half lost": losing(1, every=2),
    "messy": messy,
}


def call(forward: Pattern = clean, backward: Pattern = clean, **options: object) -> Call:
    made = Call(forward, backward, **options)  # type: ignore[arg-type]
    made.encoder.push_keyframe(keyframe(0))
    return made


def assert_no_drift(made: Call) -> None:
    received = made.motion_received()
    assert len({frame.media_ms for frame in received}) == len(received)
    for frame in received:
        sent = made.sent_frames[frame.media_ms]
        assert frame.keyframe_id == sent.keyframe_id
        np.testing.assert_array_equal(frame.symbols, sent.symbols)


@pytest.mark.parametrize("forward", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("backward", PATTERNS.values(), ids=PATTERNS)
def test_no_pattern_of_loss_makes_symbols_drift(forward: Pattern, backward: Pattern) -> None:
    made = call(forward, backward)
    made.run(6000)
    assert_no_drift(made)
    assert len(made.motion_received()) > 40
    assert len(made.received(KeyframeReceived)) == 1


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 300), max_size=2).map(tuple), min_size=1, max_size=12),
    st.lists(st.lists(st.integers(0, 300), max_size=2).map(tuple), min_size=1, max_size=6),
    st.sampled_from([40, 80, 160, 200]),
    st.sampled_from([20, 60, 80, 120]),
)
def test_any_pattern_neither_raises_nor_drifts(
    forward: list[tuple[int, ...]], backward: list[tuple[int, ...]], bundle_ms: int, voice_ms: int
) -> None:
    made = call(
        lambda number: forward[number % len(forward)],
        lambda number: backward[number % len(backward)],
        encoder=Encoder(EncoderConfig(bundle_ms=bundle_ms)),
        voice_ms=voice_ms,
    )
    made.run(2500)
    assert_no_drift(made)
    times = [picture.media_ms for _, picture in made.pictures]
    assert times == sorted(set(times))


def test_a_clean_call_delivers_everything_once() -> None:
    made = call()
    made.run(4000)
    voice = [event.packet.media_ms for event in made.received(VoiceReceived)]  # type: ignore[union-attr]
    assert voice == list(range(0, 3840 + 1, 80))[: len(voice)] and len(voice) >= 48
    first = made.motion_received()[0].media_ms
    assert [frame.media_ms for frame in made.motion_received()][:80] == list(range(first, first + 3200, 40))


def test_bundles_leave_with_the_voice_they_carry() -> None:
    made = call()
    made.run(8080)
    assert made.encoder.stats.bundles == 100
    assert all(size_bytes <= MESSAGE_MAX_BYTES for _, size_bytes in made.sent)


def test_prediction_from_acknowledged_frames_saves_bytes() -> None:
    acknowledged, deaf = call(), call(backward=lambda number: ())
    for made in (acknowledged, deaf):
        made.run(6000)
    assert acknowledged.encoder.stats.motion_bytes < 0.9 * deaf.encoder.stats.motion_bytes


def test_a_lost_keyframe_part_is_sent_again_alone() -> None:
    made = call(lambda number: () if number == 2 else (20,))
    made.run(3000)
    assert made.encoder.stats.parts_resent == 1
    assert len(made.received(KeyframeReceived)) == 1


def test_the_first_picture_comes_within_half_a_second() -> None:
    made = call()
    made.run(1000)
    shown = [now for now, picture in made.pictures if picture.state is PictureState.FRESH]
    assert shown[0] <= 500


def test_a_new_keyframe_is_used_only_when_the_receiver_holds_it() -> None:
    made = call()
    made.run(1000)
    made.encoder.push_keyframe(keyframe(1))
    assert made.encoder.usable_keyframe_ids == (0,)
    made.run(2000)
    assert made.encoder.usable_keyframe_ids[-1] == 1
    made.keyframe_id = 1
    made.run(3000)
    assert_no_drift(made)
    assert made.pictures[-1][1].keyframe_id == 1
    assert {picture.state for _, picture in made.pictures[30:]} <= {PictureState.FRESH, PictureState.HELD}


def test_loss_turns_repeats_on_and_they_fill_the_gaps() -> None:
    repeating = call(losing(3, every=10))
    bare = call(losing(3, every=10), encoder=Encoder(EncoderConfig(redundancy=False)))
    for made in (repeating, bare):
        made.run(8000)
    assert len(bare.received(VoiceReceived)) < 92
    assert len(repeating.received(VoiceReceived)) >= 97


def test_control_messages_arrive_and_count() -> None:
    made = call()
    made.encoder.push_control(Disclosure("rebuilt by a network"))
    made.encoder.push_control(Bye("done"))
    made.run(200)
    assert made.received(ControlReceived) == [
        ControlReceived(Disclosure("rebuilt by a network")),
        ControlReceived(Bye("done")),
    ]
    assert [channel for channel, _ in made.sent].count(Channel.CTL) == 2


def test_acknowledgements_are_rare_while_all_is_well() -> None:
    made = call(decoder=Decoder(DecoderConfig(ack_interval_ms=500)))
    made.run(10_000)
    assert 18 <= len(made.returned) <= 25
    assert max(made.returned) <= 26


def test_the_round_trip_and_the_loss_are_measured() -> None:
    made = call(losing(3, every=10))
    made.run(5000)
    assert made.encoder.rtt_ms == pytest.approx(40, abs=6)
    assert made.encoder.loss == pytest.approx(0.1, abs=0.07)


def test_pictures_come_on_time_at_25_fps() -> None:
    made = call()
    made.run(10_000)
    pictures = [picture for _, picture in made.pictures if picture.state is not PictureState.WAITING]
    assert len(pictures) >= 235
    steps = {after.media_ms - before.media_ms for before, after in pairwise(pictures)}
    assert steps == {PICTURE_STEP_MS}
    assert sum(picture.state is PictureState.FRESH for picture in pictures) >= 0.98 * len(pictures)


def test_half_the_frame_rate_is_interpolated() -> None:
    made = call(motion_step_ms=80)
    made.run(6000)
    states = [picture.state for _, picture in made.pictures][20:]
    assert states.count(PictureState.INTERPOLATED) >= 0.45 * len(states)
    assert states.count(PictureState.HELD) <= 2


def test_after_a_blackout_of_three_seconds_the_call_resumes_at_once() -> None:
    blackout = range(60, 98)
    made = call(lambda number: () if number in blackout else (20,))
    made.run(12_000)
    fresh = [now for now, picture in made.pictures if picture.state is PictureState.FRESH]
    gaps = [after - before for before, after in pairwise(fresh)]
    assert 2800 <= max(gaps) <= 3500
    spoken = [now for now, voice in made.voices if voice.packet is not None]
    assert max(after - before for before, after in pairwise(spoken)) <= 3500
    assert_no_drift(made)


@pytest.mark.parametrize("drift_ppm", [-200, 200])
def test_clock_drift_costs_neither_voice_nor_delay(drift_ppm: int) -> None:
    made = call(drift_ppm=drift_ppm)
    made.run(60_000)
    lost = [voice for _, voice in made.voices[5:] if voice.packet is None and not voice.stretch]
    assert len(lost) <= 2
    now, last = made.pictures[-1]
    assert now - last.media_ms <= 260
