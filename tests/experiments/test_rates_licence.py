"""Whose pictures may be shown: the folder's own word, and nothing without it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.rates.clips import ClipFile, Material
from experiments.rates.kept_pictures import ORIGINAL, STRIP_PICTURES, Keeper, jpeg_of
from experiments.rates.licence import FILE_NAME, MAX_BYTES, read_licence
from experiments.rates.page_media import data_url
from shared.errors import UserError

Frames = list[NDArray[np.uint8]]


def note(folder: Path, text: str | bytes) -> Path:
    (folder / FILE_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_a_folder_that_allows_it_says_by_which_licence_and_of_which_clips(tmp_path: Path) -> None:
    whole = read_licence(note(tmp_path, "licence: CC0, all agreed\nmay_show: true\n"))
    assert (whole.text, whole.allows("one"), whole.allows("two")) == ("CC0, all agreed", True, True)
    part = read_licence(note(tmp_path, "licence: CC0\nmay_show: true\nclips: [one]\n"))
    assert part.allows("one") and not part.allows("two")
    assert not read_licence(note(tmp_path, "licence: CC0\nmay_show: true\nclips: []\n")).allows("one")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("licence: CC0\n", "may_show: true"), ("licence: CC0\nmay_show: false\n", "may_show: true"),
        ("licence: CC0\nmay_show: 'true'\n", "may_show: true"), ("licence: CC0\nmay_show: 1\n", "may_show: true"),
        ("may_show: true\n", "names no licence"), ("licence: '  '\nmay_show: true\n", "names no licence"),
        ("licence: CC0\nmay_show: true\nclips: one\n", "list of names"),
        ("licence: CC0\nmay_show: true\nclip: [one]\n", "'clip'"),
        ("", "no keys"), ("- a\n", "no keys"), ("a: [", "no YAML"), (b"\xff\xfe\xff", "no YAML"), ("[" * 9999, "no YAML"),
        (b"#" * (MAX_BYTES + 1), "more than"),
    ],
)  # fmt: skip
def test_anything_else_allows_nothing(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_licence(note(tmp_path, text))


def test_a_note_at_its_limit_is_read(tmp_path: Path) -> None:
    text = b"licence: CC0\nmay_show: true\n"
    assert read_licence(note(tmp_path, text + b"#" * (MAX_BYTES - len(text)))).allows("one")


def test_a_folder_without_a_note_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="may_show: true"):
        read_licence(tmp_path)


def clip(may_show: bool) -> ClipFile:
    return ClipFile("one", Path("one.mp4"), "a" * 64, may_show=may_show)


def test_of_a_clip_that_may_not_be_shown_nothing_is_written(tmp_path: Path, sample_pictures: Frames) -> None:
    keeper, pcm = Keeper(tmp_path, clip(False), "facewire"), np.zeros(0, np.int16)
    keeper.original(Material(tuple(sample_pictures[:6]), pcm, False, ()))
    assert keeper.keep(20.0, sample_pictures[:6], pcm) == {}
    assert not list(tmp_path.iterdir())


def test_strips_and_films_lie_below_the_folder_and_drawn_pictures_are_marked(
    tmp_path: Path, sample_pictures: Frames
) -> None:
    import av

    pcm = np.zeros(48_000, np.int16)
    for arm in ("facewire", "av1"):
        keeper = Keeper(tmp_path, clip(True), arm)
        keeper.original(Material(tuple(sample_pictures[:12]), pcm, False, ()))
        kept = keeper.keep(20.0, sample_pictures[:12], pcm)
        assert data_url(tmp_path, kept["strip"]).startswith("data:image/jpeg;base64,")
        with av.open(str(tmp_path / kept["film"])) as film:
            assert film.streams.video[0].frames == 12 and "comment" in film.metadata
    strips = {path.name.split("-", 1)[1]: path.read_bytes() for path in (tmp_path / "strips").iterdir()}
    assert set(strips) == {f"{ORIGINAL}.jpg", "facewire-20.jpg", "av1-20.jpg"}
    assert strips["av1-20.jpg"] == strips[f"{ORIGINAL}.jpg"] != strips["facewire-20.jpg"]
    assert not [path for path in (tmp_path / "films").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("count", [1, STRIP_PICTURES, STRIP_PICTURES + 1])
def test_a_strip_has_at_most_six_pictures(sample_pictures: Frames, count: int) -> None:
    import cv2

    strip = cv2.imdecode(np.frombuffer(jpeg_of(sample_pictures[:count]), np.uint8), cv2.IMREAD_COLOR)
    assert strip is not None and strip.shape == (256, 256 * min(count, STRIP_PICTURES), 3)
