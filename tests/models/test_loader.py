from itertools import islice

import pytest

from models.training.loader import prefetched


class Counting:
    """A sampler whose batches are their own numbers."""

    def batch(self, number: int) -> int:
        if number == 40:
            raise ValueError("no batch 40")
        return number


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_come_in_order_whatever_the_threads(workers: int) -> None:
    batches = prefetched(Counting(), 5, workers)
    assert list(islice(batches, 20)) == list(range(5, 25))
    batches.close()


def test_an_error_reaches_whoever_asks_for_that_batch() -> None:
    batches = prefetched(Counting(), 38, 2)
    assert list(islice(batches, 2)) == [38, 39]
    with pytest.raises(ValueError, match="no batch 40"):
        next(batches)
