"""signaling.address: what the limits count against cannot be chosen by the client."""

import pytest

from signaling.address import client_address


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (None, "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_an_address_is_an_ipv4_address_or_an_ipv6_network(remote: str | None, address: str) -> None:
    assert client_address(remote, [], ()) == address


def test_a_forwarded_address_is_not_believed_from_a_stranger() -> None:
    assert client_address("192.0.2.7", ["198.51.100.1"], ()) == "192.0.2.7"


def test_a_named_proxy_is_believed_for_the_part_it_wrote_itself() -> None:
    forwarded = ["203.0.113.9", "203.0.113.8, 198.51.100.1"]
    assert client_address("192.0.2.7", forwarded, ("192.0.2.7",)) == "198.51.100.1"
