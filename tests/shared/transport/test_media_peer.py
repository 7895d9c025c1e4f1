"""shared.transport.media_peer: what does not become a session. Those that do: tests of WHEP and WHIP."""

import random

import pytest

from shared.errors import MalformedMessage, RemoteError
from shared.transport.media_peer import MediaPeer
from shared.transport.media_sdp import PLAYS, PUBLISHES, NotAcceptable
from tests.shared.transport.test_media_sdp import AUDIO, HEAD, VIDEO
from tests.shared.transport.whip_client import WhipClient, playing, until

pytestmark = pytest.mark.network


async def _offer() -> str:
    player = WhipClient()
    playing(player.pc)
    await player.pc.setLocalDescription(await player.pc.createOffer())
    offer = str(player.pc.localDescription.sdp)
    await player.close()
    return offer


async def test_an_offer_that_aiortc_cannot_use_is_malformed_and_leaves_nothing() -> None:
    ended: list[int] = []
    for offer in (HEAD + AUDIO + VIDEO, HEAD + AUDIO.replace("111", "abc") + VIDEO):
        peer = MediaPeer(lambda: ended.append(1))
        with pytest.raises(MalformedMessage):
            await peer.accept(offer, PLAYS, lambda: None)
        assert peer.pc.connectionState == "closed"
    assert len(ended) == 2


async def test_an_offer_of_the_wrong_direction_does_not_reach_aiortc() -> None:
    peer = MediaPeer(lambda: None)
    with pytest.raises(NotAcceptable):
        await peer.accept(await _offer(), PUBLISHES, lambda: None)
    assert peer.pc.getTransceivers() == []


async def test_a_peer_that_does_not_connect_in_time_is_ended_once() -> None:
    ended: list[int] = []
    peer = MediaPeer(lambda: ended.append(1), open_s=0.1)
    await peer.accept(await _offer(), PLAYS, lambda: None)
    await until(lambda: peer.pc.connectionState == "closed", 20)
    await peer.close()
    assert ended == [1]


@pytest.mark.fuzz
async def test_a_garbled_offer_is_answered_or_refused_and_nothing_else() -> None:
    lines = (await _offer()).splitlines()
    rng = random.Random(5)
    refused = 0
    for _ in range(60):
        peer = MediaPeer(lambda: None)
        try:
            await peer.accept(_garbled(lines, rng), PLAYS, lambda: None)
        except RemoteError:
            refused += 1
        await peer.close()
    assert 5 < refused < 60


def _garbled(lines: list[str], rng: random.Random) -> str:
    """One to three lines lost, said twice, cut short, or with a word of chance in them."""
    changed = list(lines)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed))
        words = changed[at].split(" ")
        words[rng.randrange(len(words))] = rng.choice(
            ["", "-1", "\x00", "65536", "é" * 40, "99999999999999999999"]
        )
        replacement = rng.choice(
            [[], [changed[at]] * 2, [changed[at][: rng.randint(2, 9)]], [" ".join(words)]]
        )
        changed[at : at + 1] = replacement
    return "\r\n".join(changed) + "\r\n"
