import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from models.export.__main__ import main
from models.export.graphs import DRIVING, FEATURES, ReferenceGraph, RenderGraph
from models.export.onnx_files import (
    OPSET,
    TOLERANCE,
    export_graph,
    largest_difference,
    shared_graphs,
    size_graphs,
)
from models.export.quantise import quantise
from models.networks.codec import KEYPOINT_STEP, Codec
from models.networks.layers import levels
from models.networks.renderer import Renderer
from models.networks.sizes import TINY
from models.runtime.onnx_backend import OnnxGraph
from models.runtime.openvino_backend import OpenvinoGraph
from models.training.checkpoint import save_checkpoint, settings_dict
from models.training.settings import Settings
from models.weights import read_manifest, sha256_of
from shared.errors import UserError
from tests.models.tensors import driving

pytestmark = pytest.mark.model

NAMES = ("analyser/analyser.onnx", "voice/voice.onnx", "tiny/encode_reference.onnx", "tiny/render.onnx")


def lively(codec: Codec) -> Codec:
    """Random where an untrained network is zero, so that nothing is folded away."""
    torch.manual_seed(3)
    for parameter in codec.renderer.parameters():
        nn.init.normal_(parameter, std=0.1)
    return codec.eval()


@pytest.fixture(scope="module")
def graphs() -> dict[str, nn.Module]:
    codec = lively(Codec("tiny"))
    return shared_graphs(codec) | size_graphs(codec)


@pytest.fixture(scope="module")
def exported(graphs: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    for name, graph in graphs.items():
        export_graph(graph, folder / name)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    codec = lively(Codec("tiny"))
    state = {
        "settings": settings_dict(Settings(size="tiny")),
        "codec": codec.state_dict(),
        "average": codec.state_dict(),
    }
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    return tmp_path / "checkpoint.pt"


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", [OnnxGraph, OpenvinoGraph])
def test_every_engine_gives_what_torch_gives(
    graphs: dict[str, nn.Module], exported: Path, name: str, engine: type[OnnxGraph] | type[OpenvinoGraph]
) -> None:
    graph = graphs[name]
    torch.manual_seed(11)
    example = graph.example()
    expected = graph(*example)
    expected = (expected,) if isinstance(expected, torch.Tensor) else expected
    loaded = engine(exported / name, 1)
    feeds = {
        key: value.numpy() for key, value in zip(graph.inputs, example, strict=True) if key in loaded.inputs
    }
    found = loaded.run(feeds)
    for key, value in zip(graph.outputs, expected, strict=True):
        assert largest_difference(value.numpy(), found[key]) < TOLERANCE, key


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_is_of_the_stated_opset_and_wants_floats_and_gives_pictures_as_bytes(
    exported: Path, name: str
) -> None:
    model = onnx.load(str(exported / name))
    assert (
        [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [OPSET] == [17]
    )
    for entry in (*model.graph.input, *model.graph.output):
        picture = entry.name == "picture" and entry in model.graph.output
        wanted = onnx.TensorProto.UINT8 if picture else onnx.TensorProto.FLOAT
        assert entry.type.tensor_type.elem_type == wanted
        assert all(dimension.dim_value > 0 for dimension in entry.type.tensor_type.shape.dim), "fixed shapes"


def test_the_names_are_those_that_the_backends_know(exported: Path) -> None:
    encode, render = (
        OnnxGraph(exported / "tiny" / f"{name}.onnx", 1) for name in ("encode_reference", "render")
    )
    assert encode.outputs == FEATURES
    assert set(render.inputs) == set(FEATURES) | set(DRIVING)


@torch.no_grad()
def test_the_graphs_give_what_the_renderer_gives(mesh: np.ndarray) -> None:
    renderer = lively(Codec("tiny")).renderer
    image, mask, frame = torch.rand(1, 3, 256, 256), torch.ones(1, 1, 32, 32), driving(mesh, shift=0.05)
    features = ReferenceGraph(renderer)(image, mask)
    expected = renderer.render(renderer.encode_reference(image, mask), frame)
    assert torch.equal(RenderGraph(renderer)(*features, *frame), levels(expected))


def test_an_exported_renderer_runs_as_a_backend(exported: Path, mesh: np.ndarray) -> None:
    from models.runtime.base import ModelInfo, Reference
    from models.runtime.onnx_backend import open_onnx
    from shared.coding.motion_layout import MotionValues

    backend = open_onnx(exported / "tiny" / "encode_reference.onnx", exported / "tiny" / "render.onnx",
                        ModelInfo("tiny", ""), 1)  # fmt: skip
    zeros = np.zeros((8, 2), np.float32)
    picture = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    state = backend.encode_reference(
        Reference(picture, mesh, zeros, zeros[:, 0], np.ones((32, 32), np.uint8))
    )
    still = MotionValues(np.zeros(6, np.float32), np.zeros(16, np.float32), zeros, zeros[:, 0])
    assert backend.render(state, still).shape == (256, 256, 3)


def test_an_export_that_differs_replaces_nothing(graphs: dict[str, nn.Module], tmp_path: Path) -> None:
    class Unfaithful(nn.Module):
        """Gives another answer every time."""

        inputs, outputs = ("mel",), ("features",)

        def forward(self, mel: torch.Tensor) -> torch.Tensor:
            return mel + (0.0 if torch.jit.is_tracing() else 1.0)

        def example(self) -> tuple[torch.Tensor, ...]:
            return (torch.zeros(1, 3),)

    path = tmp_path / "voice.onnx"
    export_graph(graphs["voice/voice.onnx"], path)
    before = sha256_of(path)
    with pytest.raises(UserError, match=r"differs from torch by 1"):
        export_graph(Unfaithful(), path)
    assert sha256_of(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["voice.onnx"]


def test_an_interrupted_export_leaves_what_was_there(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "weights"
    assert main(["--checkpoint", str(checkpoint), "--out", str(out), "--detector", "--run", "first"]) == 0
    before = {path: sha256_of(path) for path in out.rglob("*.*")}

    def interrupted(graph: nn.Module, path: Path) -> float:
        if path.name == "render.onnx":
            raise KeyboardInterrupt
        return export_graph(graph, path)

    monkeypatch.setattr("models.export.__main__.export_graph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["--checkpoint", str(checkpoint), "--out", str(out)])
    assert {path: sha256_of(path) for path in out.rglob("*.*")} == before


def test_a_full_disk_keeps_what_was_there(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "weights" / "tiny").mkdir(parents=True)
    kept = tmp_path / "weights" / "tiny" / "render.onnx"
    kept.write_bytes(b"before")

    def full(graph: nn.Module, path: Path) -> float:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("models.export.__main__.export_graph", full)
    assert main(["--checkpoint", str(checkpoint), "--out", str(tmp_path / "weights")]) == 2
    assert "Free some disk space" in capsys.readouterr().err
    assert [path for path in (tmp_path / "weights").rglob("*.*")] == [kept]
    assert kept.read_bytes() == b"before"


def test_the_command_writes_graphs_and_manifest(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "weights"
    assert main(["--checkpoint", str(checkpoint), "--out", str(out), "--run", "a test"]) == 0
    files = read_manifest(out / "manifest.json")
    assert set(files) == {"tiny/encode_reference.onnx", "tiny/render.onnx"}, (
        "analyser and voice only with --detector"
    )
    assert {entry.run for entry in files.values()} == {"a test"}
    assert "differs from torch by" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "options"), [("tiny/render", []), ("analyser/analyser", ["--detector"])])
def test_an_int8_copy_of_the_weights_before_does_not_stay(
    checkpoint: Path, tmp_path: Path, name: str, options: list[str]
) -> None:
    old = tmp_path / "weights" / f"{name}.int8.onnx"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"of other weights")
    assert main(["--checkpoint", str(checkpoint), "--out", str(tmp_path / "weights"), *options]) == 0
    assert not old.exists()


def test_exporting_without_a_checkpoint_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path)]) == 2
    assert "which checkpoint" in capsys.readouterr().err


