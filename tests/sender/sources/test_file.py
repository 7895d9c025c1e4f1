"""sender.sources.file: any file becomes 25 pictures a second and gapless voice, or a message that helps."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sender.sources.base import LONG_SIDE_MAX_PX, SourcePicture, SourceVoice
from sender.sources.file import FileSource
from shared.errors import UserError
from tests.sender.media_files import number_of, write_sound, write_video


class FakeClock:
    """Time that passes only where somebody sleeps, or as told."""

    def __init__(self) -> None:
        self.time_us = 1_000_000

    def now_us(self) -> int:
        return self.time_us

    async def sleep_until_us(self, due_us: int) -> None:
        self.time_us = max(self.time_us, due_us)
        await asyncio.sleep(0)


async def all_pictures(source: FileSource, stop_at: int = 10_000) -> list[SourcePicture]:
    pictures = []
    async for picture in source.pictures():
        pictures.append(picture)
        if len(pictures) == stop_at:
            await source.close()
    return pictures


async def all_voice(source: FileSource, stop_at: int = 10_000) -> list[SourceVoice]:
    blocks = []
    async for block in source.voice():
        blocks.append(block)
        if len(blocks) == stop_at:
            await source.close()
    return blocks


def loudness(blocks: list[SourceVoice], start_ms: int, end_ms: int) -> float:
    pcm = np.concatenate([block.pcm for block in blocks])[start_ms * 48 : end_ms * 48]
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


async def test_a_25_fps_file_gives_each_picture_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(0, 1600, 40))
    pictures = await all_pictures(FileSource(path, pace=False))
    assert [picture.media_ms for picture in pictures] == list(range(0, 1600, 40))
    assert [number_of(picture.rgb) for picture in pictures] == list(range(40))
    assert pictures[0].rgb.shape == (48, 64, 3) and pictures[0].rgb.dtype == np.uint8


async def test_time_stamps_that_jitter_move_no_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    times_ms = [40 * index + int(rng.integers(0, 18)) for index in range(40)]
    pictures = await all_pictures(FileSource(write_video(tmp_path / "a.mkv", times_ms), pace=False))
    assert [number_of(picture.rgb) for picture in pictures] == list(range(40))


async def test_a_60_fps_file_is_thinned_out(tmp_path: Path) -> None:
    times_ms = [round(index * 1000 / 60) for index in range(48)]
    pictures = await all_pictures(FileSource(write_video(tmp_path / "a.mkv", times_ms, rate=60), pace=False))
    assert [picture.media_ms for picture in pictures] == list(range(0, 800, 40))
    numbers = [number_of(picture.rgb) for picture in pictures]
    assert all(
        abs(number * 1000 / 60 - picture.media_ms) <= 20
        for number, picture in zip(numbers, pictures, strict=True)
    )


async def test_a_variable_rate_file_is_put_on_the_grid(tmp_path: Path) -> None:
    times_ms = [0, 15, 30, 200, 210, 640, 660, 700, 990]
    pictures = await all_pictures(FileSource(write_video(tmp_path / "a.mkv", times_ms), pace=False))
    assert [picture.media_ms for picture in pictures] == list(range(0, len(pictures) * 40, 40))
    for picture in pictures:
        shown = max(index for index, time_ms in enumerate(times_ms) if time_ms < picture.media_ms + 20)
        assert number_of(picture.rgb) == shown


async def test_a_4k_60_fps_file_is_made_smaller(tmp_path: Path) -> None:
    times_ms = [round(index * 1000 / 60) for index in range(12)]
    path = write_video(tmp_path / "a.mkv", times_ms, size=(3840, 2160), rate=60)
    pictures = await all_pictures(FileSource(path, pace=False))
    assert len(pictures) == 5
    assert {picture.rgb.shape for picture in pictures} == {(720, LONG_SIDE_MAX_PX, 3)}


@pytest.mark.parametrize("size", [(63, 47), (LONG_SIDE_MAX_PX, 16), (LONG_SIDE_MAX_PX + 2, 16), (16, 1500)])
async def test_odd_and_extreme_sizes_are_read(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mkv", [0, 40, 80], size=size)
    pictures = await all_pictures(FileSource(path, pace=False))
    height, width, _ = pictures[0].rgb.shape
    assert max(width, height) <= LONG_SIDE_MAX_PX
    if max(size) <= LONG_SIDE_MAX_PX:
        assert (width, height) == size
    assert [number_of(picture.rgb) for picture in pictures] == [0, 1, 2]


async def test_a_single_picture_is_a_video(tmp_path: Path) -> None:
    pictures = await all_pictures(FileSource(write_video(tmp_path / "a.mp4", [0]), pace=False))
    assert [picture.media_ms for picture in pictures] == [0]


async def test_a_huge_gap_in_the_time_stamps_is_closed_up(tmp_path: Path) -> None:
    times_ms = [0, 40, 80, 900_000, 900_040, 900_080]
    pictures = await all_pictures(FileSource(write_video(tmp_path / "a.mkv", times_ms), pace=False))
    assert [number_of(picture.rgb) for picture in pictures] == [0, 1, 2, 3, 4, 5]


async def test_voice_is_gapless_48_khz_mono(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(0, 1000, 40), voice_ms=(0, 1000))
    source = FileSource(path, pace=False)
    blocks = await all_voice(source)
    assert source.has_voice and not source.report.warnings
    assert [block.media_ms for block in blocks] == list(range(0, len(blocks) * 20, 20))
    assert {block.pcm.shape for block in blocks} == {(960,)} and blocks[0].pcm.dtype == np.int16
    assert 980 <= len(blocks) * 20 <= 1100
    assert loudness(blocks, 100, 900) == pytest.approx(16_000 / np.sqrt(2), rel=0.1)


async def test_voice_that_begins_late_is_preceded_by_silence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(0, 1000, 40), voice_ms=(500, 1000))
    blocks = await all_voice(FileSource(path, pace=False))
    assert loudness(blocks, 0, 440) < 50 < 5000 < loudness(blocks, 560, 940)


async def test_voice_before_the_first_picture_is_left_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(600, 1000, 40), voice_ms=(0, 1000))
    source = FileSource(path, pace=False)
    pictures, blocks = await all_pictures(source), await all_voice(source)
    assert pictures[0].media_ms == 0 and len(pictures) == 10
    assert 380 <= len(blocks) * 20 <= 500


async def test_without_sound_there_is_no_voice_and_a_warning(tmp_path: Path) -> None:
    source = FileSource(write_video(tmp_path / "a.mp4", [0, 40]), pace=False)
    assert not source.has_voice
    assert await all_voice(source) == []
    assert "no sound" in source.report.warnings[0]


async def test_looping_repeats_pictures_and_voice_on_one_clock(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(0, 400, 40), voice_ms=(0, 300))
    source = FileSource(path, loop=True, pace=False)
    pictures = await all_pictures(source, stop_at=35)
    assert [picture.media_ms for picture in pictures] == list(range(0, 1400, 40))
    assert [number_of(picture.rgb) for picture in pictures] == [index % 10 for index in range(35)]
    blocks = await all_voice(FileSource(path, loop=True, pace=False), stop_at=60)
    assert loudness(blocks, 840, 1040) > 5000 > 300 > loudness(blocks, 1160, 1190)


async def test_pictures_and_voice_come_in_real_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(0, 400, 40), voice_ms=(0, 400))
    clock = FakeClock()
    source = FileSource(path, clock=clock)
    arrived = [(picture, clock.time_us) async for picture in source.pictures()]
    assert [picture.capture_us for picture, _ in arrived] == [1_000_000 + 40_000 * k for k in range(10)]
    assert all(now_us == picture.capture_us for picture, now_us in arrived)
    clock = FakeClock()
    heard = [clock.time_us - 1_000_000 async for _ in FileSource(path, clock=clock).voice()]
    assert heard[:3] == [20_000, 40_000, 60_000]


async def test_a_slow_consumer_gets_newer_pictures_instead_of_a_queue(tmp_path: Path) -> None:
    clock = FakeClock()
    source = FileSource(write_video(tmp_path / "a.mp4", range(0, 2000, 40)), clock=clock)
    seen = []
    async for picture in source.pictures():
        seen.append(picture.media_ms)
        clock.time_us += 130_000
    assert len(seen) < 30
    assert source.report.pictures_skipped >= 50 - len(seen) - 1
    assert seen == sorted(seen)


async def test_no_work_goes_on_after_the_consumer_left(tmp_path: Path) -> None:
    source = FileSource(write_video(tmp_path / "a.mp4", range(0, 400, 40)), pace=False)
    pictures = source.pictures()
    assert (await anext(pictures)).media_ms == 0
    await pictures.aclose()  # type: ignore[attr-defined]
    with pytest.raises(StopAsyncIteration):
        await anext(pictures)


@pytest.mark.parametrize("kept", [0.4, 0.7])
async def test_a_file_cut_short_ends_cleanly_with_a_warning(tmp_path: Path, kept: float) -> None:
    path = write_video(tmp_path / "a.mkv", range(0, 4000, 40), size=(320, 240), voice_ms=(0, 4000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    source = FileSource(path, pace=False)
    pictures = await all_pictures(source)
    await all_voice(source)
    assert 0 < len(pictures) < 100
    assert [number_of(picture.rgb) for picture in pictures[:10]] == list(range(10))
    assert source.report.warnings


async def test_damage_in_the_middle_costs_what_was_damaged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(0, 2000, 40), size=(320, 240), voice_ms=(0, 2000))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 3000] = np.random.default_rng(4).bytes(3000)
    path.write_bytes(damaged)
    source = FileSource(path, pace=False)
    pictures = await all_pictures(source)
    await all_voice(source)
    assert len(pictures) >= 10
    assert [picture.media_ms for picture in pictures] == list(range(0, len(pictures) * 40, 40))


def damaged_head(path: Path) -> Path:
    write_video(path, range(0, 400, 40))
    path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size))
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("not a video " * 100)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "does not exist"),
        (folder, "is a folder"),
        (empty, "is empty"),
        (text, "cannot be opened as a video"),
        (damaged_head, "cannot be opened as a video"),
        (write_sound, "has no video in it .only audio"),
    ],
)
def test_what_is_no_video_is_explained(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FileSource(make(tmp_path / "input.mp4"))
