"""experiments.rates.directions: no measure is the wrong way round, and ratios are best at 1."""

import pytest

from experiments.measures.clip import ClipMeans
from experiments.rates.directions import HEADLINES, MEASURES, Best


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        *(("psnr_y_db", 30.0, 20.0), ("ssim_y", 0.9, 0.8), ("ms_ssim", 0.9, 0.8), ("vmaf", 90.0, 10.0)),
        *(("vgg", 0.1, 2.0), ("landmark_px", 1.0, 2.0), ("mouth_px", 1.0, 2.0), ("eye_px", 1.0, 2.0)),
        *(("temporal_error", 1.0, 2.0), ("lpips", 0.1, 0.5), ("dists", 0.1, 0.5), ("csim", 0.9, 0.1)),
        *(("lse_d", 6.0, 9.0), ("lse_c", 8.0, 2.0), ("pesq", 4.0, 1.5), ("stoi", 0.9, 0.5)),
        *(("latency_p50_ms", 90.0, 200.0), ("latency_p95_ms", 90.0, 200.0), ("av_skew_p95_ms", 5.0, 90.0)),
        *(
            ("freezes", 0.0, 3.0),
            ("sharp_ratio", 0.9, 0.5),
            ("sharp_ratio", 1.1, 3.0),
            ("flicker", 1.0, 0.0001),
        ),
    ],
)
def test_what_is_better_has_the_higher_goodness(name: str, better: float, worse: float) -> None:
    good, bad = MEASURES[name].goodness(better), MEASURES[name].goodness(worse)
    assert good is not None and bad is not None and good > bad


def test_half_and_twice_are_equally_far_from_one() -> None:
    ratio = MEASURES["sharp_ratio"]
    assert ratio.goodness(0.5) == ratio.goodness(2.0) == -1
    assert ratio.goodness(0.0) is None
    assert ratio.higher_is_better is None and MEASURES["vgg"].higher_is_better is False


def test_the_mean_of_ratios_is_geometric_and_of_others_arithmetic() -> None:
    assert MEASURES["flicker"].mean([0.5, 2.0, 0.0]) == pytest.approx(1.0)
    assert MEASURES["flicker"].mean([0.0]) is None
    assert MEASURES["vgg"].mean([0.5, 2.0]) == 1.25
    assert MEASURES["vgg"].mean([]) is None


def test_bd_rates_are_of_what_rate_buys() -> None:
    assert all(MEASURES[name].bd for name in (*HEADLINES, "vmaf", "lpips"))
    assert not any(
        MEASURES[name].bd for name in ("sharp_ratio", "flicker", "pesq", "latency_p50_ms", "freezes")
    )


def test_every_measure_of_a_clip_is_in_the_table() -> None:
    assert set(ClipMeans.__slots__) <= set(MEASURES)
    assert all(measure.says and measure.name == name for name, measure in MEASURES.items())
    assert {measure.best for measure in MEASURES.values()} == set(Best)
