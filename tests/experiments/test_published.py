"""Tables of the pages: they say what the results say, and nothing else of a page is touched."""

import json
from pathlib import Path

import pytest

from experiments import published
from experiments.published import CALLS, main, refresh
from shared.errors import UserError


def test_every_page_of_the_repository_says_what_the_results_say() -> None:
    assert main(["--check"]) == 0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one page and one call."""
    call = {
        "clip": "a", "input": {"frames": 100}, "wire": {"forward_kbps": 20.0, "reverse_kbps": 6.0},
        "payload_kbps": {"motion": 1.5}, "frames": {"fps": 25.0, "rendered": 99, "concealed": 0},
        "latency_ms": {"first_picture": 250.0, "glass_to_glass_p50": 160.0, "glass_to_glass_p95": 190.0},
        "av_skew_ms": {"p95": None}, "compute_ms": {"sender_frame_p50": 16.0, "receiver_frame_p50": 30.0},
        "memory_mb": {"sender": 240, "receiver": 350}, "model": {"name": "lite"},
    }  # fmt: skip
    spoken = call | {
        "clip": "b",
        "av_skew_ms": {"p95": 30.0},
        "wire": {"forward_kbps": 22.2, "reverse_kbps": 7.0},
    }
    result = {
        "commit": "abc",
        "machine": "a machine",
        "calls": [call, spoken, {"clip": "c", "error": "no face"}],
    }
    file = tmp_path / CALLS
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(result))
    (tmp_path / "README.md").write_text("before\n<!-- made from: calls -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(published, "ROOT", tmp_path)
    monkeypatch.setattr(published, "PAGES", ("README.md",))
    return tmp_path


def test_a_table_replaces_what_was_between_its_marks_and_names_its_source(root: Path) -> None:
    assert main([]) == 0
    page = (root / "README.md").read_text()
    assert page.startswith("before\n<!-- made from: calls -->\n| 2 calls | mean |")
    assert page.endswith(f"(`{CALLS}`, commit abc, a machine)\n<!-- end -->\nafter\n")
    assert "| wire forward, kbit/s (keyframes included) | 21.1 | 20.0 | 22.2 |" in page
    assert "| voice and picture apart p95, ms (clips with speech) | 30 | 30 | 30 |" in page
    assert "Network: lite in 2." in page
    assert "old" not in page and "the host gave to others" not in page, "nobody measured that"


def test_a_check_writes_nothing_and_tells_by_its_status(root: Path) -> None:
    before = (root / "README.md").read_text()
    assert main(["--check"]) == 1
    assert (root / "README.md").read_text() == before
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_a_result_that_is_not_there_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / CALLS).unlink()
    assert main([]) == 2
    assert CALLS in capsys.readouterr().err


def test_a_table_that_nobody_makes_is_said(root: Path) -> None:
    (root / "README.md").write_text("<!-- made from: nothing -->\n<!-- end -->\n")
    with pytest.raises(UserError, match="no table 'nothing'"):
        refresh(root / "README.md", write=True)
