"""experiments.rates.content: what is read is checked, and a file that is wrong is said to be wrong, with the place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.rates.content import FILE_NAME, content_of, load
from experiments.rates.json_entry import Entry, Unfit
from shared.errors import UserError
from tests.experiments.made_up_rates import TARGETS, failed, results

GAINS = {"facewire": 2.0, "av1": 1.0}


def test_a_good_file_is_read() -> None:
    content = content_of(results(GAINS))
    assert content.ran == ("facewire", "av1")
    assert content.targets_kbps == TARGETS
    assert content.measured == ("vgg", "landmark_px", "psnr_y_db", "sharp_ratio", "pesq")
    assert content.cells[0].kbps == pytest.approx(0.98 * 6)
    assert "latency_p95_ms" not in content.cells[0].measures


def test_a_cell_that_failed_may_be_short_and_does_not_count_as_run() -> None:
    raw = results({"facewire": 1.0}, cells=[failed("one", "facewire", 6.0)])
    content = content_of(raw)
    assert content.cells[0].error == "the encoder ended with 1"
    assert content.ran == () and content.measured == ()


def test_payload_counting_leaves_voice_and_control_out() -> None:
    raw = results(GAINS)
    raw["settings"]["counting"] = "payload"
    raw["cells"][0]["payload_kbps"] = {
        "voice": 4.0,
        "audio": 4.0,
        "control": 1.0,
        "motion": 2.0,
        "keyframe": 3.0,
    }
    assert content_of(raw).cells[0].kbps == 5.0


def test_what_a_newer_program_added_is_ignored_and_named_when_it_is_a_measure() -> None:
    raw = results(GAINS, added={"x": 1})
    raw["cells"][0]["measures"]["aroma"] = 1.0
    assert content_of(raw).other_measures == ("aroma",)


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw.pop("cells"), "cells is null, a list was expected"),
        (lambda raw: raw.pop("machine"), "machine is null, text was expected"),
        (lambda raw: raw.update(clips={}), "clips is an object, a list was expected"),
        (lambda raw: raw["cells"].append(3), r"cells\[60\] is a number, an object was expected"),
        (lambda raw: raw["cells"][3].update(clip="who"), r"cells\[3\].clip is 'who', which is not in clips"),
        (lambda raw: raw["cells"][3].update(arm="who"), r"cells\[3\].arm is 'who', which is not in arms"),
        (lambda raw: raw["cells"].append(raw["cells"][0]), "cells holds 'one, facewire, 6 kbit/s' twice"),
        (lambda raw: raw["clips"].append(raw["clips"][0]), "clips holds 'one' twice"),
        (
            lambda raw: raw["cells"][0]["measures"].update(vgg="low"),
            r"measures.vgg is text, a number was expected",
        ),
        (
            lambda raw: raw["cells"][0]["measures"].update(vgg=True),
            r"measures.vgg is true or false, a number",
        ),
        (lambda raw: raw["cells"][0].update(target_kbps=-1), "target_kbps is -1, at least 0 was expected"),
        (lambda raw: raw["cells"][0].update(target_kbps=10**400), "target_kbps is too large"),
        (lambda raw: raw["cells"][0]["wire"].update(kbps=0), r"cells\[0\].wire.kbps is 0"),
        (lambda raw: raw["cells"][0].pop("wire"), r"cells\[0\].wire is null, an object was expected"),
        (
            lambda raw: raw["cells"][0].pop("reached"),
            r"cells\[0\].reached is null, true or false was expected",
        ),
        (
            lambda raw: raw["clips"][0].update(warnings=[1]),
            r"clips\[0\].warnings\[0\] is a number, text was expected",
        ),
        (lambda raw: raw["settings"].update(counting="guessed"), "settings.counting is 'guessed'"),
        (
            lambda raw: raw["settings"].update(anchors=["who"]),
            "settings.anchors names 'who', which is no arm",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change: Change, words: str) -> None:
    raw = results(GAINS)
    change(raw)
    with pytest.raises(Unfit, match=words):
        content_of(raw)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not JSON, or was cut off"),
        (b'{"machine": "a', "cut off"),
        (b"[]", "the file is a list, an object was expected"),
        (b'{"rows": []}', "arms is null"),
        (b'{"machine": NaN}', "holds NaN"),
        (b"\xff\xfe\x00", "not"),
        (b"[" * 200_000, "nested without end"),
        (b'{"arms": [{"arm": "a"}], "clips": [], "cells": [], "seconds_taken": 1e999}', "settings is null"),
    ],
)
def test_a_damaged_or_foreign_file_is_the_users_to_mend(tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(text)
    with pytest.raises(UserError, match=words) as caught:
        load(tmp_path)
    assert "python -m experiments run" in str(caught.value)


def test_a_folder_without_results_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="experiments run --clips DIR --out"):
        load(tmp_path)


def test_every_cut_of_a_file_is_refused_as_the_users_to_mend(tmp_path: Path) -> None:
    text = json.dumps(results({"av1": 1.0}, clips=["one"], targets=[6.0]))
    for length in range(0, len(text) - 1, 37):
        (tmp_path / FILE_NAME).write_text(text[:length])
        with pytest.raises(UserError):
            load(tmp_path)


def test_infinity_by_a_large_exponent_is_refused() -> None:
    with pytest.raises(Unfit, match="too large"):
        Entry({"x": float("inf")}).number("x")
