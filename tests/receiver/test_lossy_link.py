"""A whole call's receiving side in virtual time over an impaired link: pictures keep coming, voice has no holes, nothing
drifts, and after a blackout both are back in time."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from receiver.voice_playout import VoicePlayer
from shared.core.decoder import Decoder
from shared.core.due import PictureDue, PictureState, VoiceDue
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, KeyframeReceived, MotionReceived, VoiceReceived
from shared.core.playout import Playout
from shared.frames import MotionFrame, VoicePacket
from shared.limits import HEAD_CONCEAL_MAX_MS, PICTURE_STEP_MS
from shared.opus import OpusEncoder
from shared.transport.base import TransportClosed
from shared.transport.impairments import Blackout, GilbertElliott, Impairment, RandomLoss
from shared.transport.memory_link import MemoryLink, MemoryTransport
from shared.transport.virtual_time import loop_now_us, run_virtual
from tests.shared.harness import frame_at, keyframe, motion_walk

CALL_MS = 9000
VOICE_MS = 80
TICK_S = 0.005
WALK = motion_walk(500)
BLACKOUT = Blackout(3000, 3000)


@dataclass
class Outcome:
    """What came out of a call. voice: (local ms, due, whether it was silent, whether it was concealed)."""

    sent: dict[int, MotionFrame] = field(default_factory=dict)
    decoded: list[MotionFrame] = field(default_factory=list)
    pictures: list[tuple[float, PictureDue]] = field(default_factory=list)
    voice: list[tuple[float, VoiceDue, bool, bool]] = field(default_factory=list)

    @property
    def from_first_pose(self) -> list[tuple[float, PictureDue]]:
        """Pictures from the first that rests on a pose."""
        start = next(i for i, (_, p) in enumerate(self.pictures) if p.state is PictureState.FRESH)
        return self.pictures[start:]


def call(impairment: Impairment) -> Outcome:
    return run_virtual(_call(impairment))


async def _call(impairment: Impairment) -> Outcome:
    link, outcome = MemoryLink(impairment, Impairment(delay_ms=25)), Outcome()
    listening = asyncio.ensure_future(_receive(link.b, outcome))
    await _send(link.a, outcome)
    await link.a.close()
    await listening
    return outcome


async def _send(transport: MemoryTransport, outcome: Outcome) -> None:
    encoder, decoder = Encoder(EncoderConfig()), Decoder()
    tone = (np.sin(np.arange(VOICE_MS * 48) / 18) * 9000).astype(np.int16)
    encoder.push_keyframe(keyframe(0))
    with OpusEncoder(6000, VOICE_MS, dtx=False, complexity=0) as voice:
        for now_ms in range(0, CALL_MS, 5):
            if now_ms % PICTURE_STEP_MS == 0:
                frame = frame_at(now_ms // PICTURE_STEP_MS, WALK, 0)
                outcome.sent[frame.media_ms] = frame
                encoder.push_motion(frame)
            if now_ms and now_ms % VOICE_MS == 0:
                encoder.push_voice(VoicePacket(now_ms - VOICE_MS, VOICE_MS, voice.encode(tone)))
            for outgoing in encoder.poll(loop_now_us()):
                await transport.send(outgoing)
            await _hear_acknowledgements(transport, encoder, decoder)


async def _hear_acknowledgements(transport: MemoryTransport, encoder: Encoder, decoder: Decoder) -> None:
    """For one tick."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TICK_S):
            while True:
                _, data = await transport.receive()
                for event in decoder.receive(data, loop_now_us()):
                    if isinstance(event, AckReceived):
                        encoder.receive_ack(event.ack, loop_now_us())


async def _receive(transport: MemoryTransport, outcome: Outcome) -> None:
    decoder, playout, player = Decoder(), Playout(), VoicePlayer()
    with suppress(TransportClosed):
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    while True:
                        _, data = await transport.receive()
                        _take(decoder, playout, outcome, data)
            for outgoing in decoder.poll(loop_now_us()):
                await transport.send(outgoing)
            _play(playout, player, outcome)
    player.close()


def _take(decoder: Decoder, playout: Playout, outcome: Outcome, data: bytes) -> None:
    for event in decoder.receive(data, loop_now_us()):
        match event:
            case MotionReceived(frame):
                outcome.decoded.append(frame)
                playout.push_motion(frame, loop_now_us())
            case VoiceReceived(packet):
                playout.push_voice(packet, loop_now_us())
            case KeyframeReceived(received):
                playout.add_keyframe(received.keyframe_id)
            case _:
                pass


