"""The whole gateway with the real programs: ordinary WebRTC in (WHIP), facewire between, ordinary WebRTC out (WHEP)."""

import asyncio
from pathlib import Path

import aiohttp
import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.contrib.media import MediaPlayer

from experiments.demo.call import _free_port
from receiver.disclosure import mark, waiting_picture
from shared.signaling_messages import Role
from tests.e2e.media import SAMPLE
from tests.e2e.programs import START_S, serving
from tests.shared.transport.whip_client import WhipClient, playing

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.slow]


async def _start(client: WhipClient, url: str, *tracks: object) -> None:
    """Post the offer as soon as somebody listens there."""

    def prepare(pc: RTCPeerConnection) -> None:
        for track in tracks:
            pc.addTrack(track)
        if not tracks:
            playing(pc)

    async with asyncio.timeout(START_S), aiohttp.ClientSession() as http:
        while True:
            try:
                await (await http.get(url)).read()
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.5)
    assert await client.start(url, prepare) == 201


async def _faces(player: WhipClient, count: int) -> list[np.ndarray]:
    """Pictures that are not the card of before the first one."""
    card = mark(waiting_picture(256)).astype(int)
    found: list[np.ndarray] = []
    async with asyncio.timeout(START_S):
        while len(found) < count:
            frame = await player.tracks["video"].recv()
            assert isinstance(frame, av.VideoFrame)
            picture = frame.to_ndarray(format="rgb24")
            if np.abs(picture.astype(int) - card).mean() > 10:
                found.append(picture)
    return found


async def _loudest(player: WhipClient, blocks: int) -> int:
    async with asyncio.timeout(START_S):
        frames = [await player.tracks["audio"].recv() for _ in range(blocks)]
    return max(int(np.abs(frame.to_ndarray()).max()) for frame in frames if isinstance(frame, av.AudioFrame))


async def test_a_standard_publisher_is_seen_by_a_standard_player(tmp_path: Path) -> None:
    in_port, out_port = _free_port(), _free_port()
    with serving(tmp_path) as service:
        receiver = service.receiver(service.token("g", Role.RECEIVER), "--sink", f"whep:127.0.0.1:{out_port}")
        sender = service.sender(service.token("g", Role.SENDER), "--source", f"whip:127.0.0.1:{in_port}")
        film = MediaPlayer(str(SAMPLE), loop=True)
        publisher, player = WhipClient(), WhipClient()
        try:
            await _start(publisher, f"http://127.0.0.1:{in_port}/whip", film.video, film.audio)
            await _start(player, f"http://127.0.0.1:{out_port}/whep")
            pictures, loudest = await asyncio.gather(_faces(player, 30), _loudest(player, 250))
        except TimeoutError:
            pytest.fail(f"no picture came through: {sender.last_words} / {receiver.last_words}")
        finally:
            film.video.stop()
            film.audio.stop()
            await publisher.close()
            await player.close()
        changes = [
            np.abs(a.astype(int) - b.astype(int)).mean() for a, b in zip(pictures, pictures[5:], strict=False)
        ]
        assert max(changes) > 0.5 and loudest > 500
        assert sender.status is None and receiver.status is None
