"""receiver.voice_features."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from receiver.voice_features import AHEAD_MS, COLUMNS, VoiceFeatures
from shared.frames import VoicePacket
from shared.limits import VOICE_HISTORY_MS
from shared.log_mel import down_to_16k, log_mel
from shared.opus import OpusDecoder, OpusEncoder

pytestmark = pytest.mark.model
FRAME_MS = 80
DECODER_DELAY_SAMPLES = 312
"""6.5 ms at 48 kHz, as `models.training.voice` cuts it."""


def packets(count: int, tone_from_ms: int = 0) -> list[VoicePacket]:
    encoder = OpusEncoder(16_000, FRAME_MS, dtx=False)
    t_ms = np.arange(count * FRAME_MS * 48) / 48
    sound = np.sin(2 * np.pi * 0.3 * t_ms) * 8000 * (t_ms >= tone_from_ms)
    blocks = sound.astype(np.int16).reshape(count, -1)
    return [VoicePacket(i * FRAME_MS, FRAME_MS, encoder.encode(block)) for i, block in enumerate(blocks)]


@pytest.fixture
def ears() -> Iterator[VoiceFeatures]:
    ears = VoiceFeatures()
    yield ears
    ears.close()


def test_without_voice_around_a_picture_there_are_no_features(ears: VoiceFeatures) -> None:
    assert ears.at(0) is None
    for packet in packets(4):
        ears.push(packet)
    assert ears.at(4 * FRAME_MS + 1) is None and ears.at(-VOICE_HISTORY_MS) is None


def test_speech_sounds_unlike_silence_and_features_are_of_their_moment(ears: VoiceFeatures) -> None:
    for packet in packets(10, tone_from_ms=400):
        ears.push(packet)

    def at(media_ms: int) -> NDArray[np.float32]:
        found = ears.at(media_ms)
        assert found is not None and found.shape == (32,) and np.isfinite(found).all()
        return found

    before, spoken = at(400 - AHEAD_MS - 40), at(640)
    assert np.abs(spoken - before).max() > 0.05


def test_broken_and_late_packets_change_nothing(ears: VoiceFeatures) -> None:
    given = packets(6)
    for packet in given:
        ears.push(packet)
    expected = ears.at(300)
    ears.push(VoicePacket(6 * FRAME_MS, FRAME_MS, b"\xff\xff\xff"))
    ears.push(given[2])
    assert np.array_equal(ears.at(300), expected)  # type: ignore[arg-type]


def test_a_long_gap_is_silence_and_memory_stays_bounded(ears: VoiceFeatures) -> None:
    ears.push(packets(1)[0])
    later = packets(1)[0]
    ears.push(VoicePacket(10**9, FRAME_MS, later.data))
    assert ears.at(10**9) is not None and ears.at(0) is None


def test_columns_are_those_of_training_from_which_the_decoders_delay_was_cut(ears: VoiceFeatures) -> None:
    given, decoder = packets(20, tone_from_ms=500), OpusDecoder()
    for packet in given:
        ears.push(packet)
    decoded = np.concatenate([decoder.decode(packet.data) for packet in given])
    decoder.close()
    trained = log_mel(down_to_16k(decoded[DECODER_DELAY_SAMPLES:]))
    for index in (22, 25, 30):
        end = (index + 1) * 4 + 8
        heard = ears.columns(index * 40)
        assert heard is not None
        np.testing.assert_allclose(heard, trained[end - COLUMNS : end], atol=1e-6)
