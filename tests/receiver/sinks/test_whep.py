"""receiver.sinks.whep: a player made of aiortc watches a call; limits; slow readers."""

import asyncio
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

from receiver.disclosure import mark, mark_corner
from receiver.sinks.base import PictureState
from receiver.sinks.live_stage import LiveStage
from receiver.sinks.open import SinkSet
from receiver.sinks.whep import LivePictures, LiveVoice, WhepSink, open_whep
from shared.errors import UserError
from shared.limits import LIVE_DELAY_MS, WHEP_VIEWERS_MAX
from shared.transport.whip_access import parse_access
from tests.receiver.sinks.media import beep, flat, quiet
from tests.shared.transport.whip_client import WhipClient, playing, until

LOUD = 3_000


class Call:
    """A call that flashes and beeps together, 200 ms on and 200 ms off, until it is stopped."""

    def __init__(self, sink: WhepSink) -> None:
        self._sinks, self._stopped = SinkSet([sink]), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number, start_s = 0, time.monotonic()
        while not self._stopped.wait(max(0.0, start_s + number * 0.04 - time.monotonic())):
            on = number // 5 % 2 == 1
            self._sinks.write_picture(flat(230 if on else 30), number * 40, PictureState.FRESH)
            self._sinks.write_voice(beep(40) if on else quiet(40), number * 40)
            number += 1

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.fixture
def sink() -> Iterator[WhepSink]:
    made = WhepSink(parse_access("whep", "127.0.0.1:0"))
    yield made
    made.close()


def url(sink: WhepSink) -> str:
    return f"http://127.0.0.1:{sink.port}"


async def _flashes(player: WhipClient, seconds: float) -> list[tuple[float, bool, np.ndarray]]:
    """Media seconds, whether the picture is bright, and the picture."""
    found = []
    async with asyncio.timeout(20):
        while not found or found[-1][0] - found[0][0] < seconds:
            frame = await player.tracks["video"].recv()
            assert isinstance(frame, av.VideoFrame)
            picture = frame.to_ndarray(format="rgb24")
            found.append((float(frame.time or 0), picture[100, 100, 0] > 128, picture))
    return found


async def _beeps(player: WhipClient, seconds: float) -> list[tuple[float, bool]]:
    found = []
    async with asyncio.timeout(20):
        while not found or found[-1][0] - found[0][0] < seconds:
            frame = await player.tracks["audio"].recv()
            assert isinstance(frame, av.AudioFrame)
            found.append((float(frame.time or 0), int(np.abs(frame.to_ndarray()).max()) > LOUD))
    return found


def _changes(states: list[tuple[float, bool]]) -> list[float]:
    """When it turned on."""
    return [at for (_, before), (at, now) in pairwise(states) if now and not before]


@pytest.mark.network
@pytest.mark.parametrize(("codec", "with_candidates"), [("video/VP8", True), ("video/H264", False)])
async def test_a_player_sees_the_marked_call_and_hears_it(
    sink: WhepSink, codec: str, with_candidates: bool
) -> None:
    call, player = Call(sink), WhipClient(with_candidates)
    try:
        assert await player.start(f"{url(sink)}/whep", partial(_playing_one_codec, codec)) == 201
        pictures, voice = await asyncio.gather(_flashes(player, 1.5), _beeps(player, 1.5))
        assert sink.viewers == 1
        assert await player.delete(url(sink)) == 200
        await until(lambda: sink.viewers == 0)
    finally:
        call.stop()
        await player.close()
    flashes, beeps = _changes([(at, on) for at, on, _ in pictures]), _changes(voice)
    assert len(flashes) >= 2 and len(beeps) >= 2
    bright = next(picture for _, on, picture in reversed(pictures) if on)
    top, left = mark_corner(256)
    plate = (slice(top, top + 16), slice(left, left + 60))
    assert np.abs(bright[plate].astype(int) - mark(flat(230))[plate]).mean() < 25
    assert np.abs(bright[plate].astype(int) - flat(230)[plate]).mean() > 60


def _playing_one_codec(codec: str, pc: RTCPeerConnection) -> None:
    playing(pc)
    known = RTCRtpReceiver.getCapabilities("video").codecs
    video = next(t for t in pc.getTransceivers() if t.kind == "video")
    video.setCodecPreferences([one for one in known if one.mimeType == codec])


@pytest.mark.network
async def test_media_that_a_player_offers_are_not_received(sink: WhepSink) -> None:
    def talking(pc: RTCPeerConnection) -> None:
        pc.addTrack(AudioStreamTrack())
        pc.addTrack(VideoStreamTrack())

    player = WhipClient()
    assert await player.start(f"{url(sink)}/whep", talking) == 201
    assert [t.currentDirection for t in player.pc.getTransceivers()] == ["recvonly", "recvonly"]
    await player.close()


@pytest.mark.network
async def test_one_viewer_past_the_limit_is_refused_until_another_leaves(sink: WhepSink) -> None:
    players = [WhipClient(with_candidates=False) for _ in range(WHEP_VIEWERS_MAX + 1)]
    assert WHEP_VIEWERS_MAX < 12, "or the rate of one address is the limit that is met"
    statuses = [await player.start(f"{url(sink)}/whep", playing) for player in players]
    assert statuses == [201] * WHEP_VIEWERS_MAX + [503]
    await players[0].delete(url(sink))
    assert sink.viewers == WHEP_VIEWERS_MAX - 1
    for player in players:
        await player.close()


async def test_a_picture_and_its_voice_carry_the_same_time() -> None:
    clock_ms = [0]
    stage = LiveStage(lambda: clock_ms[0] * 1000)
    pictures, voice = LivePictures(stage), LiveVoice(stage)
    clock_ms[0] = 400
    stage.put_picture(flat(230))
    stage.put_voice(beep(40))
    due_ms = 400 + LIVE_DELAY_MS
    clock_ms[0] = due_ms - 20
    frame, first = await pictures.recv(), await voice.recv()
    second = await voice.recv()
    assert frame.pts == 480 * 90 and frame.to_ndarray(format="rgb24")[100, 100, 0] > 200, (
        "the first tick after it is due"
    )
    assert first.pts == due_ms * 48 and np.array_equal(first.to_ndarray()[0], beep(40)[: 20 * 48])
    assert second.pts == (due_ms + 20) * 48 and np.array_equal(second.to_ndarray()[0], beep(40)[20 * 48 :])


async def test_a_slow_viewer_loses_pictures_and_not_time() -> None:
    clock_ms = [0]
    stage = LiveStage(lambda: clock_ms[0] * 1000)
    pictures, voice = LivePictures(stage), LiveVoice(stage)
    clock_ms[0] = 40
    assert (await pictures.recv()).pts == 80 * 90
    assert (await voice.recv()).pts == 60 * 48
    clock_ms[0] = 170
    assert (await pictures.recv()).pts == 160 * 90, "the two that passed are left out"
    assert (await voice.recv()).pts == 80 * 48, "voice is caught up with"
    clock_ms[0] = 1_000
    assert (await voice.recv()).pts == 1_000 * 48, "unless it is too late for that"
    voice.stop()
    with pytest.raises(MediaStreamError):
        await voice.recv()


def test_an_open_address_without_a_token_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="bearer token"):
        open_whep("0.0.0.0:0")
    open_whep("127.0.0.1:0").close()
    assert "WHEP player at http://127.0.0.1" in capsys.readouterr().err
