"""signaling.limits: token buckets at their limit and one past it, with the clock handed in."""

import pytest

from shared import limits
from signaling.limits import AddressRates, ConnectionRate, TokenBucket


def _taken(rate: TokenBucket | ConnectionRate, attempts: int, now_ms: int) -> int:
    return sum(rate.take(now_ms) for _ in range(attempts))


def test_a_bucket_lets_its_burst_through_and_not_one_more() -> None:
    assert _taken(TokenBucket(20, 40, 0), 41, 0) == 40


def test_a_bucket_refills_at_its_rate_and_not_past_its_burst() -> None:
    bucket = TokenBucket(20, 40, 0)
    _taken(bucket, 40, 0)
    assert _taken(bucket, 40, 500) == 10
    assert _taken(bucket, 100, 1_000_000) == 40


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = TokenBucket(20, 1, 1000)
    assert bucket.take(1000)
    assert not bucket.take(0)
    assert not bucket.take(1000)


def test_a_connection_has_its_own_burst() -> None:
    rate = ConnectionRate(0)
    assert _taken(rate, limits.SIGNALING_MESSAGES_BURST + 1, 0) == limits.SIGNALING_MESSAGES_BURST
    assert _taken(rate, 100, 1000) == limits.SIGNALING_MESSAGES_PER_S


def test_an_address_has_a_burst_and_a_rate() -> None:
    addresses = AddressRates()
    burst = limits.SIGNALING_ADDRESS_MESSAGES_BURST
    assert sum(addresses.take("192.0.2.1", 0) for _ in range(burst + 1)) == burst
    refill = sum(addresses.take("192.0.2.1", 1000) for _ in range(1000))
    assert refill == limits.SIGNALING_ADDRESS_MESSAGES_PER_S


def test_one_address_does_not_use_up_anothers_rate() -> None:
    addresses = AddressRates()
    for _ in range(limits.SIGNALING_ADDRESS_MESSAGES_BURST + 1):
        addresses.take("192.0.2.1", 0)
    assert not addresses.take("192.0.2.1", 0)
    assert addresses.take("192.0.2.2", 0)


def test_patience_ends_one_past_the_allowed_violations() -> None:
    rate = ConnectionRate(0)
    _taken(rate, limits.SIGNALING_MESSAGES_BURST + limits.SIGNALING_RATE_VIOLATIONS_MAX, 0)
    assert not rate.exhausted
    rate.take(0)
    assert rate.exhausted


def test_remembered_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNALING_ADDRESSES_TRACKED", 3)
    addresses = AddressRates()
    for number in range(10):
        addresses.take(f"192.0.2.{number}", 0)
    assert len(addresses) == 3