def _play(playout: Playout, player: VoicePlayer, outcome: Outcome) -> None:
    now_ms = loop_now_us() / 1000
    while (voice := playout.voice_at(loop_now_us())) is not None:
        played = player.play(voice)
        outcome.voice.append((now_ms, voice, played.silent, played.concealed))
    if (picture := playout.picture_at(loop_now_us())) is not None:
        outcome.pictures.append((now_ms, picture))


def longest_silence_ms(outcome: Outcome) -> int:
    """Longest run of voice that nothing was made up for."""
    longest = run_ms = 0
    for _, due, silent, _ in outcome.voice:
        run_ms = run_ms + due.duration_ms if silent else 0
        longest = max(longest, run_ms)
    return longest


def assert_shown_at_25_fps(outcome: Outcome) -> None:
    times_ms = [now_ms for now_ms, _ in outcome.from_first_pose]
    fps = (len(times_ms) - 1) / (times_ms[-1] - times_ms[0]) * 1000
    assert 24.5 <= fps <= 25.5
    assert all(after.media_ms > before.media_ms for (_, before), (_, after) in pairwise(outcome.pictures))
    assert max(after - before for before, after in pairwise(times_ms)) <= 110


def assert_states_as_documented(outcome: Outcome) -> None:
    for _, picture in outcome.from_first_pose:
        age_ms, state = picture.pose_age_ms, picture.state
        assert (state is PictureState.FRESH) <= (age_ms == 0)
        assert (state is PictureState.CONCEALED) <= (0 < age_ms <= HEAD_CONCEAL_MAX_MS)
        assert (state is PictureState.HELD) <= (age_ms > HEAD_CONCEAL_MAX_MS)
        assert state not in (PictureState.WAITING, PictureState.VOICE, PictureState.VIDEO)


def assert_no_drift(outcome: Outcome) -> None:
    for frame in outcome.decoded:
        np.testing.assert_array_equal(frame.symbols, outcome.sent[frame.media_ms].symbols)


LINKS = {
    "loss5": Impairment(RandomLoss(0.05), delay_ms=25, jitter_ms=10),
    "loss20": Impairment(RandomLoss(0.2), delay_ms=25, jitter_ms=10),
    "burst500": Impairment(GilbertElliott(0.02, 1 / 6), delay_ms=25),
    "blackout3s": Impairment(delay_ms=25, blackouts=(BLACKOUT,)),
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return {name: call(impairment) for name, impairment in LINKS.items()}


@pytest.mark.parametrize("name", LINKS)
def test_whatever_is_lost_pictures_keep_coming_and_nothing_drifts(
    outcomes: dict[str, Outcome], name: str
) -> None:
    outcome = outcomes[name]
    assert_shown_at_25_fps(outcome)
    assert_states_as_documented(outcome)
    assert_no_drift(outcome)


def test_at_five_percent_loss_the_voice_has_no_hole_and_little_is_made_up(
    outcomes: dict[str, Outcome],
) -> None:
    outcome = outcomes["loss5"]
    assert longest_silence_ms(outcome) == 0
    concealed_ms = sum(due.duration_ms for _, due, _, made_up in outcome.voice if made_up and not due.stretch)
    assert concealed_ms < 0.05 * CALL_MS
    states = [picture.state for _, picture in outcome.from_first_pose]
    assert PictureState.HELD not in states
    received = (PictureState.FRESH, PictureState.INTERPOLATED, PictureState.BLENDED)
    assert sum(state in received for state in states) > 0.9 * len(states)


def test_at_twenty_percent_loss_the_call_stays_up(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["loss20"]
    assert longest_silence_ms(outcome) <= 120
    assert PictureState.HELD not in {picture.state for _, picture in outcome.from_first_pose}


def test_after_a_blackout_picture_and_voice_are_back_within_a_second_and_a_half(
    outcomes: dict[str, Outcome],
) -> None:
    outcome = outcomes["blackout3s"]
    over_ms = BLACKOUT.start_ms + BLACKOUT.duration_ms
    states = {p.state for ms, p in outcome.pictures if BLACKOUT.start_ms + 1000 < ms < over_ms}
    assert states == {PictureState.HELD}, "frozen openly"
    seen_ms = next(
        ms for ms, p in outcome.pictures if ms > BLACKOUT.start_ms + 1000 and p.state is PictureState.FRESH
    )
    heard_ms = next(
        ms for ms, due, _, made_up in outcome.voice if ms > BLACKOUT.start_ms + 1000 and not made_up
    )
    assert seen_ms - over_ms < 1500 and heard_ms - over_ms < 1500
    after = [p for ms, p in outcome.pictures if ms > seen_ms + 200]
    assert sum(p.state is PictureState.FRESH for p in after) > 0.95 * len(after)