def test_exporting_a_missing_checkpoint_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--checkpoint", str(tmp_path / "none.pt"), "--out", str(tmp_path)]) == 2
    assert "There is no checkpoint" in capsys.readouterr().err


@torch.no_grad()
def test_an_int8_copy_stays_close_to_its_original(
    graphs: dict[str, nn.Module], exported: Path, tmp_path: Path
) -> None:
    graph, source, target = (
        graphs["tiny/render.onnx"],
        exported / "tiny" / "render.onnx",
        tmp_path / "render.int8.onnx",
    )
    torch.manual_seed(0)
    samples = [dict(zip(graph.inputs, (x.numpy() for x in graph.example()), strict=True)) for _ in range(2)]
    quantise(source, target, samples)
    assert [file.name for file in tmp_path.iterdir()] == ["render.int8.onnx"]
    operators = [node.op_type for node in onnx.load(str(target)).graph.node]
    assert "QuantizeLinear" in operators
    before, after = (OnnxGraph(path, 1).run(samples[0])["picture"] for path in (source, target))
    assert np.abs(before.astype(int) - after.astype(int)).mean() < 0.02 * 255


@torch.no_grad()
def test_an_int8_analyser_finds_the_keypoints_and_the_same_codes(
    graphs: dict[str, nn.Module], exported: Path, tmp_path: Path, mesh: np.ndarray
) -> None:
    name, target = "analyser/analyser.onnx", tmp_path / "analyser.int8.onnx"
    inputs = graphs[name].inputs
    example = (torch.rand(1, 3, 256, 256), torch.from_numpy(mesh)[None], torch.ones(1, 1, 64, 64))
    sample = dict(zip(inputs, (x.numpy() for x in example), strict=True))
    quantise(exported / name, target, [sample])
    before, after = (OnnxGraph(path, 1).run(sample) for path in (exported / name, target))
    assert 0 < np.abs(before["keypoints"] - after["keypoints"]).max() < KEYPOINT_STEP
    assert np.array_equal(before["codes"], after["codes"]), "their convolutions stay in float"


def test_a_sparing_renderer_has_its_relus_inside_its_convolutions(tmp_path: Path) -> None:
    sparing = Renderer(replace(TINY, sparing=True)).eval()
    for parameter in sparing.parameters():
        nn.init.normal_(parameter, std=0.1)
    graph, source, target = RenderGraph(sparing), tmp_path / "render.onnx", tmp_path / "render.int8.onnx"
    export_graph(graph, source)
    torch.manual_seed(0)
    quantise(source, target, [dict(zip(graph.inputs, (x.numpy() for x in graph.example()), strict=True))])
    nodes = onnx.load(str(target)).graph.node
    made_by = {output: node for node in nodes for output in node.output}
    assert not [node for node in nodes if node.op_type == "LeakyRelu"]
    after = [made_by[node.input[0]].op_type for node in nodes if node.op_type == "Relu"]
    assert "Conv" not in after
