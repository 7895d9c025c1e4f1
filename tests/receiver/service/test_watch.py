"""receiver.service.watch: several rooms at one port, each for its own viewers."""

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import closing

import av
import numpy as np
import pytest

from receiver.service import watch
from receiver.service.config import ServiceConfig
from receiver.service.watch import WatchServer, WatchSink
from receiver.sinks.base import PictureState
from tests.receiver.sinks.media import flat
from tests.shared.transport.whip_client import WhipClient, playing, until

pytestmark = pytest.mark.network
KEYS = {"dark": "d" * 43, "bright": "b" * 43}
LEVEL = {"dark": 30, "bright": 220}


@pytest.fixture
def server() -> Iterator[WatchServer]:
    access = ServiceConfig(watch="127.0.0.1:0").watch_access()
    assert access is not None
    made = WatchServer(access)
    yield made
    made.close()


def _open(server: WatchServer) -> dict[str, WatchSink]:
    sinks = {room: server.open(room, key) for room, key in KEYS.items()}
    for room, sink in sinks.items():
        sink.write_picture(flat(LEVEL[room]), 0, PictureState.FRESH)
    return sinks


def url(server: WatchServer, room: str) -> str:
    return f"http://127.0.0.1:{server.port}/whep/{room}"


async def _levels(player: WhipClient, count: int) -> list[float]:
    """Mean brightness of pictures, those of before the call left out."""
    found: list[float] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            frame = await player.tracks["video"].recv()
            assert isinstance(frame, av.VideoFrame)
            picture = frame.to_ndarray(format="rgb24")
            if np.ptp(picture[100:200, 100:200]) < 20:  # the card of a call that waits is not flat
                found.append(float(picture[100:200, 100:200].mean()))
    return found


async def test_viewers_see_their_own_room_and_its_end_is_not_the_others(server: WatchServer) -> None:
    sinks, players = _open(server), {room: WhipClient() for room in KEYS}
    late = WhipClient()
    try:
        for room, player in players.items():
            assert await player.start(url(server, room), playing, KEYS[room]) == 201
        assert server.viewers == 2
        for room, player in players.items():
            assert max(abs(level - LEVEL[room]) for level in await _levels(player, 5)) < 12
        sinks["dark"].close()
        await until(lambda: sinks["dark"].viewers == 0)
        assert server.viewers == 1
        assert max(abs(level - LEVEL["bright"]) for level in await _levels(players["bright"], 5)) < 12
        assert await late.start(url(server, "dark"), playing, KEYS["dark"]) == 401, "it is over"
    finally:
        for player in (*players.values(), late):
            await player.close()


def _status(server: WatchServer, path: str, key: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        return connection.getresponse().status


def test_only_a_rooms_own_key_opens_it_and_nobody_learns_which_rooms_there_are(server: WatchServer) -> None:
    _open(server)
    asked = [("/whep/dark", "dark"), ("/whep/dark", "bright"), ("/whep/none", "dark"), ("/whep", "dark")]
    statuses = [_status(server, path, KEYS[room]) for path, room in asked]
    assert statuses == [204, 401, 401, 401]
    assert _status(server, "/whep/dark", "") == 401


def test_a_room_that_opens_again_is_served_by_its_new_key(server: WatchServer) -> None:
    sinks = _open(server)
    sinks["dark"].close()
    server.open("dark", "n" * 43)
    sinks["dark"].close()
    assert (
        _status(server, "/whep/dark", "n" * 43) == 204 and _status(server, "/whep/dark", KEYS["dark"]) == 401
    )


async def test_one_viewer_past_the_limit_of_all_rooms_is_refused(
    server: WatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SERVICE_VIEWERS_MAX", 1)
    _open(server)
    players = [WhipClient(with_candidates=False) for _ in range(2)]
    statuses = [
        await player.start(url(server, room), playing, KEYS[room])
        for player, room in zip(players, KEYS, strict=True)
    ]
    assert statuses == [201, 503]
    for player in players:
        await player.close()
