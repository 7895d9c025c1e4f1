"""receiver.watermark.command: `python -m receiver watermark-detect FILE`."""

import json
from pathlib import Path

import numpy as np
import pytest

from receiver.__main__ import main
from receiver.disclosure import waiting_picture
from receiver.sinks.base import PictureState
from receiver.sinks.mp4 import open_mp4
from receiver.sinks.open import SinkSet
from receiver.watermark import command
from shared.limits import WATERMARK_PICTURES


def record(path: Path, pictures: int = 3) -> Path:
    sinks = SinkSet([open_mp4(path)])
    for tick in range(pictures):
        sinks.write_picture(waiting_picture(256), tick * 40, PictureState.FRESH)
    sinks.close()
    return path


def test_a_recording_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = record(tmp_path / "call.mp4")
    assert main(["watermark-detect", str(film)]) == 0
    assert capsys.readouterr().out.startswith("found: facewire, reconstructed (statistic ")
    assert main(["watermark-detect", "--json", str(film)]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["found"] and content["says"] == "reconstructed" and content["pictures"] == 3
    assert content["false_alarm"] < 1e-9 and content["visible_px"] == [256, 256]


def test_any_other_film_is_not(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watermark-detect", str(repository / "experiments/sample/sample.mp4")]) == 1
    said = capsys.readouterr().out
    assert said.startswith("not found: no facewire watermark (statistic ") and "at most 1.0e+00" in said


def test_what_cannot_be_read_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    for name in ("text.mp4", "missing.mp4"):
        assert main(["watermark-detect", str(tmp_path / name)]) == 2
        assert "Name a film or a picture" in capsys.readouterr().err


def test_it_reads_no_more_pictures_than_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert WATERMARK_PICTURES == 750
    film = record(tmp_path / "call.mp4", pictures=5)
    for limit, read in ((4, 4), (5, 5), (6, 5)):
        monkeypatch.setattr(command, "WATERMARK_PICTURES", limit)
        assert command.detect_file(film).pictures == read


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["watermark-detect", "--help"])
    assert end.value.code == 0 and "examples:" in capsys.readouterr().out


def test_numbers_are_plain_python(tmp_path: Path) -> None:
    detection = command.detect_file(record(tmp_path / "call.mp4", pictures=1))
    assert isinstance(detection.statistic, float) and not isinstance(detection.statistic, np.floating)
