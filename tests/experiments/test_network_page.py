"""experiments.network: marks, page, results that are kept, and the command line without and with a real call."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.demo.call import CallFailed, Watch
from experiments.network import __main__ as program
from experiments.network.bench import Finished, make_call
from experiments.network.links import LINKS
from experiments.network.marks import MARKS, judge
from experiments.network.page import render_page
from experiments.network.plan import CallPlan
from experiments.network.results import Results, load_results, save_results
from experiments.network.row import Row
from experiments.network.timeline import PlanPoint, Timeline
from experiments.sample import SAMPLE_PATH
from sender.face.tracker import FaceModels
from shared.errors import UserError
from shared.provenance import commit, machine

MODEL = {"name": "test", "sha256": "0" * 64}


def row(link: str = "clean", rung: str = "motion", bundle_ms: int | None = 80, **changed: Any) -> Row:
    numbers: dict[str, Any] = {
        **{"forward_kbps": 19.0, "reverse_kbps": 5.0, "motion_kbps": 1.2, "latency_p50_ms": 180.0},
        **{"latency_p95_ms": 240.0, "fps": 25.0, "landmark_px": 1.05, "landmark_px_no_loss": 1.0},
        **{"voice_gap_max_ms": 0.0, "recovery_ms": None},
    }
    return Row("a & b", rung, bundle_ms, link, **(numbers | changed))


def timeline(**changed: Any) -> Timeline:
    line = Timeline(
        *("a & b", "auto", None, "drop100to15"),
        forward_kbps=((0.0, 20.0), (0.5, 22.0)),
        queue_ms=((0.0, 0.0), (0.5, 130.0)),
        plans=(PlanPoint(-0.1, "thumbnail", 80, 40.0), PlanPoint(0.4, "motion", 160, 13.0)),
        link_kbps=((0.0, 100.0), (5.0, 15.0)),
        blackouts=(),
        queue_max_ms=130.0,
        follow_s=1.1,
    )
    return replace(line, **changed)


def results_of(*rows: Row) -> Results:
    results = Results(machine(), commit())
    for each in rows:
        results.add(each.as_json(), None, MODEL)
    return results


def test_every_link_with_a_mark_is_in_the_table() -> None:
    for mark in MARKS:
        assert any(
            mark.of({"link": link, "rung": rung, "bundle_ms": bundle_ms})
            for link in LINKS
            for rung in ("motion", "voice", "auto")
            for bundle_ms in (80, 160, None)
        )


def test_a_mark_passes_when_every_call_passes_at_its_limit_and_fails_one_past_it() -> None:
    forward = MARKS[0]
    assert forward.limit == 20
    at_limit = judge(results_of(row(forward_kbps=20.0)), [forward])[0]
    assert at_limit.passed is True
    past = judge(results_of(row(forward_kbps=20.0), replace(row(forward_kbps=20.01), clip="c")), [forward])[0]
    assert past.passed is False
    assert (past.passing, past.calls, past.worst) == (1, 2, 20.01)


def test_what_is_null_or_failed_does_not_pass_and_no_call_is_no_verdict() -> None:
    mark = next(mark for mark in MARKS if mark.group == "3 s blackout")
    assert judge(results_of(row()), [mark])[0].passed is None
    assert judge(results_of(row("blackout3s", recovery_ms=None)), [mark])[0].passed is False
    assert judge(results_of(row("blackout3s", recovery_ms=1500.0)), [mark])[0].passed is True
    failed = results_of()
    failed.add_failure(("a", "motion", 80, "blackout3s"), "gone")
    assert judge(failed, [mark])[0].passed is False


def test_the_page_shows_marks_calls_and_failures_without_any_request() -> None:
    results = results_of(row(), row("loss5", landmark_px=1.2))
    results.add(row("drop100to15", "auto", None).as_json(), timeline().as_json(), MODEL)
    results.add_failure(("a & b", "motion", 80, "loss20"), "the sender failed: <lost>")
    planned = [("a & b", "motion", 80, link) for link in ("clean", "loss5", "loss20", "jitter")]
    page = render_page(results, planned)
    assert "FAILED: the sender failed: &lt;lost&gt;" in page
    assert "not made yet" in page and "FAIL</td>" in page and "pass</td>" in page
    assert "a &amp; b" in page and "a & b" not in page
    assert "thumbnail (80 ms) from 0.0 s, motion (160 ms) from 0.4 s" in page
    assert page.count("<svg") == 6
    assert not any(mark in page for mark in ("http:", "https:", "<script", "<link", "<img", "url("))


def test_the_page_of_nothing_says_so() -> None:
    page = render_page(Results("machine", "commit"), [])
    assert "0 of 0 calls made" in page and "not measured" in page


def test_results_are_kept_for_the_same_commit_and_machine_only(tmp_path: Path) -> None:
    results = Results("machine", "abc")
    results.add(row().as_json(), timeline().as_json(), MODEL)
    save_results(tmp_path, results)
    kept = load_results(tmp_path, "machine", "abc")
    assert kept.as_json() == json.loads(json.dumps(results.as_json()))
    assert load_results(tmp_path, "machine", "abd").rows == []
    assert load_results(tmp_path, "other machine", "abc").rows == []


def test_a_file_that_is_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text('{"rows": []}')
    with pytest.raises(UserError, match="not a result of this benchmark"):
        load_results(tmp_path, "machine", "abc")


def test_a_call_that_is_tried_again_replaces_its_failure() -> None:
    results = Results("machine", "abc")
    results.add_failure(("a & b", "motion", 80, "clean"), "gone")
    results.add(row().as_json(), None, MODEL)
    assert results.failures == [] and len(results.rows) == 1


def test_a_second_run_makes_only_the_calls_that_are_missing_or_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, float | None]] = []
    broken = {"loss5"}

    def pretend(plan: CallPlan, no_loss: float | None, models: FaceModels, watch: Watch) -> Finished:
        made.append((plan.link.name, no_loss))
        if plan.link.name in broken:
            raise UserError("the call did not end")
        return Finished(replace(row(plan.link.name), clip=plan.clip.stem), None, MODEL)

    monkeypatch.setattr(program, "make_call", pretend)
    monkeypatch.setattr(program, "commit", lambda: "abc")
    arguments = [
        "--clips",
        str(SAMPLE_PATH.parent),
        "--out",
        str(tmp_path),
        "--rungs",
        "motion",
        "--bundles",
        "80",
    ]
    links = ["--links", "clean,loss5,jitter"]
    assert program.main([*arguments, *links]) == 1
    assert made == [("clean", None), ("loss5", 1.05), ("jitter", 1.05)]
    content = json.loads((tmp_path / "network.json").read_text())
    assert {"machine", "commit", "model", "rows"} <= set(content)
    assert [failure["link"] for failure in content["failures"]] == ["loss5"]
    assert "the call did not end" in (tmp_path / "network.html").read_text()
    made.clear()
    broken.clear()
    assert program.main([*arguments, *links]) == 0
    assert made == [("loss5", 1.05)]
    content = json.loads((tmp_path / "network.json").read_text())
    assert [entry["link"] for entry in content["rows"]] == ["clean", "loss5", "jitter"]
    made.clear()
    assert program.main([*arguments, *links, "--fresh"]) == 0
    assert len(made) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--links", "warp"], "no link 'warp'"),
        (["--rungs", "stairs"], "no rung 'stairs'"),
        (["--bundles", "often"], "give numbers"),
        (["--links", ","], "empty"),
    ],
)
def test_a_wrong_argument_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert program.main(["--clips", str(SAMPLE_PATH.parent), "--out", str(tmp_path), *arguments]) == 102
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_a_missing_folder_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--clips", str(tmp_path / "absent"), "--out", str(tmp_path)]) == 102
    assert "There is no folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.network
def test_two_seconds_of_a_real_call_through_a_lossy_link() -> None:
    link = replace(LINKS["loss5"], seconds=2.0)
    done = make_call(
        CallPlan(SAMPLE_PATH, "motion", 80, link), 1.0, FaceModels.load(), lambda end, line: None
    )
    assert done.row.link == "loss5" and done.row.landmark_px_no_loss == 1.0
    assert 5 < done.row.forward_kbps < 80
    assert done.row.latency_p50_ms is not None and done.row.latency_p50_ms > 40
    assert done.row.landmark_px is not None and done.row.landmark_px < 5
    assert done.timeline is None


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.network
def test_a_call_with_a_file_that_is_no_film_fails_with_the_senders_words(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"this is no film" * 100)
    with pytest.raises(CallFailed, match="the sender failed"):
        make_call(
            CallPlan(tmp_path / "clip.mp4", "motion", 80, LINKS["clean"]),
            None,
            FaceModels.load(),
            lambda end, line: None,
        )
