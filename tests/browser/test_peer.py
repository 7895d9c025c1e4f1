"""The page's connection by itself (page/peer.js), both ends in one page: tracks only by consent, and only with the certificates
that people compared."""

from typing import Any

import pytest

from experiments.browser.service import Service
from shared.signaling_messages import Role
from tests.browser.conftest import Open

MEET = """async ([room, tokens, consents, begins]) => {
  const { Peer } = await import("/page/peer.js");
  const media = consents || begins ? await navigator.mediaDevices.getUserMedia({ audio: true, video: true }) : null;
  const socket = location.origin.replace("http", "ws") + "/ws";
  const told = [0, 1].map(() => ({ fingerprints: [], lost: 0, streams: [] }));
  const end = (i, standing) => new Peer(socket, { room, role: "peer", token: tokens[i] }, {
    joined: () => {}, peerJoined: () => {}, peerLeft: () => {}, refused: () => {}, serviceGone: () => {}, message: () => {},
    open: (fingerprints) => told[i].fingerprints.push(fingerprints),
    lost: () => (told[i].lost += 1),
    ordinary: (stream) => told[i].streams.push(stream),
  }, standing);
  const until = async (true_, ms = 15000) => {
    for (let passed = 0; passed < ms && !true_(); passed += 50) await new Promise((done) => setTimeout(done, 50));
    return true_();
  };
  const kinds = ({ streams }) => [...(streams.at(-1)?.getTracks() ?? [])].map(({ kind, muted }) => `${kind} ${muted}`).sort();
  const first = end(0, consents ? { media } : null);
  await new Promise((done) => setTimeout(done, 200));
  const second = end(1, null);
  window.told = told;
  window.peers = [first, second];
  await until(() => told.every(({ fingerprints }) => fingerprints.length === 1));
  if (begins) {
    second.offerTracks(media);
    const film = (one) => kinds(one).join() === "audio false,video false";
    await until(() => told.every(film), consents ? 15000 : 3000);
  }
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    fingerprints: told.map(({ fingerprints }) => fingerprints.map((one) => one && [hex(one.local), hex(one.remote)])),
    kinds: told.map(kinds), lost: told.map(({ lost }) => lost), open: [first.isOpen, second.isOpen],
  };
}"""
ANOTHER_CERTIFICATE = """async () => {
  const [first, second] = window.peers;
  const sent = WebSocket.prototype.send;
  // Whoever runs the service puts a certificate of his own into what passes through.
  WebSocket.prototype.send = function (text) {
    sent.call(this, text.replace(/(a=fingerprint:sha-256 )(..)/g, (_, name, byte) => name + (byte === "00" ? "01" : "00")));
  };
  second.offerTracks(null);
  for (let i = 0; i < 100 && !window.told[0].lost; i++) await new Promise((done) => setTimeout(done, 50));
  WebSocket.prototype.send = sent;
  return { lost: window.told[0].lost, open: first.isOpen };
}"""
FILM = ["audio false", "video false"]


@pytest.fixture
def meet(service: Service, visit: Open) -> Any:
    """Two ends meet in a page; consents: the first takes tracks; begins: the second offers some."""

    def both(room: str, consents: bool, begins: bool) -> Any:
        guest = visit(service.page)
        tokens = [service.token(room, Role.PEER) for _ in range(2)]
        return guest, guest.page.evaluate(MEET, [room, tokens, consents, begins])

    return both


def test_both_ends_name_the_same_certificates(meet: Any) -> None:
    _, met = meet("certificates", consents=False, begins=False)
    ((local, remote),), ((other_local, other_remote),) = met["fingerprints"]
    assert (local, remote) == (other_remote, other_local) and local != remote
    assert met["kinds"] == [[], []]


def test_tracks_that_both_agree_to_go_both_ways_on_the_same_connection(meet: Any) -> None:
    _, met = meet("tracks", consents=True, begins=True)
    assert met["kinds"] == [FILM, FILM]
    assert met["lost"] == [0, 0] and met["open"] == [True, True]
    assert [len(one) for one in met["fingerprints"]] == [1, 1], "opened once"


def test_tracks_that_one_end_did_not_agree_to_are_not_taken(meet: Any) -> None:
    _, met = meet("unasked", consents=False, begins=True)
    assert met["kinds"] == [[], []]
    assert met["lost"] == [0, 0] and met["open"] == [True, True]


def test_another_certificate_ends_the_connection(meet: Any) -> None:
    guest, met = meet("another", consents=True, begins=False)
    assert met["open"] == [True, True]
    assert guest.page.evaluate(ANOTHER_CERTIFICATE) == {"lost": 1, "open": False}
