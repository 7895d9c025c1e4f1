import numpy as np
import pytest
import torch

from models.networks.voice import COLUMNS, LAYERS, MELS, MOUTH, VoiceEncoder
from models.training.samples import VOICE_AHEAD, VOICE_COLUMNS


@pytest.fixture
def voice() -> VoiceEncoder:
    return VoiceEncoder(8).eval()


@pytest.fixture
def mel() -> torch.Tensor:
    return torch.randn(2, MELS, 70)


def test_the_receptive_field_is_the_window() -> None:
    assert 1 + sum((kernel - 1) * dilation for kernel, dilation in LAYERS) == COLUMNS == VOICE_COLUMNS


def test_it_looks_ahead_eighty_milliseconds_at_most() -> None:
    assert VOICE_AHEAD * 10 <= 80


@torch.no_grad()
@pytest.mark.parametrize("chunks", [[70], [1] * 70, [4] * 17 + [2], [3, 40, 1, 26]], ids=str)
def test_streaming_equals_offline_however_the_sound_is_cut(
    voice: VoiceEncoder, mel: torch.Tensor, chunks: list[int]
) -> None:
    state, parts = voice.start(2), []
    for part in mel.split(chunks, dim=2):
        out, state = voice.stream(part, state)
        parts.append(out)
    streamed = torch.cat(parts, dim=2)
    assert torch.allclose(streamed[:, :, COLUMNS - 1 :], voice(mel), atol=1e-5)


@torch.no_grad()
def test_a_window_gives_what_streaming_gives(voice: VoiceEncoder, mel: torch.Tensor) -> None:
    streamed, _ = voice.stream(mel, voice.start(2))
    assert torch.allclose(voice.window(mel[:, :, 20:52]), streamed[:, :, 51], atol=1e-5)


@torch.no_grad()
def test_the_state_belongs_to_the_stream_and_not_to_the_network(
    voice: VoiceEncoder, mel: torch.Tensor
) -> None:
    alone, _ = voice.stream(mel, voice.start(2))
    state = voice.start(2)
    voice.stream(torch.randn(2, MELS, 9), voice.start(2))
    assert torch.equal(voice.stream(mel, state)[0], alone)


@torch.no_grad()
def test_it_is_causal(voice: VoiceEncoder, mel: torch.Tensor) -> None:
    later = mel.clone()
    later[:, :, 50:] += 1
    changed = (voice(mel) - voice(later)).abs().amax(dim=(0, 1)) > 0
    assert not changed[: 50 - COLUMNS + 1].any()
    assert changed[50 - COLUMNS + 1 :].all()


@torch.no_grad()
def test_a_batch_is_heard_as_each_alone(voice: VoiceEncoder, mel: torch.Tensor) -> None:
    assert torch.allclose(voice(mel)[1:], voice(mel[1:]), atol=1e-6)


@torch.no_grad()
def test_features_and_mouth_have_their_shapes_and_range(voice: VoiceEncoder, mel: torch.Tensor) -> None:
    features = voice.window(mel[:, :, :COLUMNS])
    assert features.shape == (2, 32)
    assert features.abs().max() <= 1
    assert voice.mouth(features).shape == (2, MOUTH)


def test_dropout_acts_in_training_only(mel: torch.Tensor) -> None:
    voice = VoiceEncoder(8)
    assert not torch.equal(voice(mel), voice(mel))
    assert torch.equal(voice.eval()(mel), voice(mel))


def test_silence_has_finite_features(voice: VoiceEncoder) -> None:
    assert np.isfinite(voice.window(torch.zeros(1, MELS, COLUMNS)).detach().numpy()).all()
