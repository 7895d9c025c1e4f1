"""shared.short_authentication: both ends see the same digits, and a man in the middle cannot make them."""

import json
import re
from hashlib import sha256

import pytest

from shared.control import AuthCommit, AuthReveal
from shared.short_authentication import (
    AuthenticationFailed,
    Fingerprints,
    ShortAuthentication,
    commitment,
    digits,
)
from tests.shared import golden_authentication


def bytes_of(name: str) -> bytes:
    return sha256(name.encode()).digest()


def end(local: str, remote: str, nonce: str) -> ShortAuthentication:
    return ShortAuthentication(Fingerprints(bytes_of(local), bytes_of(remote)), bytes_of(nonce))


def exchange(one: ShortAuthentication, other: ShortAuthentication) -> None:
    shown_by_one, shown_by_other = one.take(other.commit()), other.take(one.commit())
    assert shown_by_one is not None and shown_by_other is not None
    assert one.take(shown_by_other) is None and other.take(shown_by_one) is None


def test_both_ends_see_the_same_eight_digits() -> None:
    one, other = end("A", "B", "1"), end("B", "A", "2")
    assert one.digits is None
    exchange(one, other)
    assert one.digits == other.digits and re.fullmatch(r"\d{4} \d{4}", str(one.digits))


def test_somebody_in_between_gives_the_ends_different_digits() -> None:
    one, other = end("A", "M1", "1"), end("B", "M2", "2")
    exchange(one, end("M1", "A", "3"))
    exchange(end("M2", "B", "4"), other)
    assert None not in (one.digits, other.digits) and one.digits != other.digits


def test_somebody_in_between_who_passes_everything_on_is_found_out() -> None:
    one, other = end("A", "M1", "1"), end("B", "M2", "2")
    shown = other.take(one.commit())
    assert shown is not None
    with pytest.raises(AuthenticationFailed):
        other.take(one.take(other.commit()) or shown)


def test_a_nonce_that_was_chosen_later_is_refused() -> None:
    one = end("A", "B", "1")
    one.take(AuthCommit(commitment(bytes_of("B"), bytes_of("first")).hex()))
    with pytest.raises(AuthenticationFailed, match="committed itself to"):
        one.take(AuthReveal(bytes_of("second").hex()))
    assert one.digits is None


def test_an_echo_of_ones_own_messages_is_refused() -> None:
    one = end("A", "M", "1")
    shown = one.take(one.commit())
    assert shown is not None
    with pytest.raises(AuthenticationFailed):
        one.take(shown)


def test_messages_out_of_order_are_refused() -> None:
    peer = end("B", "A", "2")
    with pytest.raises(AuthenticationFailed, match="out of order"):
        end("A", "B", "1").take(AuthReveal(bytes_of("2").hex()))
    one = end("A", "B", "1")
    one.take(peer.commit())
    with pytest.raises(AuthenticationFailed, match="twice"):
        one.take(peer.commit())
    one.take(AuthReveal(bytes_of("2").hex()))
    with pytest.raises(AuthenticationFailed, match="out of order"):
        one.take(AuthReveal(bytes_of("2").hex()))


def test_every_input_moves_the_digits() -> None:
    base = (b"f" * 32, b"n" * 32), (b"g" * 32, b"m" * 32)
    others = [
        ((b"F" * 32, b"n" * 32), base[1]),
        ((b"f" * 32, b"N" * 32), base[1]),
        (base[0], (b"G" * 32, b"m" * 32)),
        (base[0], (b"g" * 32, b"M" * 32)),
    ]
    assert len({digits(*base), *(digits(*other) for other in others)}) == 5
    assert digits(*base) == digits(*reversed(base)), "the order of the ends does not matter"


def test_digits_are_spread_evenly() -> None:
    counts = [0] * 10
    for number in range(2000):
        for digit in digits((bytes_of(str(number)), b""), (b"", b"")).replace(" ", ""):
            counts[int(digit)] += 1
    assert all(abs(count - 1600) < 5 * 38 for count in counts), "five standard deviations of a fair die"


@pytest.mark.parametrize("nonce", [b"", b"n" * 31, b"n" * 33])
def test_a_nonce_of_another_length_is_our_own_mistake(nonce: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ShortAuthentication(Fingerprints(b"f" * 32, b"g" * 32), nonce)


def test_the_golden_vectors_hold() -> None:
    """They are the specification for the page: a change is a new version of the string."""
    assert json.loads(golden_authentication.FILE.read_text()) == golden_authentication.vectors()
    assert json.loads(golden_authentication.BINDING_FILE.read_text()) == golden_authentication.bindings()
