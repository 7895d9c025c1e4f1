"""models.runtime.torch_backend: on a CPU everything but the device; on a GPU, where there is one, the graphs too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.runtime.base import Backend, BackendUnavailable, ModelInfo, ReferenceState, RenderRequest
from models.runtime.choose import choose_backend
from models.runtime.graph_backend import float_names
from models.runtime.onnx_backend import open_onnx
from models.weights import open_verified
from shared.limits import RENDER_BATCH_MAX
from tests.models.runtime.faces import motion, reference

torch = pytest.importorskip("torch", reason="the extra 'cuda' is not installed")

from torch.overrides import TorchFunctionMode  # noqa: E402

from models.export.graphs import RenderGraph  # noqa: E402
from models.export.read_back import read_renderer  # noqa: E402
from models.networks import mesh_maps  # noqa: E402
from models.networks.renderer import Renderer  # noqa: E402
from models.networks.sizes import TINY  # noqa: E402
from models.runtime.torch_backend import (  # noqa: E402
    CUDA_BATCHES,
    TorchBackend,
    open_torch,
)

pytestmark = pytest.mark.model
MODEL = ModelInfo("test", "")
CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here")


def tiny_network() -> Renderer:
    """Every part does something: the layers that start at zero do not."""
    torch.manual_seed(0)
    renderer = Renderer(TINY)
    for values in renderer.parameters():
        torch.nn.init.normal_(values, std=0.1)
    return renderer


def tiny(precision: Any = torch.float32, batches: tuple[int, ...] = (1, 4)) -> TorchBackend:
    return TorchBackend("torch", MODEL, tiny_network(), CPU, precision, batches)


def requests(backend: Backend, count: int) -> list[RenderRequest]:
    """Different people, poses, voices and thumbnails."""
    made = []
    for place in range(count):
        voice = np.full(32, 0.1 * place, np.float32) if place % 2 else None
        small = reference(50 + place).picture[::4, ::4] if place % 3 == 1 else None
        state = backend.encode_reference(reference(place))
        made.append(RenderRequest(state, motion(0.02 * place, -0.01 * place, 0.1 * place), voice, small))
    return made


def levels(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Largest and mean difference of two pictures, in levels of 255."""
    difference = np.abs(first.astype(int) - second.astype(int))
    return float(difference.max()), float(difference.mean())


def float_onnx() -> Backend:
    return open_onnx(*(open_verified(name) for name in float_names("lite")), MODEL, 1)


def lite(device: Any, precision: Any, batches: tuple[int, ...]) -> TorchBackend:
    renderer = read_renderer("lite", *(open_verified(name) for name in float_names("lite")))
    return TorchBackend("test", MODEL, renderer, device, precision, batches)


def test_the_shipped_weights_give_the_picture_that_onnx_runtime_gives() -> None:
    """In float32 to a level; with convolutions in bfloat16, as a GPU runs them, to a few at single places."""
    onnx, whole, half = float_onnx(), choose_backend("torch", "lite", 1), lite(CPU, torch.bfloat16, (1,))
    expected = onnx.render_batch(requests(onnx, 2)[1:])[0]
    most, mean = levels(whole.render_batch(requests(whole, 2)[1:])[0], expected)
    assert most <= 1 and mean < 0.001
    most, mean = levels(half.render_batch(requests(half, 2)[1:])[0], expected)
    assert most <= 6 and mean < 0.2


def test_a_picture_is_the_same_alone_and_in_a_batch_that_is_not_full() -> None:
    backend = tiny()
    asked = requests(backend, 3)
    together = backend.render_batch(asked)
    assert [picture.shape for picture in together] == [(256, 256, 3)] * 3
    for one, picture in zip(asked, together, strict=True):
        alone = backend.render(one.state, one.motion, one.voice, one.thumbnail)
        assert levels(alone, picture)[0] <= 1
    assert levels(together[0], together[1])[1] > 1, "and they are different pictures"


def test_a_picture_stays_as_it_is_when_the_next_batch_is_made() -> None:
    backend = tiny()
    first, second = requests(backend, 2)
    kept = backend.render_batch([first])[0]
    copy = kept.copy()
    assert not np.array_equal(backend.render_batch([second])[0], copy) and np.array_equal(kept, copy)


def test_everything_that_is_given_reaches_the_network() -> None:
    backend = tiny()
    state, small = backend.encode_reference(reference()), reference(9).picture[::4, ::4]
    plain = backend.render(state, motion())
    voice = np.ones(32, np.float32)
    for other in (motion(0.1), motion(code=1.0)):
        assert not np.array_equal(backend.render(state, other), plain)
    assert not np.array_equal(backend.render(state, motion(), voice), plain)
    assert not np.array_equal(backend.render(state, motion(), None, small), plain)


def test_a_reference_of_another_backend_and_a_batch_that_is_too_large_are_refused() -> None:
    backend = tiny(batches=(1,))
    with pytest.raises(TypeError):
        backend.render(ReferenceState(), motion())
    with pytest.raises(ValueError, match="1 to 1"):
        backend.render_batch(requests(backend, 2))


def test_the_largest_graph_takes_as_many_pictures_as_a_batch_may_have() -> None:
    assert CUDA_BATCHES[-1] == RENDER_BATCH_MAX and list(CUDA_BATCHES) == sorted(set(CUDA_BATCHES))


class FromHost(TorchFunctionMode):
    """Notes what makes a tensor of numbers in the host's memory, which a capture forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        index = args[1] if func is torch.Tensor.__getitem__ else ()
        parts = index if isinstance(index, tuple) else (index,)
        if func in (torch.tensor, torch.as_tensor, torch.from_numpy) or any(
            isinstance(p, list) for p in parts
        ):
            self.found.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_what_a_graph_captures_takes_nothing_from_the_hosts_memory() -> None:
    network = RenderGraph(tiny_network())
    given = network.example()
    mesh_maps._groups.cache_clear()
    with torch.inference_mode():
        with FromHost() as warming:
            expected = network(*given)
        with FromHost() as captured:
            found = network(*given)
    assert set(warming.found) == {"tensor"}, "it sees them where there are some"
    assert captured.found == [] and torch.equal(found, expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [(None, "built without CUDA"), ("13.0", "No NVIDIA GPU")],
    ids=["cpu build", "no gpu"],
)
def test_a_gpu_that_cannot_be_used_is_said_with_what_to_do(
    build: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.version, "cuda", build)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match=message):
        open_torch("cuda", "lite", Path(), Path(), MODEL, 1)


@needs_gpu
def test_a_gpu_gives_the_picture_of_the_cpu_at_every_batch_size() -> None:
    onnx, gpu = float_onnx(), choose_backend("cuda", "lite", 1)
    expected = onnx.render_batch(requests(onnx, 5))
    for count in (1, 3, 5):
        for picture, wanted in zip(gpu.render_batch(requests(gpu, count)), expected, strict=False):
            most, mean = levels(picture, wanted)
            assert most <= 6 and mean < 0.2


@needs_gpu
def test_a_gpu_renders_while_another_thread_encodes_references(
    in_thread: Callable[[Callable[[], Any]], Any],
) -> None:
    gpu = choose_backend("cuda", "lite", 1)
    asked = requests(gpu, 3)
    before = gpu.render_batch(asked)
    encoding = in_thread(lambda: [gpu.encode_reference(reference(seed)) for seed in range(20)])
    during = [gpu.render_batch(asked) for _ in range(20)]
    encoding.result()
    assert all(np.array_equal(a, b) for made in during for a, b in zip(before, made, strict=True))


@pytest.fixture
def in_thread() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit
