"""The networks of exported float32 graphs, read back: the files that are shipped are also where torch gets its weights.

    lite/encode_reference.onnx, lite/render.onnx --> Renderer --+
    analyser/analyser.onnx ----------------------> Analyser ----+--> Codec
    voice/voice.onnx ----------------------------> VoiceEncoder +

An exporter keeps a parameter's name as its initialiser's, behind the name by which the wrapper of `graphs` holds the network.
Invariant: a network is whole or an error; files are verified against the manifest by whoever hands in their paths.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.networks.codec import Codec
from models.networks.renderer import Renderer
from models.networks.sizes import SIZES
from models.weights import open_verified
from shared.errors import UserError


def read_renderer(size: str, encode: Path, render: Path) -> Renderer:
    """The network of one size from its two graphs. Raises UserError when they are not of this network."""
    renderer = Renderer(SIZES[size])
    _fill(renderer, (encode, render), "renderer", f"size {size}")
    return renderer


def shipped_codec(size: str) -> Codec:
    """All networks as they are shipped, or as `use_weights` named them. Raises UserError when some are missing."""
    if size not in SIZES:
        raise UserError(f"There is no size {size!r}. Choose one of {', '.join(SIZES)}.")
    codec = Codec(size)
    graphs = [open_verified(f"{size}/{name}.onnx") for name in ("encode_reference", "render")]
    _fill(codec.renderer, graphs, "renderer", f"size {size}")
    fill_detector(codec)
    return codec


def fill_detector(codec: Codec) -> None:
    """Give a codec the shipped analyser and voice branch, which are the bitstream. Raises UserError when they are missing."""
    _fill(codec.analyser, [open_verified("analyser/analyser.onnx")], "analyser", "the analyser")
    _fill(codec.voice, [open_verified("voice/voice.onnx")], "voice", "the voice branch")


def _fill(network: nn.Module, graphs: Iterable[Path], held_as: str, what: str) -> None:
    try:
        network.load_state_dict(_initialisers(graphs, held_as + "."))
    except RuntimeError as error:
        raise UserError(
            f"The weights of {what} are not those of this network ({str(error).splitlines()[-1].strip()}). They were exported by "
            "another version: export them again, or use them with --backend onnx."
        ) from error


def _initialisers(graphs: Iterable[Path], prefix: str) -> dict[str, Tensor]:
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise UserError(
            f"The weights cannot be read ({error}). Install what reads them with pip install 'facewire[cuda]'."
        ) from error
    found: dict[str, Tensor] = {}
    for path in graphs:
        for tensor in onnx.load(str(path)).graph.initializer:
            if tensor.name.startswith(prefix):
                values = np.array(numpy_helper.to_array(tensor), np.float32)
                found[tensor.name.removeprefix(prefix)] = torch.from_numpy(values)
    return found
