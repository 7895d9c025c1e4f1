from collections.abc import Callable
from pathlib import Path

import pytest

from models.training.clips import find_clips
from shared.errors import UserError

HEADER = "file,person,split,own_speech,tier,source_px\n"


@pytest.fixture
def videos(tmp_path: Path) -> Callable[..., Path]:
    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def table(folder: Path, *rows: str) -> Path:
    (folder / "clips.csv").write_text(HEADER + "".join(row + "\n" for row in rows))
    return folder


def test_a_folder_without_a_table_counts_every_file_as_a_person(videos: Callable[..., Path]) -> None:
    clips = find_clips(videos(*(f"{name}.mp4" for name in "abcdefghijklmnop"), "sub/q.MKV", "notes.txt"))
    assert [clip.person for clip in clips] == list("abcdefghijklmnopq")
    assert all(clip.speech and clip.tier == "own" for clip in clips)


@pytest.mark.parametrize("count", [2, 3, 8, 30])
def test_some_files_of_a_folder_are_held_out(videos: Callable[..., Path], count: int) -> None:
    splits = [clip.split for clip in find_clips(videos(*(f"{index}.mp4" for index in range(count))))]
    assert {"train", "val"} == set(splits)
    assert splits.count("train") >= splits.count("val")


def test_a_single_file_is_trained_on(videos: Callable[..., Path]) -> None:
    assert [clip.split for clip in find_clips(videos("only.mp4"))] == ["train"]


def test_who_is_held_out_does_not_change_with_the_folder(videos: Callable[..., Path]) -> None:
    before = {clip.name: clip.split for clip in find_clips(videos(*(f"{index}.mp4" for index in range(30))))}
    after = {clip.name: clip.split for clip in find_clips(videos("one more.mp4"))}
    assert {name: after[name] for name in before} == before


def test_the_table_says_who_is_who(videos: Callable[..., Path]) -> None:
    folder = videos("train/a1.mp4", "train/a2.mp4", "val/b1.mp4")
    table(folder, "a1.mp4,ana,train,yes,A,256", "a2.mp4,ana,train,no,B,180.5", "b1.mp4,ben,val,yes,A,300")
    clips = find_clips(folder)
    assert [(c.name, c.person, c.split, c.speech, c.tier, c.source_px) for c in clips] == [
        ("a1", "ana", "train", True, "A", 256), ("a2", "ana", "train", False, "B", 180),
        ("b1", "ben", "val", True, "A", 300),
    ]  # fmt: skip
    assert clips[0].path == folder / "train" / "a1.mp4"


def test_tiers_filter(videos: Callable[..., Path]) -> None:
    folder = table(
        videos(), "a.mp4,ana,train,yes,A,256", "b.mp4,ben,train,yes,B,256", "c.mp4,cy,train,yes,A?,256"
    )
    assert [clip.name for clip in find_clips(folder, frozenset({"A"}))] == ["a"]
    assert [clip.name for clip in find_clips(folder, frozenset({"A", "A?"}))] == ["a", "c"]


def test_a_tier_that_nobody_has_is_an_error(videos: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="No clips of tiers Z"):
        find_clips(table(videos(), "a.mp4,ana,train,yes,A,256"), frozenset({"Z"}))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No clips in"):
        find_clips(tmp_path)


def test_a_person_on_both_sides_is_an_error(videos: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="ana is in train and in val"):
        find_clips(table(videos(), "a.mp4,ana,train,yes,A,256", "b.mp4,ana,val,yes,A,256"))


def test_two_clips_of_one_name_are_an_error(videos: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="Two clips are called a"):
        find_clips(videos("one/a.mp4", "two/a.mp4"))


@pytest.mark.parametrize(
    "text", ["file,person\na.mp4,ana\n", HEADER + "a.mp4,ana,train,yes,A,wide\n", "\0\xff"]
)
def test_a_table_that_cannot_be_used_says_which_columns_it_needs(tmp_path: Path, text: str) -> None:
    (tmp_path / "clips.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"source_px|No clips"):
        find_clips(tmp_path)


def test_the_developers_clips_keep_people_apart(shared_data: Path) -> None:
    clips = find_clips(shared_data)
    people = {split: {clip.person for clip in clips if clip.split == split} for split in ("train", "val")}
    assert people["train"].isdisjoint(people["val"])
    assert {clip.tier for clip in find_clips(shared_data, frozenset({"A"}))} == {"A"}
