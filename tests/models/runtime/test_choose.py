"""models.runtime.choose."""

import builtins
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from models.runtime import choose
from models.runtime.base import BackendUnavailable
from models.runtime.choose import candidates, choose_backend, default_threads, resolve
from models.runtime.onnx_backend import has_cuda, open_onnx, open_onnx_cuda
from models.runtime.openvino_backend import open_openvino
from models.weights import WeightFile, sha256_of, verify
from shared.errors import UserError
from tests.models.runtime.tiny_graphs import MODEL, write_graphs

ALL = ("torch", "onnx", "openvino")


@pytest.mark.parametrize(
    ("cards", "gpu_runtime", "installed", "expected"),
    [
        ((), False, ALL, ["openvino", "onnx"]),
        ((), True, ("torch", "onnx"), ["onnx"]),
        (("H200",), True, ALL, ["cuda", "onnx", "openvino"]),
        (("H200",), False, ("torch", "openvino"), ["openvino", "onnx"]),
        (("H200",), False, ALL, ["cuda", "openvino", "onnx"]),
    ],
)
def test_auto_tries_what_is_here_the_fastest_first(
    cards: tuple[str, ...],
    gpu_runtime: bool,
    installed: tuple[str, ...],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choose, "nvidia_cards", lambda: cards)
    monkeypatch.setattr(choose, "has_cuda", lambda: gpu_runtime)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in installed or None)
    assert candidates() == expected and resolve("auto") == expected[0]


def test_auto_takes_the_next_when_the_fastest_cannot_be_used_and_a_name_takes_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def open_one(engine: str, *ignored: object) -> str:
        if engine == "cuda":
            raise BackendUnavailable("no GPU after all")
        return engine

    monkeypatch.setattr(choose, "_open", open_one)
    monkeypatch.setattr(choose, "candidates", lambda: ["cuda", "openvino"])
    found: object = choose_backend("auto")
    assert found == "openvino" and "no GPU after all" in caplog.text
    with pytest.raises(BackendUnavailable):
        choose_backend("cuda")


def test_the_mesh_warp_needs_no_weights() -> None:
    assert choose_backend("mesh-warp").model.sha256 == ""


@pytest.mark.parametrize("name", ["torch", "cuda"])
def test_torch_that_is_not_installed_is_named_with_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "models.runtime.torch_backend", None)
    with pytest.raises(BackendUnavailable, match=r"facewire\[cuda\]"):
        choose_backend(name)


def test_onnx_runtime_that_falls_back_to_the_cpu_does_not_pass_for_a_gpu(tmp_path: Path) -> None:
    if has_cuda():
        pytest.skip("ONNX Runtime is built for NVIDIA GPUs here: it may not fall back")
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(BackendUnavailable, match="cannot use"),
    ):
        open_onnx_cuda(*write_graphs(tmp_path), MODEL)


def test_unknown_names_and_numbers_are_refused_with_the_choice() -> None:
    with pytest.raises(UserError, match="Choose one of auto"):
        choose_backend("tpu")
    with pytest.raises(UserError, match="Choose one of lite"):
        choose_backend("onnx", "huge")
    for threads in (0, 65):
        with pytest.raises(UserError, match="1 to 64"):
            choose_backend("onnx", threads=threads)
    assert 1 <= default_threads() <= 2


def test_a_size_without_weights_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "read_manifest", dict)
    with pytest.raises(BackendUnavailable, match="mesh-warp"):
        choose_backend("onnx", "nano")


@pytest.mark.parametrize(
    ("open_backend", "module"), [(open_onnx, "onnxruntime"), (open_openvino, "openvino")]
)
def test_an_engine_that_is_not_installed_is_named_with_its_extra(
    open_backend: Any, module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == module:
            raise ImportError(name)
        return real(name, *rest)

    paths = write_graphs(tmp_path)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendUnavailable, match=r"pip install 'facewire\["):
        open_backend(*paths, MODEL, 1)


def test_a_tampered_graph_is_refused_before_an_engine_reads_it(tmp_path: Path) -> None:
    _, render = write_graphs(tmp_path)
    listed = {
        "render.onnx": WeightFile("render.onnx", sha256_of(render), render.stat().st_size, "test", "test")
    }
    assert verify("render.onnx", tmp_path, listed) == render
    content = bytearray(render.read_bytes())
    content[-1] ^= 1
    render.write_bytes(content)
    with pytest.raises(UserError, match="not the ones in the manifest"):
        verify("render.onnx", tmp_path, listed)


@pytest.mark.model
def test_tampered_weights_stop_the_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(name: str) -> Path:
        (tmp_path / "lite").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"tampered")
        return verify(name, tmp_path, choose.read_manifest())

    monkeypatch.setattr(choose, "open_verified", refuse)
    with pytest.raises(UserError, match="not the ones in the manifest"):
        choose_backend("onnx", "lite")
