"""Calls of two pages over the project's impaired link, and through a real TURN relay."""

import time
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.browser.chromium import ALLOWING, OWN_ADDRESSES, launch
from experiments.browser.likeness import follows
from experiments.browser.link import between_pages
from experiments.browser.media import FakeMedia
from experiments.browser.service import Service, start_service
from experiments.network.links import Link
from shared.signaling_messages import Role
from shared.transport.impairments import Impairment, RandomLoss
from tests.browser.conftest import Open
from tests.turn import COTURN_MISSING, Turn, coturn, has_coturn

TENTH_LOST = Impairment(delay_ms=20, loss=RandomLoss(0.10))
LOSSY = Link("lossy pages", "10 % both ways", 6, TENTH_LOST, TENTH_LOST)
CLEAN = Link("clean pages", "20 ms both ways", 6, Impairment(delay_ms=20), Impairment(delay_ms=20))
SETTLE_S, METER_S = 8, 15
HEARD_S, HEARD_STEP_MS = 8, 100
LIKE_DB = 19.0
"""What the shipped weights reach in any case: a face that is not this one is below 14 dB."""
VOICE_LIKE = 0.6
"""Noise, or another part of the sample, is below 0.5 at its best place."""
LISTEN = """async ([seconds, stepMs]) => {
  // The level of each step: the mean of looks that are nearer to each other than what one look hears (43 ms).
  const [levels, startMs] = [[], performance.now()];
  for (let endMs = startMs + stepMs; endMs <= startMs + 1000 * seconds; endMs += stepMs) {
    const looks = [];
    while (performance.now() < endMs || !looks.length) {
      looks.push(window.loudness() ** 2);
      await new Promise((go) => setTimeout(go, stepMs / 5));
    }
    levels.push(Math.sqrt(looks.reduce((sum, look) => sum + look, 0) / looks.length));
  }
  return levels;
}"""
LOOKS = 12
LOOK_MS = 500
FACE_SPREAD = 25.0
"""Of a picture with a face; the waiting card has less."""
MOVES_LEVELS = 0.3
HEARD = 0.003
RELAYED_ONLY = """
// Nothing but what the relay gives is offered and taken.
(() => {
  const Original = RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
      window.connection = this;
    }
  };
})();
"""
PAIR = """async () => {
  const reports = [...(await window.connection.getStats()).values()];
  const { selectedCandidatePairId } = reports.find(({ type }) => type === "transport");
  const { localCandidateId, remoteCandidateId } = reports.find(({ id }) => id === selectedCandidatePairId);
  return [localCandidateId, remoteCandidateId].map((end) => reports.find(({ id }) => id === end).candidateType);
}"""


@pytest.fixture(scope="module")
def open_chromium(playwright_api: Any, media: FakeMedia) -> Iterator[Any]:
    """With devices that are allowed, and candidates that name addresses."""
    browser = launch(playwright_api, [*ALLOWING, *OWN_ADDRESSES, *media.arguments()])
    yield browser
    browser.close()


def test_with_a_tenth_of_all_packets_lost_both_ways_the_call_stays_moves_and_speaks(
    service: Service, visit: Open
) -> None:
    with between_pages(LOSSY) as link:
        guests = [
            visit(service.link("lossy"), browser="open_chromium", impaired=(link, side))
            for side in (Role.SENDER, Role.RECEIVER)
        ]
        for guest in guests:
            guest.join()
        for guest in guests:
            guest.says("Connected")
        for guest in guests:
            guest.wait(lambda guest=guest: guest.spread() > FACE_SPREAD, what="a face")  # type: ignore[misc]
        seen, loud, told = [], [], []
        for _ in range(LOOKS):
            seen.append([guest.picture().astype(int) for guest in guests])
            loud.append([guest.loudness() for guest in guests])
            told.append([guest.number("loss") for guest in guests])
            guests[0].page.wait_for_timeout(LOOK_MS)
        ways = link.counts()
        assert all("Connected" in guest.status for guest in guests)
        moved = [
            float(np.median([np.abs(later[i] - earlier[i]).mean() for earlier, later in pairwise(seen)]))
            for i in range(2)
        ]
        lost = [1 - way.delivered_packets / way.offered_packets for way in ways]
        shares = ", ".join(f"{share:.0%}" for share in lost)
        print(f"\nlost {shares}; the pages say {np.nanmean(told):.0f} %; moved {min(moved):.1f} levels")
        assert all(0.03 < share < 0.2 for share in lost), "the link did lose packets, both ways"
        assert np.nanmax(told) > 0, "the pages notice"
        assert min(moved) > MOVES_LEVELS
        assert min(np.max(loud, axis=0)) > HEARD, "both voices are heard"


