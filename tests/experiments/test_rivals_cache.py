"""experiments.rivals.cache: found once, used again for the same bytes and settings only."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures.clip import Tools
from experiments.rivals.cache import RivalCache, RivalResult, Rivals, RivalSettings, sha256_of
from shared.errors import UserError

Picture = NDArray[np.uint8]
TOOLS = Tools(None, None)
SETTINGS = RivalSettings("ab" * 32, 8.0, 5, 10, True)
RESULT = RivalResult({"size_px": 128, "payload_kbps": 7.9}, {"psnr_y_db": 30.0, "vgg": None})


@pytest.fixture(scope="module")
def frames() -> list[Picture]:
    """Waves that move: something a coder has to spend bits on."""
    y, x = np.mgrid[:96, :96]
    levels = [128 + 100 * np.sin((x + 3 * t) / 7) * np.cos(y / 5) for t in range(6)]
    return [np.repeat(level.astype(np.uint8)[..., None], 3, axis=2) for level in levels]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a clip's bytes")
    return path


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    RivalCache(tmp_path).put(SETTINGS, RESULT)
    assert RivalCache(tmp_path).get(SETTINGS) == RESULT


@pytest.mark.parametrize(
    "other",
    [
        replace(SETTINGS, clip_sha256="cd" * 32),
        replace(SETTINGS, rate_kbps=4.0),
        replace(SETTINGS, every=1),
        replace(SETTINGS, frames=11),
        replace(SETTINGS, vgg=False),
        replace(SETTINGS, version=SETTINGS.version + 1),
    ],
)
def test_other_settings_find_nothing(tmp_path: Path, other: RivalSettings) -> None:
    RivalCache(tmp_path).put(SETTINGS, RESULT)
    assert RivalCache(tmp_path).get(other) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_file_counts_as_not_there(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / SETTINGS.file_name()).write_bytes(damage)
    assert RivalCache(tmp_path).get(SETTINGS) is None


def test_a_file_of_other_settings_under_this_name_is_not_used(tmp_path: Path) -> None:
    cache = RivalCache(tmp_path)
    cache.put(SETTINGS, RESULT)
    path = tmp_path / SETTINGS.file_name()
    kept = json.loads(path.read_text())
    kept["settings"]["every"] = 1
    path.write_text(json.dumps(kept))
    assert cache.get(SETTINGS) is None


def test_a_search_with_a_cache_finds_what_one_without_finds(
    frames: list[Picture], clip: Path, tmp_path: Path
) -> None:
    without = Rivals([20.0], 2, TOOLS, None).of(clip, frames)
    cached = Rivals([20.0], 2, TOOLS, RivalCache(tmp_path / "cache"))
    assert cached.of(clip, frames) == without
    assert cached.of(clip, frames) == without
    assert set(without) == {"av1_20"}
    assert without["av1_20"].av1["size_px"] == 96
    assert without["av1_20"].measures["psnr_y_db"] is not None
    assert without["av1_20"].measures["vgg"] is None


def test_a_second_search_reads_the_cache_and_adds_what_is_missing(
    frames: list[Picture], clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    Rivals([20.0], 2, TOOLS, RivalCache(folder)).of(clip, frames)
    (file,) = folder.iterdir()
    kept = json.loads(file.read_text())
    kept["measures"]["psnr_y_db"] = 12.5
    file.write_text(json.dumps(kept))
    found = Rivals([20.0, 60.0], 2, TOOLS, RivalCache(folder)).of(clip, frames)
    assert found["av1_20"].measures["psnr_y_db"] == 12.5
    assert found["av1_60"].measures["psnr_y_db"] != 12.5
    assert len(list(folder.iterdir())) == 2


def test_other_bytes_of_the_same_name_are_another_clip(clip: Path) -> None:
    before = sha256_of(clip)
    clip.write_bytes(b"another clip's bytes")
    assert sha256_of(clip) != before


def test_a_clip_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        sha256_of(tmp_path / "none.mp4")


def test_a_cache_that_cannot_be_a_folder_is_refused(clip: Path) -> None:
    with pytest.raises(UserError, match="rivals-cache"):
        RivalCache(clip)
