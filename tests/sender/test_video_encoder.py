"""sender.video_encoder and picture_rungs: one picture in, one unit out, at the rate asked for, decodable."""

from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sender.picture_rungs import PAUSE_MS, PictureOrder, PictureRungs
from sender.sources.pattern import draw_head
from sender.video_encoder import FPS, KBPS_MAX, KBPS_MIN, SIDE_PX, VideoEncoder
from shared.errors import UserError
from shared.frames import VideoKind, VideoUnit

Picture = NDArray[np.uint8]


def picture(media_ms: int) -> Picture:
    return draw_head(media_ms)[:256, :256]


def decoded(units: list[VideoUnit]) -> list[Picture]:
    decoder: Any = av.CodecContext.create("libdav1d", "r")
    decoder.thread_count = 1
    return [
        frame.to_ndarray(format="rgb24") for unit in units for frame in decoder.decode(av.Packet(unit.data))
    ]


@pytest.mark.parametrize("kind", VideoKind)
def test_each_picture_is_a_unit_at_once_and_can_be_decoded(kind: VideoKind) -> None:
    encoder = VideoEncoder(kind, 12.0)
    units = [encoder.encode(picture(80 * index), 80 * index, 250 + index) for index in range(12)]
    encoder.close()
    assert [unit.media_ms for unit in units] == [80 * index for index in range(12)]
    assert [unit.unit_id for unit in units] == [(250 + index) % 256 for index in range(12)]
    assert [unit.intra for unit in units] == [True] + [False] * 11
    pictures = decoded(units)
    assert len(pictures) == 12
    assert {shown.shape for shown in pictures} == {(SIDE_PX[kind], SIDE_PX[kind], 3)}


@pytest.mark.parametrize("kbps", [4.0, 16.0])
def test_the_rate_is_near_what_was_asked_for(kbps: float) -> None:
    encoder = VideoEncoder(VideoKind.THUMBNAIL, kbps)
    rng = np.random.default_rng(0)
    sizes = []
    for index in range(60):
        noisy = picture(80 * index).astype(np.int16) + rng.normal(0, 6, (256, 256, 3)).astype(np.int16)
        sizes.append(len(encoder.encode(noisy.clip(0, 255).astype(np.uint8), 80 * index, index).data))
    encoder.close()
    measured_kbps = sum(sizes) * 8 / 1000 / (60 / float(FPS[VideoKind.THUMBNAIL]))
    assert 0.6 * kbps <= measured_kbps <= 1.3 * kbps


def test_a_picture_stands_alone_when_asked_to() -> None:
    encoder = VideoEncoder(VideoKind.THUMBNAIL, 8.0)
    units = [encoder.encode(picture(80 * index), 80 * index, index, intra=index == 5) for index in range(8)]
    encoder.close()
    assert [index for index, unit in enumerate(units) if unit.intra] == [0, 5]
    assert len(decoded(units[5:])) == 3


@pytest.mark.parametrize(("good", "bad"), [(KBPS_MIN, KBPS_MIN - 0.1), (KBPS_MAX, KBPS_MAX + 0.1)])
def test_rates_have_limits(good: float, bad: float) -> None:
    VideoEncoder(VideoKind.THUMBNAIL, good).close()
    with pytest.raises(UserError, match="choose"):
        VideoEncoder(VideoKind.THUMBNAIL, bad)


def coded(rungs: PictureRungs, order: PictureOrder | None, times: range) -> list[VideoUnit]:
    units = [rungs.code(order, picture(media_ms), media_ms) for media_ms in times]
    return [unit for unit in units if unit is not None]


def test_thumbnails_are_every_second_picture() -> None:
    rungs = PictureRungs()
    order = PictureOrder(VideoKind.THUMBNAIL, 6.0, intra=False)
    units = coded(rungs, order, range(0, 800, 40))
    rungs.close()
    assert [unit.media_ms for unit in units] == list(range(0, 800, 80))
    assert [unit.unit_id for unit in units] == list(range(10))


def test_a_wish_is_kept_until_a_picture_is_due() -> None:
    rungs = PictureRungs()
    order = PictureOrder(VideoKind.THUMBNAIL, 6.0, intra=False)
    coded(rungs, order, range(0, 200, 40))
    assert rungs.code(PictureOrder(VideoKind.THUMBNAIL, 6.0, intra=True), picture(200), 200) is None
    (unit,) = coded(rungs, order, range(240, 280, 40))
    rungs.close()
    assert unit.intra


def test_another_rate_kind_or_a_long_pause_begin_anew() -> None:
    rungs = PictureRungs()
    coded(rungs, PictureOrder(VideoKind.THUMBNAIL, 6.0, False), range(0, 200, 40))
    (dearer,) = coded(rungs, PictureOrder(VideoKind.THUMBNAIL, 8.0, False), range(240, 280, 40))
    (video,) = coded(rungs, PictureOrder(VideoKind.VIDEO, 24.0, False), range(280, 320, 40))
    assert coded(rungs, None, range(320, 400, 40)) == []
    (soon,) = coded(rungs, PictureOrder(VideoKind.VIDEO, 24.0, False), range(400, 440, 40))
    late_ms = 400 + PAUSE_MS
    (late,) = coded(rungs, PictureOrder(VideoKind.VIDEO, 24.0, False), range(late_ms, late_ms + 40, 40))
    rungs.close()
    assert [dearer.intra, video.intra, soon.intra, late.intra] == [True, True, False, True]
    assert (dearer.unit_id, video.unit_id, soon.unit_id, late.unit_id) == (3, 0, 1, 2)
