"""receiver.picture_shelf."""

import numpy as np

from receiver.picture_shelf import PictureShelf
from receiver.video_decoder import DecodedPicture
from shared.limits import THUMBNAIL_MAX_AGE_MS, VIDEO_SHELF_PICTURES


def shelf(*times_ms: int) -> PictureShelf:
    made = PictureShelf()
    for media_ms in times_ms:
        made.put(DecodedPicture(media_ms, np.zeros((8, 8, 3), np.uint8)))
    return made


def ms(found: DecodedPicture | None) -> int | None:
    return None if found is None else found.media_ms


def test_the_newest_that_is_not_newer_is_shown_again_until_its_successor_is_due() -> None:
    pictures = shelf(80, 0, 40)
    assert [ms(pictures.newest(at)) for at in (-1, 0, 39, 40, 100, 500)] == [None, 0, 0, 40, 80, 80]


def test_the_nearest_thumbnail_within_the_limit_before_or_after() -> None:
    for at, expected in ((1000 - THUMBNAIL_MAX_AGE_MS, 1000), (1000 - THUMBNAIL_MAX_AGE_MS - 1, None)):
        assert ms(shelf(1000).nearest(at)) == expected
    for at, expected in ((1000 + THUMBNAIL_MAX_AGE_MS, 1000), (1000 + THUMBNAIL_MAX_AGE_MS + 1, None)):
        assert ms(shelf(1000).nearest(at)) == expected
    assert ms(shelf(0, 200).nearest(100)) == 0 and ms(shelf(0, 200).nearest(101)) == 200


def test_it_holds_as_many_as_its_limit() -> None:
    for extra, first in ((0, 0), (1, 1)):
        pictures = shelf(*range(VIDEO_SHELF_PICTURES + extra))
        assert ms(pictures.newest(first)) == first and pictures.newest(first - 1) is None
