"""receiver.doctor."""

import importlib.util

import pytest

from receiver.backends.mesh_warp import MeshWarpBackend
from receiver.doctor import examine, measure, run_doctor


@pytest.mark.model
def test_it_names_what_is_there_and_measures_what_would_be_used() -> None:
    lines: list[str] = []
    assert run_doctor("mesh-warp", say=lines.append) == 0
    text = "\n".join(lines)
    for word in (
        "cpu",
        "ONNX Runtime",
        "OpenVINO",
        "torch",
        "PyAV",
        "libopus",
        "camera",
        "weights",
        "backend",
        "ms a",
    ):
        assert word in text


def test_a_backend_that_cannot_be_used_is_reported_with_its_remedy() -> None:
    lines: list[str] = []
    assert run_doctor("cuda", say=lines.append) == 1
    assert lines[-1].startswith("!! backend") and "openvino or onnx" in lines[-1]


def test_what_is_missing_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "openvino" else real(name, *rest)
    )
    findings = {finding.name: finding for finding in examine()}
    assert "facewire[openvino]" in findings["OpenVINO"].remedy


def test_a_slow_network_is_said_to_be_slow() -> None:
    assert measure(MeshWarpBackend()).name == "speed"
