"""experiments.measures.growth: growth of memory is that of a line through all samples, not of two of them."""

import pytest

from experiments.measures.growth import growth


def test_what_rises_by_a_tenth_of_its_mean_grew_by_a_tenth() -> None:
    assert growth([(10.0 * i, 95 + i) for i in range(11)]) == pytest.approx(0.1)


def test_one_high_sample_at_the_end_is_not_growth() -> None:
    flat = [(10.0 * i, 100.0) for i in range(60)]
    assert growth(flat) == 0
    assert growth([*flat, (600.0, 110.0)]) < 0.02
