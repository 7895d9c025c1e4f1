"""models.runtime.graph_backend with ONNX Runtime and OpenVINO, on tiny graphs."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from models.runtime.base import ReferenceState
from models.runtime.choose import choose_backend
from models.runtime.graph_backend import GraphBackend, weight_names
from models.runtime.onnx_backend import open_onnx
from models.runtime.openvino_backend import open_openvino
from shared.coding.motion_layout import MotionValues
from shared.errors import UserError
from tests.models.runtime.faces import motion, reference
from tests.models.runtime.tiny_graphs import MODEL, write_graphs

Open = Callable[..., GraphBackend]
BOTH = pytest.mark.parametrize("open_backend", [open_onnx, open_openvino])


def made(open_backend: Open, folder: Path, extra_input: str = "") -> GraphBackend:
    if open_backend is open_openvino:
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    return open_backend(*write_graphs(folder, extra_input), MODEL, 1)


@BOTH
def test_what_is_known_reaches_the_graph_by_name(open_backend: Open, tmp_path: Path) -> None:
    backend, face = made(open_backend, tmp_path), reference()
    state = backend.encode_reference(face)
    half = face.picture.astype(float) / 2
    offset = face.points.mean() * 255 / 4

    def difference(values: MotionValues, voice: np.ndarray | None, expected: float) -> float:
        wanted = np.clip(half + offset + expected * 255, 0, 255)
        return float(np.abs(backend.render(state, values, voice) - wanted).max())

    assert difference(motion(), None, 0) <= 1
    assert difference(motion(0.4, 0.4), None, 0.1) <= 1
    assert difference(motion(code=1.0), None, 0.125) <= 1
    assert difference(motion(), np.ones(32, np.float32), 0.125) <= 1


class Noting:
    """A render graph that keeps what it is fed."""

    outputs = ("picture",)

    def __init__(self, inputs: tuple[str, ...]) -> None:
        self.inputs = inputs
        self.fed: Mapping[str, np.ndarray] = {}

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.fed = feeds
        return {"picture": np.zeros((1, 256, 256, 3), np.uint8)}


def test_a_thumbnail_reaches_the_graph_at_its_size_and_its_absence_too(tmp_path: Path) -> None:
    backend = made(open_onnx, tmp_path)
    backend._render = noting = Noting(("thumbnail", "thumbnail_present"))
    state, small = backend.encode_reference(reference()), np.full((128, 128, 3), 51, np.uint8)
    small[:64] = 255
    backend.render(state, motion(), None, small)
    fed = noting.fed["thumbnail"]
    assert fed.shape == (1, 3, 64, 64) and fed.dtype == np.float32 and noting.fed["thumbnail_present"] == 1
    assert fed[0, :, :32].min() == 1.0 and np.allclose(fed[0, :, 32:], 0.2)
    backend.render(state, motion())
    assert not noting.fed["thumbnail"].any() and noting.fed["thumbnail_present"] == 0


def test_both_engines_give_the_same_picture(tmp_path: Path) -> None:
    onnx, openvino = made(open_onnx, tmp_path), made(open_openvino, tmp_path)
    values = motion(0.1, -0.05, 0.3)
    pictures = [
        backend.render(backend.encode_reference(reference(3)), values).astype(int)
        for backend in (onnx, openvino)
    ]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


@pytest.mark.model
@pytest.mark.parametrize("size", ["lite"])
def test_both_engines_give_the_same_picture_with_the_real_weights(size: str) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    face, values = reference(3), motion(0.05, -0.02, 0.2)
    pictures = []
    for engine in ("onnx", "openvino"):
        backend = choose_backend(engine, size, 1)
        pictures.append(backend.render(backend.encode_reference(face), values).astype(int))
    difference = np.abs(pictures[0] - pictures[1])
    # A sum that falls on the border between two int8 steps may go either way: a few levels at single places.
    assert difference.max() <= 6 and difference.mean() < 0.4


@BOTH
def test_one_network_serves_several_references(open_backend: Open, tmp_path: Path) -> None:
    backend = made(open_backend, tmp_path)
    states = [backend.encode_reference(reference(seed)) for seed in (0, 1)]
    first = [backend.render(state, motion()) for state in states]
    again = [backend.render(state, motion()) for state in reversed(states)]
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(first[0], again[1]) and np.array_equal(first[1], again[0])


@BOTH
def test_weights_that_want_something_unknown_are_newer_than_the_program(
    open_backend: Open, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"newer than this program.*tongue"):
        made(open_backend, tmp_path, extra_input="tongue")


@BOTH
def test_numbers_out_of_range_never_reach_the_network(open_backend: Open, tmp_path: Path) -> None:
    backend = made(open_backend, tmp_path)
    state = backend.encode_reference(reference())
    wild = motion(float("nan"), 1e9, 1e9)
    bounded = backend.render(state, wild).astype(int)
    ceiling = reference().picture / 2 + (1.5 / 4 + 2 / 8) * 255
    assert (bounded <= np.clip(ceiling, 0, 255) + 1).all()


def test_a_reference_of_another_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        made(open_onnx, tmp_path).render(ReferenceState(), motion())


def test_weights_are_named_by_their_size_and_int8_is_taken_where_there_is_one() -> None:
    plain = ("nano/encode_reference.onnx", "nano/render.onnx")
    assert weight_names("nano", plain) == plain
    assert weight_names("nano", [*plain, "nano/render.int8.onnx"]) == (plain[0], "nano/render.int8.onnx")
