"""shared.core.token_bucket."""

from shared.core.token_bucket import TokenBucket


def test_a_burst_passes_and_then_the_long_run_rate() -> None:
    bucket = TokenBucket(2.0, 3)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(499_999) and bucket.take(500_001) and not bucket.take(500_002)
    assert sum(bucket.take(now_us) for now_us in range(10**7, 2 * 10**7, 1000)) <= 3 + 20


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = TokenBucket(1.0, 1)
    assert bucket.take(10_000_000)
    assert not bucket.take(0) and not bucket.take(10_500_000)
    assert bucket.take(11_000_000)
