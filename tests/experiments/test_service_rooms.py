"""experiments.service.rooms: a real service, real rooms, and a number that can only be had with all of them seated."""

import json
from pathlib import Path

import pytest

from experiments.service import rooms


def test_a_few_rooms_are_measured_on_a_real_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rooms, "SETTLE_S", 0.2)
    out = tmp_path / "rooms.json"
    assert rooms.main(["--out", str(out), "--rooms", "12", "--idle-seconds", "1"]) == 0
    found = json.loads(out.read_text())
    assert (found["rooms"], found["peers"]) == (12, 24)
    assert 10 < found["rss_mb"]["empty"] <= found["rss_mb"]["idle"] < rooms.MARK_MB
    assert found["mark"]["kept"] and 0 < found["join_ms"]["p50"] <= found["join_ms"]["p99"]
    assert "12 rooms" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [["--rooms", "0"], ["--rooms", "1001"], ["--idle-seconds", "0"]])
def test_numbers_past_the_limits_are_refused(flags: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        rooms.main(["--out", str(tmp_path / "rooms.json"), *flags])
    assert ended.value.code == 2
