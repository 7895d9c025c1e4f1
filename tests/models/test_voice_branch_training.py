import numpy as np
import pytest
import torch

from models.networks.mesh_maps import INNER_LIPS, LIPS
from models.networks.voice import COLUMNS, MELS, MOUTH, VoiceEncoder
from models.training.dataset import CachedClip
from models.training.voice_branch import (
    disturbed,
    expression_track,
    lip_error_px,
    lip_rows,
    scores,
    speech_samples,
)
from shared.errors import UserError

pytestmark = pytest.mark.model


def test_lip_rows_leave_the_lips_common_shift_out() -> None:
    rows = lip_rows().reshape(MOUTH, len(LIPS) + len(INNER_LIPS), 2)
    assert rows.mean(dim=1).abs().max() < 1e-4


def test_samples_have_a_window_and_an_expression_for_every_frame(cached: list[CachedClip]) -> None:
    mel, target = speech_samples(cached[:1])
    assert mel.shape == (len(cached[0].points), MELS, COLUMNS)
    assert target.shape == (len(cached[0].points), MOUTH)


def test_an_expression_track_has_no_mean(cached: list[CachedClip]) -> None:
    track = expression_track(cached[0])
    assert np.abs(track.mean(axis=0)).max() < 1e-5
    assert np.abs(track).max() > 0


def test_clips_without_speech_cannot_train_it() -> None:
    with pytest.raises(UserError, match="No clip of the cache has its own speech"):
        speech_samples([])


def test_noise_follows_its_generator() -> None:
    mel = torch.zeros(3, MELS, COLUMNS)
    one, other = (disturbed(mel, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.std() > 0.1


def test_one_batch_can_be_overfitted(cached: list[CachedClip]) -> None:
    mel, target = speech_samples(cached[:1])
    voice, rows = VoiceEncoder(16).eval(), lip_rows()
    optimiser = torch.optim.Adam(voice.parameters(), lr=1e-2)
    for _ in range(60):
        loss = lip_error_px(voice.mouth(voice.window(mel)), target, rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    result = scores(voice, mel, target)
    assert result["voice"] < 0.6 * result["held"]
