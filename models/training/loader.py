"""Prepares the next batches in threads while the network trains on this one.

Invariant: the order is that of the batch numbers, however many threads there are; a batch depends on nothing but its number.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from models.training.samples import Batch, Sampler


def prefetched(sampler: Sampler, first: int, workers: int) -> Iterator[Batch]:
    """Yield batches `first`, `first` + 1 and so on without end; close it to stop the threads."""
    pool = ThreadPoolExecutor(workers)
    try:
        numbers = itertools.count(first)
        coming = deque(pool.submit(sampler.batch, next(numbers)) for _ in range(workers))
        while True:
            coming.append(pool.submit(sampler.batch, next(numbers)))
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
