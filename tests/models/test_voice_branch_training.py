from pathlib import Path

import numpy as np
import pytest
import torch

from models.networks.codec import Codec
from models.networks.mesh_maps import INNER_LIPS, LIPS
from models.networks.voice import COLUMNS, MELS, MOUTH, VoiceEncoder
from models.training.dataset import CachedClip
from models.training.voice_branch import (
    disturbed,
    expression_track,
    lip_error_px,
    lip_rows,
    load_voice,
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


def test_a_file_of_the_branch_and_a_checkpoint_give_the_same_weights(tmp_path: Path) -> None:
    codec = Codec("tiny")
    torch.save(codec.voice.state_dict(), tmp_path / "voice.pt")
    torch.save(
        {"average": codec.state_dict(), "codec": {}, "settings": {"size": "tiny"}}, tmp_path / "run.pt"
    )
    one, other = load_voice(tmp_path / "voice.pt"), load_voice(tmp_path / "run.pt")
    assert one.keys() == other.keys() == codec.voice.state_dict().keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_missing_branch_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no voice branch"):
        load_voice(tmp_path / "none.pt")


@pytest.mark.parametrize("content", [b"", b"damaged", "half", "other"])
def test_a_file_that_holds_no_branch_is_an_error(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "voice.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(Codec("tiny").voice.state_dict() if content == "half" else {"a": torch.zeros(1)}, path)
        path.write_bytes(path.read_bytes()[: None if content == "other" else 999])
    with pytest.raises(UserError, match="damaged or holds no voice branch"):
        load_voice(path)


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
