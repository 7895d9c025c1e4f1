"""receiver.doctor."""

import importlib.util

import pytest

from models.runtime.base import Backend, BackendUnavailable
from models.runtime.mesh_warp import MeshWarpBackend
from receiver import doctor
from receiver.doctor import examine, measure, measure_batch, run_doctor


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
        "--backend auto",
        "PyAV",
        "libopus",
        "camera",
        "weights",
        "backend",
        "ms a",
    ):
        assert word in text


def test_a_backend_that_cannot_be_used_is_reported_with_its_remedy() -> None:
    def refuse(*ignored: object) -> Backend:
        raise BackendUnavailable("No NVIDIA GPU can be used here. Choose another --backend.")

    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "open_fitting", refuse)
        assert run_doctor("cuda", say=lines.append) == 1
    assert lines[-1].startswith("!! backend") and "-> No NVIDIA GPU" in lines[-1]


CARD = ("NVIDIA H200",)


@pytest.mark.parametrize(
    ("cards", "torch", "name", "detail", "remedy"),
    [
        ((), "2.13.0+cpu", "NVIDIA GPU", "--gpus all", ""),
        ((), None, "torch", "facewire[cuda]", ""),
        ((), "2.13.0+cpu", "torch", "2.13.0+cpu", ""),
        (CARD, None, "NVIDIA GPU", "nothing here can use", "facewire[cuda]"),
        (CARD, "2.13.0+cpu", "torch", "CPUs only", "--force-reinstall torch"),
        (CARD, "2.13.0", "torch", "2.13.0", ""),
        (CARD * 2, "2.13.0", "NVIDIA GPU", "H200 and 1 more", ""),
    ],
)
def test_a_gpu_and_what_uses_it_are_said_with_what_is_missing(
    cards: tuple[str, ...],
    torch: str | None,
    name: str,
    detail: str,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(doctor, "nvidia_cards", lambda: cards)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted, *rest: torch if wanted == "torch" else real(wanted, *rest)
    )
    monkeypatch.setattr(doctor, "_version", lambda distribution: torch or "")
    found = {"NVIDIA GPU": doctor._gpu, "torch": doctor._torch}[name]()
    assert detail in found.detail and remedy in found.remedy and bool(remedy) is bool(found.remedy)


def test_a_backend_that_makes_batches_is_measured_with_one() -> None:
    class Batches(MeshWarpBackend):
        batch_max = 4

    assert "when 4 are made at once" in measure_batch(Batches()).detail


def test_what_is_missing_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "openvino" else real(name, *rest)
    )
    findings = {finding.name: finding for finding in examine()}
    assert "facewire[openvino]" in findings["OpenVINO"].remedy


def test_a_slow_network_is_said_to_be_slow() -> None:
    assert measure(MeshWarpBackend()).name == "speed"
