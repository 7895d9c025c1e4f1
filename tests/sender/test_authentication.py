"""sender.authentication: both ends see the same digits, once; a peer without the exchange changes nothing."""

from hashlib import sha256

import pytest

from sender.authentication import Authentication
from shared.control import AuthReveal, KeyframeBound
from shared.keyframe_binding import binding
from shared.short_authentication import AuthenticationFailed, Fingerprints, ShortAuthentication
from tests.shared.harness import keyframe

OURS, THEIRS, NONCE = (sha256(name.encode()).digest() for name in ("ours", "theirs", "nonce"))


def test_people_see_the_digits_that_the_peer_sees_once() -> None:
    told: list[str] = []
    ours = Authentication(Fingerprints(OURS, THEIRS), told.append)
    peer = ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE)
    (commit,) = ours.commits
    shown = peer.take(commit)
    (answer,) = ours.take(peer.commit())
    assert shown is not None and isinstance(answer, AuthReveal) and not told
    peer.take(answer)
    assert ours.take(shown) == () and told == [peer.digits]


def test_keyframes_are_bound_as_soon_as_the_nonces_are_known() -> None:
    ours = Authentication(Fingerprints(OURS, THEIRS), lambda digits: None)
    peer = ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE)
    assert ours.bind(keyframe(3)) == (), "it is on its way already"
    shown = peer.take(ours.commits[0])
    (answer,) = ours.take(peer.commit())
    assert shown is not None and isinstance(answer, AuthReveal)
    peer.take(answer)
    assert peer.ends is not None
    own, sender = peer.ends
    first, later = ours.take(shown), ours.bind(keyframe(4))
    for (said,), number in ((first, 3), (later, 4)):
        assert said == KeyframeBound(number, binding(sender, own, keyframe(number)).hex())


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
    assert ours.take(ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE).commit()) == ()
    assert ours.bind(keyframe(0)) == () and not ours.takes_part
