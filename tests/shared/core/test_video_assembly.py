"""shared.core.video_assembly: pictures from parts, in order, and no more memory than the limits say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.video_assembly import VideoAssembly, VideoReceiver
from shared.core.video_queue import split
from shared.errors import MalformedMessage
from shared.frames import VideoKind, VideoUnit
from shared.limits import (
    VIDEO_PART_MAX_BYTES,
    VIDEO_UNIT_MAX_BYTES,
    VIDEO_UNIT_MAX_PARTS,
    VIDEO_UNITS_PENDING,
)
from shared.wire import VideoPart


def unit(media_ms: int, size_bytes: int = 2500, intra: bool = False) -> VideoUnit:
    data = bytes(index % 251 for index in range(size_bytes))
    return VideoUnit(VideoKind.VIDEO, media_ms // 40 % 256, media_ms, intra, 256, data)


def test_parts_in_any_order_become_the_picture() -> None:
    assembly, whole = VideoAssembly(), unit(400)
    first, second, third = split(whole)
    assert assembly.add_part(third, 400) is None
    assert assembly.add_part(third, 400) is None
    assert assembly.add_part(first, 400) is None
    assert assembly.add_part(second, 400) == whole
    assert assembly.add_part(second, 400) is None


def test_a_complete_picture_ends_the_wait_for_older_ones() -> None:
    assembly = VideoAssembly()
    older = split(unit(360))
    assembly.add_part(older[0], 360)
    assert assembly.add_unit(unit(400, 50)) is not None
    assert [assembly.add_part(part, 360) for part in older] == [None] * 3
    assert assembly.add_unit(unit(400, 50)) is None
    assert assembly.add_unit(unit(440, 50)) is not None


def test_so_many_pictures_are_put_together_at_once_and_one_more_costs_the_oldest() -> None:
    assembly = VideoAssembly()
    times = [40 * index for index in range(1, VIDEO_UNITS_PENDING + 1)]
    for media_ms in times:
        assembly.add_part(split(unit(media_ms))[0], media_ms)
    assert assembly.add_part(split(unit(10))[0], 10) is None
    assembly.add_part(split(unit(1000))[0], 1000)
    rest = [assembly.add_part(part, times[0]) for part in split(unit(times[0]))[1:]]
    assert rest == [None, None], "the oldest was forgotten"
    done = [assembly.add_part(part, times[1]) for part in split(unit(times[1]))[1:]]
    assert done[-1] == unit(times[1])


def test_a_part_that_contradicts_the_others_begins_anew() -> None:
    assembly = VideoAssembly()
    first, second, third = split(unit(400))
    assembly.add_part(first, 400)
    assembly.add_part(replace(second, total_bytes=2501), 400)
    assert assembly.add_part(third, 400) is None
    assert assembly.add_part(first, 400) is None
    assert assembly.add_part(second, 400) is not None


def test_parts_that_do_not_add_up_are_refused() -> None:
    assembly = VideoAssembly()
    first, second = split(unit(400, 2000))
    assembly.add_part(first, 400)
    with pytest.raises(MalformedMessage, match="add up"):
        assembly.add_part(replace(second, payload=b"short"), 400)


def test_the_largest_picture_fits_its_parts() -> None:
    parts = split(unit(0, VIDEO_UNIT_MAX_BYTES))
    assert len(parts) <= VIDEO_UNIT_MAX_PARTS and len(parts[0].payload) == VIDEO_PART_MAX_BYTES
    assembly = VideoAssembly()
    assert [assembly.add_part(part, 0) for part in parts][-1] == unit(0, VIDEO_UNIT_MAX_BYTES)


def test_a_wish_stands_until_a_picture_of_its_kind_stands_alone() -> None:
    receiver = VideoReceiver()
    for kind in (VideoKind.VIDEO, VideoKind.THUMBNAIL):
        receiver.want_intra(kind)
    assert receiver.wanted == (VideoKind.THUMBNAIL, VideoKind.VIDEO)
    receiver.add_unit(unit(40, 9))
    receiver.add_unit(replace(unit(40, 9, intra=True), kind=VideoKind.THUMBNAIL))
    assert list(receiver.wanted) == [VideoKind.VIDEO]
    receiver.add_unit(unit(80, 9, intra=True))
    assert not receiver.wanted


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(1, 3), st.booleans()), max_size=80)
)
def test_whatever_comes_only_newer_pictures_come_out(arrivals: list[tuple[int, int, int, bool]]) -> None:
    assembly, newest_ms = VideoAssembly(), -1
    for place, index, count, odd in arrivals:
        part = VideoPart(
            VideoKind.VIDEO, place, 40 * place, odd, 64, min(index, count - 1), count, count, b"x"
        )
        done = assembly.add_part(part, 40 * place)
        assert len(assembly._pending) <= VIDEO_UNITS_PENDING
        if done is not None:
            assert done.media_ms > newest_ms
            newest_ms = done.media_ms
