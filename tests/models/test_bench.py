"""models.bench: what the file holds; no test judges how fast this machine is."""

import json
from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="the bench measures OpenVINO, which is not installed")

from models.bench import main
from models.evaluation.speed import ROUNDS, WARM_UP, marks, timed

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    assert main(["--out", str(out), "--threads", "1", "--runs", "2"]) == 0
    return json.loads(out.read_text())


def test_every_network_has_times(result: dict) -> None:
    lite, sender = result["sizes"]["lite"], result["sender"]
    entries = [lite["encode_reference"], lite["render.onnx"], *sender.values()]
    assert set(sender) == {"analyser_openvino", "analyser_and_fit_onnx", "whole_frame_onnx"}
    assert all(0 < entry["1"]["p50_ms"] <= entry["1"]["p95_ms"] for entry in entries)
    assert result["machine"] and result["commit"]


def test_the_time_of_render_is_told_by_kind_of_operation(result: dict) -> None:
    spent = result["sizes"]["lite"]["render.onnx"]["operations_ms"]
    assert {"Convolution", "GridSample"} <= set(spent)
    assert list(spent.values()) == sorted(spent.values(), reverse=True)
    assert next(iter(spent)) == "Convolution"


def test_percentiles_are_of_warm_calls() -> None:
    calls: list[int] = []
    found = timed(lambda: calls.append(1), 4)
    assert len(calls) == WARM_UP + ROUNDS * 4
    assert found["calm_p50_ms"] <= found["p50_ms"] <= found["p95_ms"]


def test_a_mark_is_kept_at_its_limit_and_missed_past_it() -> None:
    def of(ms: float) -> dict:
        return marks({"nano": {"render.onnx": {"2": {"p50_ms": ms}, "1": {"p50_ms": 99.0}}}},
                     {"whole_frame_onnx": {"2": {"p50_ms": ms}}})  # fmt: skip

    assert of(8.0)["nano"]["kept"] and not of(8.001)["nano"]["kept"]
    assert not of(15.001)["sender"]["kept"]


@pytest.mark.parametrize("wrong", [["--threads", "0"], ["--threads", "x"], ["--runs", "0"]])
def test_wrong_arguments_are_refused(wrong: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "bench.json"), *wrong])
