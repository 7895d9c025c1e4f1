"""Every measure at both of its ends, and what is said of those that cannot be taken."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures.clip import Tools
from experiments.measures.optional import load_optional
from experiments.rates.directions import MEASURES
from experiments.rates.measured import (
    ALWAYS,
    OF_CALLS,
    Measurer,
    MeasureTools,
    decoded_voice,
    open_tools,
    settled,
    tools_here,
)
from experiments.sample import SAMPLE_PATH
from models.evaluation.offline_call import code_voice
from models.training.voice import read_pcm
from shared.errors import UserError

Frames = list[NDArray[np.uint8]]
COUNT = 12


@pytest.fixture(scope="module")
def tools() -> MeasureTools:
    return open_tools(())


@pytest.fixture(scope="module")
def measurer(sample_pictures: Frames, tools: MeasureTools) -> Measurer:
    return Measurer(sample_pictures[:COUNT], tools, 6)


def test_identical_pictures_have_the_best_values(measurer: Measurer, sample_pictures: Frames) -> None:
    best = measurer.pictures(sample_pictures[:COUNT])
    wanted = {
        "psnr_y_db": 100.0,
        "ssim_y": 1.0,
        "ms_ssim": 1.0,
        "flicker": 1.0,
        "sharp_ratio": 1.0,
        "temporal_error": 0.0,
    }
    wanted |= {"landmark_px": 0.0, "mouth_px": 0.0, "eye_px": 0.0}
    assert {name: best[name] for name in wanted} == pytest.approx(wanted, abs=1e-3)
    assert best["vgg"] is None or best["vgg"] == pytest.approx(0.0, abs=1e-3)
    assert best["vmaf"] is None or best["vmaf"] > 90


def test_another_face_in_another_place_is_worse_by_every_measure(
    measurer: Measurer, sample_pictures: Frames
) -> None:
    best = measurer.pictures(sample_pictures[:COUNT])
    other = [
        np.ascontiguousarray(np.roll(picture[:, ::-1], 40, axis=1))
        for picture in sample_pictures[60 : 60 + COUNT]
    ]
    worse = measurer.pictures(other)
    for name, value in worse.items():
        if value is not None:
            assert MEASURES[name].goodness(value) < MEASURES[name].goodness(best[name]), name


def test_pictures_before_the_first_that_was_shown_are_in_no_measure(
    measurer: Measurer, sample_pictures: Frames
) -> None:
    shown = [np.zeros_like(sample_pictures[0])] * 3 + sample_pictures[3:COUNT]
    assert measurer.pictures(shown, first=3)["psnr_y_db"] == 100.0
    with pytest.raises(UserError, match="in time"):
        measurer.pictures(shown, first=COUNT - 1)
    with pytest.raises(ValueError, match="12"):
        measurer.pictures(shown[:5])


def test_with_a_link_the_first_second_is_in_no_measure_of_any_arm(
    sample_pictures: Frames, tools: MeasureTools
) -> None:
    frames = sample_pictures[:60]
    assert [settled(count) for count in (1, 20, 50, 51, 125)] == [0, 10, 25, 25, 25]
    shown = [np.zeros_like(frames[0])] * 25 + frames[25:]
    assert Measurer(frames, tools, 10, settled(60)).pictures(shown)["psnr_y_db"] == 100.0
    late = [np.zeros_like(frames[0])] * 40 + frames[40:]
    assert Measurer(frames, tools, 10, settled(60)).pictures(late)["psnr_y_db"] < 100.0
    assert Measurer(frames, tools, 10, settled(60)).pictures(late, first=40)["psnr_y_db"] == 100.0


def test_a_tool_that_is_absent_gives_none_and_never_a_number(
    sample_pictures: Frames, tools: MeasureTools
) -> None:
    without = MeasureTools(Tools(None, None), load_optional([]), vmaf=False)
    found = Measurer(sample_pictures[:COUNT], without, 6).pictures(sample_pictures[:COUNT])
    absent = {name for name, value in found.items() if value is None}
    assert absent == {"vgg", "vmaf", "landmark_px", "mouth_px", "eye_px"}
    assert replace(tools, vmaf=False).vmaf is False


def test_every_measure_is_either_here_or_has_a_reason() -> None:
    here = tools_here((), real_time=False)
    assert set(here.names).isdisjoint(here.missing) and set(here.names) | set(here.missing) == set(MEASURES)
    assert set(ALWAYS) <= set(here.names)
    assert all("--real-time" in here.missing[name] for name in OF_CALLS)
    assert not set(OF_CALLS) & set(tools_here((), real_time=True).missing)
    assert "lpips" in here.missing["lpips"]
    with pytest.raises(UserError, match="--measure"):
        tools_here(("lpips",), real_time=False)


def test_the_voice_that_is_heard_is_the_one_that_was_coded(measurer: Measurer) -> None:
    spoken = read_pcm(SAMPLE_PATH)[: 2 * 48_000]
    heard = decoded_voice(code_voice(spoken))
    assert len(heard) == len(spoken) and len(decoded_voice(())) == 0
    found = measurer.voice(spoken, heard, 312)
    alike, noise = (
        measurer.voice(spoken, spoken, 0),
        np.random.default_rng(0).integers(-9000, 9000, len(spoken)),
    )
    unlike = measurer.voice(spoken, noise.astype(np.int16), 0)
    for name in ("pesq", "stoi"):
        if found[name] is not None:
            assert unlike[name] < found[name] < alike[name]
    assert measurer.voice(spoken[:0], heard, 312) == {"pesq": None, "stoi": None}
