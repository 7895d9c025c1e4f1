"""sender.authentication: both ends see the same digits, once; a peer without the exchange changes nothing."""

from hashlib import sha256

import pytest

from sender.authentication import Authentication
from shared.control import AuthReveal
from shared.short_authentication import AuthenticationFailed, Fingerprints, ShortAuthentication

OURS, THEIRS, NONCE = (sha256(name.encode()).digest() for name in ("ours", "theirs", "nonce"))


def test_people_see_the_digits_that_the_peer_sees_once() -> None:
    told: list[str] = []
    ours = Authentication(Fingerprints(OURS, THEIRS), told.append)
    peer = ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE)
    (commit,) = ours.commits
    shown = peer.take(commit)
    answer = ours.take(peer.commit())
    assert shown is not None and answer is not None and not told
    peer.take(answer)
    assert ours.take(shown) is None and told == [peer.digits]


def test_another_nonce_than_the_committed_one_is_refused() -> None:
    told: list[str] = []
    ours = Authentication(Fingerprints(OURS, THEIRS), told.append)
    ours.take(ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE).commit())
    with pytest.raises(AuthenticationFailed):
        ours.take(AuthReveal(OURS.hex()))
    assert not told


def test_without_fingerprints_nothing_is_said_or_answered() -> None:
    ours = Authentication(None, pytest.fail)
    assert ours.commits == ()
    assert ours.take(ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE).commit()) is None