def test_over_a_clean_link_face_and_voice_follow_the_source_and_the_meter_tells_the_bytes(
    service: Service, visit: Open, media: FakeMedia
) -> None:
    with between_pages(CLEAN) as link:
        first, second = (
            visit(service.link("clean"), browser="open_chromium", impaired=(link, side))
            for side in (Role.SENDER, Role.RECEIVER)
        )
        for guest in (first, second):
            guest.join()
        for guest in (first, second):
            guest.wait(lambda guest=guest: guest.number("fps") > 0, what="a rebuilt picture")  # type: ignore[misc]
        second.page.wait_for_timeout(1000 * SETTLE_S)
        loud = second.page.evaluate(LISTEN, [HEARD_S, HEARD_STEP_MS])
        before, start_s, told = link.counts()[0].offered_bytes, time.monotonic(), []
        for _ in range(METER_S):
            first.page.wait_for_timeout(1000)
            told.append(first.number("up"))
        counted = 8 * (link.counts()[0].offered_bytes - before) / 1000 / (time.monotonic() - start_s)
        sent, shown = [], []
        for _ in range(LOOKS):
            sent.append(first.picture("self"))
            shown.append(second.picture())
            second.page.wait_for_timeout(LOOK_MS)
    like_db, moves_db = follows(np.stack(sent), shown)
    likeness = best_correlation(np.array(loud), envelope(media.audio, HEARD_STEP_MS))
    print(f"\nlike the source {like_db:.1f} dB, moving with it {moves_db:.2f} dB; voice {likeness:.2f};"
          f" meter {np.mean(told):.1f} of {counted:.1f} kbit/s")  # fmt: skip
    assert like_db > LIKE_DB and moves_db > 0.3, "it is the source's face, and moves as that does"
    assert likeness > VOICE_LIKE, "its energy follows the source's"
    assert abs(np.mean(told) / counted - 1) < 0.10


def envelope(sound: Path, step_ms: int) -> NDArray[np.float64]:
    """Level of a WAV file's sound in each step."""
    with wave.open(str(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64)
        size = file.getframerate() * step_ms // 1000
    steps = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(np.sqrt((steps**2).mean(axis=1)))


def best_correlation(heard: NDArray[np.float64], source: NDArray[np.float64]) -> float:
    """Of what was heard with the part of the looped source that it is most like."""
    looped = np.tile(source, 2 + len(heard) // len(source))
    windows = np.lib.stride_tricks.sliding_window_view(looped, len(heard))[: len(source)]
    return float(max(np.corrcoef(heard, window)[0, 1] for window in windows))


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Turn]:
    if not has_coturn():
        pytest.skip(COTURN_MISSING)
    (tmp_path / "turn").mkdir()
    with coturn(tmp_path / "turn") as running:
        yield running


@pytest.fixture
def relaying_service(tmp_path: Path, turn: Turn) -> Iterator[Service]:
    """A service that tells the pages of the relay."""
    folder = tmp_path / "service"
    folder.mkdir()
    told = ("--ice-server", turn.url, "--turn-secret-file", str(turn.secret_file))
    running = start_service(folder, *told)
    yield running
    running.stop()


def test_two_pages_that_reach_the_relay_only_call_through_it(relaying_service: Service, visit: Open) -> None:
    guests = [
        visit(relaying_service.link("relayed"), browser="open_chromium", before=RELAYED_ONLY)
        for _ in range(2)
    ]
    for guest in guests:
        guest.join()
    for guest in guests:
        guest.says("Connected")
        assert guest.page.evaluate(PAIR) == ["relay", "relay"]
    for guest in guests:
        guest.wait(lambda guest=guest: guest.spread() > FACE_SPREAD, what="a face")  # type: ignore[misc]
    assert guests[0].digits == guests[1].digits != "", "the relay reads nothing of the call"
