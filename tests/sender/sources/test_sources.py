"""The camera's missing device, live voice on the clock, the drawn head, and the text after --source."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from sender.sources.base import STALLED_S, Latest, MonotonicClock, SourceReport, in_thread
from sender.sources.camera import VoiceBlocks, camera_device
from sender.sources.file import FileSource
from sender.sources.open import open_source
from sender.sources.pattern import SIZE_PX, PatternSource, draw_head, mouth_opening, tone
from shared.errors import UserError
from tests.sender.media_files import write_video


def test_a_missing_camera_is_explained() -> None:
    with pytest.raises(UserError, match="Plug in a camera"):
        open_source("camera:99")


@pytest.mark.parametrize("spec", ["camera:", "camera:x", "camera:-1", "camera:1:2", "camera:1234"])
def test_a_wrong_camera_number_is_explained(spec: str) -> None:
    with pytest.raises(UserError, match="is no camera"):
        open_source(spec)


def test_an_empty_or_unknown_source_is_explained() -> None:
    for spec in ("", "file:"):
        with pytest.raises(UserError, match="names nothing"):
            open_source(spec)
    with pytest.raises(UserError, match="does not exist"):
        open_source("patern")


def test_the_text_chooses_the_source(tmp_path: Path) -> None:
    assert isinstance(open_source("pattern"), PatternSource)
    path = write_video(tmp_path / "camera.mkv", [0, 40])
    assert isinstance(open_source(str(path)), FileSource)
    assert isinstance(open_source(f"file:{path}"), FileSource)


@pytest.mark.parametrize(
    ("platform", "format_name", "camera"),
    [
        ("linux", "v4l2", "/dev/video2"),
        ("darwin", "avfoundation", "2:none"),
        ("win32", "dshow", "video=camera 2"),
    ],
)
def test_each_system_has_its_device_names(platform: str, format_name: str, camera: str) -> None:
    device = camera_device(2, "headset", platform)
    assert (device.format, device.camera) == (format_name, camera)
    assert "headset" in device.microphone


def test_live_voice_is_cut_into_blocks_on_the_clock() -> None:
    blocks = VoiceBlocks()
    given = [block for k in range(10) for block in blocks.add(np.full(480, k, np.int16), 10 * (k + 1))]
    assert [block.media_ms for block in given] == [0, 20, 40, 60, 80]


def test_live_voice_that_stalls_or_rushes_is_moved_back_to_the_clock() -> None:
    blocks = VoiceBlocks()
    list(blocks.add(np.ones(960, np.int16), 20))
    after_stall = list(blocks.add(np.ones(960, np.int16), 240))
    assert after_stall[-1].media_ms == 220 and after_stall[-1].pcm.all()
    assert not after_stall[0].pcm.any()
    rushed = list(blocks.add(np.ones(9600, np.int16), 260))
    assert [block.media_ms for block in rushed] == [240]


def test_the_drawn_head_is_the_same_every_time_and_moves() -> None:
    first, again, later = draw_head(0), draw_head(0), draw_head(1000)
    assert first.shape == (SIZE_PX, SIZE_PX, 3) and first.dtype == np.uint8
    assert (first == again).all() and (first != later).any()


def test_the_mouth_is_open_when_the_tone_sounds() -> None:
    for media_ms in range(0, 3200, 20):
        loud = float(np.abs(tone(media_ms).astype(int)).max())
        opening = max(mouth_opening(media_ms + step) for step in (0, 10, 19))
        assert (loud > 1000) == (opening > 0.12) or 0.05 < opening < 0.3


async def test_the_pattern_keeps_both_clocks_and_ends() -> None:
    source = PatternSource(duration_ms=200, pace=False)
    assert [picture.media_ms async for picture in source.pictures()] == [0, 40, 80, 120, 160]
    assert [block.media_ms async for block in source.voice()] == list(range(0, 200, 20))
    assert source.has_voice


async def test_an_endless_pattern_ends_when_closed() -> None:
    source = PatternSource(pace=False)
    count = 0
    async for _ in source.pictures():
        count += 1
        if count == 3:
            await source.close()
            await source.close()
    assert 3 <= count <= 5


async def test_the_newest_item_wins_and_the_rest_is_counted() -> None:
    latest: Latest[int] = Latest()
    for number in range(5):
        latest.put(number)
    assert await latest.get() == 4 and latest.skipped == 4
    waiting = asyncio.create_task(latest.get())
    await asyncio.sleep(0)
    latest.put(9)
    assert await waiting == 9
    latest.end()
    assert await latest.get() is None and await latest.get() is None


async def test_the_clock_waits_and_never_goes_back() -> None:
    clock = MonotonicClock()
    start_us = clock.now_us()
    await clock.sleep_until_us(start_us + 5000)
    assert clock.now_us() >= start_us + 5000
    await clock.sleep_until_us(0)


def test_a_warning_is_kept_once() -> None:
    report = SourceReport()
    report.warn("a")
    report.warn("a")
    assert report.warnings == ["a"]


async def test_items_come_one_ahead_in_order_and_the_iterator_is_closed() -> None:
    closed = []

    def items() -> Iterator[int]:
        try:
            yield from range(1, 6)
        finally:
            closed.append(True)

    async with aclosing(in_thread(items())) as given:
        assert [item async for item in given if item < 3 or not closed] == [1, 2, 3, 4, 5]
    async with aclosing(in_thread(items())) as given:
        assert await anext(given) == 1
    assert len(closed) == 2


async def test_what_an_iterator_raises_reaches_its_consumer() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise UserError("unplugged")

    with pytest.raises(UserError, match="unplugged"):
        async with aclosing(in_thread(items())) as given:
            assert [item async for item in given] == [1]


def test_a_camera_that_hangs_does_not_hold_up_the_end_of_the_program() -> None:
    """A process of its own: what is waited for at its exit, no test inside it could see."""
    begun_s = time.monotonic()
    code = """
import asyncio, threading
from contextlib import aclosing
from sender.sources.base import in_thread
def hanging():
    yield 1
    threading.Event().wait()
async def main():
    async with aclosing(in_thread(hanging())) as items:
        print(await anext(items))
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "1"
    assert STALLED_S <= time.monotonic() - begun_s < 20
