import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.networks.codec import Codec
from models.training.checkpoint import (
    load_checkpoint,
    load_codec,
    save_checkpoint,
    settings_dict,
    start_from,
)
from models.training.settings import Settings
from shared.errors import UserError


def state() -> dict[str, Any]:
    codec = Codec("tiny")
    average = {name: value + 1 for name, value in codec.state_dict().items()}
    return {"settings": settings_dict(Settings(size="tiny")), "codec": codec.state_dict(), "average": average}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pt"


def test_what_was_saved_comes_back(path: Path) -> None:
    saved = state()
    save_checkpoint(path, saved)
    loaded = load_checkpoint(path)
    assert loaded["settings"] == saved["settings"]
    assert all(torch.equal(value, loaded["codec"][name]) for name, value in saved["codec"].items())


def test_a_codec_is_the_average_or_the_last_weights(path: Path) -> None:
    saved = state()
    save_checkpoint(path, saved)
    name = "renderer.generator.to64.weight"
    assert torch.equal(load_codec(path).state_dict()[name], saved["average"][name])
    assert torch.equal(load_codec(path, average=False).state_dict()[name], saved["codec"][name])
    assert not load_codec(path).training


def test_what_an_older_network_lacks_starts_anew(path: Path) -> None:
    saved = state()
    gone, kept = "renderer.generator.head.weight", "renderer.generator.to64.weight"
    saved["average"][gone] = saved["average"][gone][:, :1]
    save_checkpoint(path, saved)
    codec = Codec("tiny")
    before = codec.state_dict()[gone].clone()
    assert start_from(codec, path) == [gone]
    assert torch.equal(codec.state_dict()[gone], before)
    assert torch.equal(codec.state_dict()[kept], saved["average"][kept])


def test_starting_from_something_else_is_an_error(path: Path) -> None:
    save_checkpoint(path, state() | {"average": {"other": torch.zeros(1)}})
    with pytest.raises(UserError, match="Nothing in the checkpoint"):
        start_from(Codec("tiny"), path)


def test_a_missing_checkpoint_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(UserError, match="There is no checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_an_error(path: Path, share: float) -> None:
    save_checkpoint(path, state())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(path)


def test_garbage_is_an_error(path: Path) -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        path.write_bytes(random.bytes(int(random.integers(1, 400))))
        with pytest.raises(UserError):
            load_checkpoint(path)


def test_a_pickle_that_would_run_code_is_not_run(path: Path, tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"codec": Attack(), "settings": {}}, path)
    with pytest.raises(UserError, match="damaged or not a checkpoint"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "foreign", [{"model": torch.zeros(3)}, [1, 2], torch.zeros(2)], ids=["dict", "list", "tensor"]
)
def test_a_file_of_another_program_is_an_error(path: Path, foreign: object) -> None:
    torch.save(foreign, path)
    with pytest.raises(UserError, match="not a checkpoint of facewire"):
        load_checkpoint(path)


@pytest.mark.parametrize("change", [{"settings": {"size": "huge"}}, {"settings": {}}, {"average": {}}])
def test_a_checkpoint_of_other_networks_is_an_error(path: Path, change: dict[str, Any]) -> None:
    torch.save(state() | change, path)
    with pytest.raises(UserError, match="other networks"):
        load_codec(path)


def test_a_full_disk_keeps_the_checkpoint_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(path, state() | {"step": 1})

    def half(_: object, to: Path) -> None:
        Path(to).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(UserError, match="No space left"):
        save_checkpoint(path, state() | {"step": 2})
    assert load_checkpoint(path)["step"] == 1
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]
