"""Checkpoints: written whole or not at all, read back with a clear message when they are not what they should be.

Invariant: whatever moment training is killed at, the last whole checkpoint stays readable.
"""

import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from models.export.read_back import fill_detector, shipped_codec
from models.networks.codec import Codec
from models.training.settings import Settings
from shared.errors import UserError

UNREADABLE: Final = (
    OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, LookupError, TypeError, AttributeError,
)  # fmt: skip
"""What `torch.load` raises for bytes that are not what they should be: it fails in all these ways."""


SHIPPED: Final = "shipped"
"""In place of a checkpoint's path: the weights that come with facewire."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint. Raises UserError on a full disk; the one before is kept."""
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"The checkpoint {path} could not be written ({error}). Free some disk space; the last one is kept."
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint (tensors and plain values only). Raises UserError when it is missing or damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(
            f"There is no checkpoint {path}. Train one with `python -m models.training`."
        ) from error
    except UNREADABLE as error:
        raise UserError(
            f"The checkpoint {path} is damaged or not a checkpoint ({error}). Use an earlier one."
        ) from error
    if not isinstance(state, dict) or "codec" not in state or "settings" not in state:
        raise UserError(f"The file {path} is not a checkpoint of facewire.")
    return state


def codec_of(source: str, size: str) -> Codec:
    """Return the codec of a checkpoint's path, or for SHIPPED that of `size` as it is shipped. Raises UserError."""
    return shipped_codec(size) if source == SHIPPED else load_codec(Path(source))


def detector_of(source: str, codec: Codec) -> None:
    """Give a codec the analyser and the voice branch of a checkpoint, whatever its renderer, or of SHIPPED. Raises UserError."""
    if source == SHIPPED:
        fill_detector(codec)
        return
    average = load_checkpoint(Path(source))["average"]
    try:
        for name in ("analyser", "voice"):
            prefix = name + "."
            found = {
                key.removeprefix(prefix): value for key, value in average.items() if key.startswith(prefix)
            }
            getattr(codec, name).load_state_dict(found)
    except RuntimeError as error:
        raise UserError(
            f"The checkpoint {source} is of another detector than this version has. Train one with it, or use that version."
        ) from error


def load_codec(path: Path, *, average: bool = True) -> Codec:
    """Return the codec of a checkpoint: its moving average, or the weights as they were last.

    Raises UserError as `load_checkpoint` does, and when the networks of this version are not those of the checkpoint.
    """
    state = load_checkpoint(path)
    try:
        codec = Codec(state["settings"]["size"])
        codec.load_state_dict(state["average" if average else "codec"])
    except (RuntimeError, KeyError, TypeError) as error:
        raise UserError(
            f"The checkpoint {path} is of other networks than this version has ({type(error).__name__}). Train anew, or "
            "use the version it was made with."
        ) from error
    return codec.eval()


def start_from(codec: Codec, path: Path) -> list[str]:
    """Give a codec the moving average of a checkpoint, whose networks may be older: what does not fit starts anew.

    A convolution that has become 1x1 since keeps the middle of its kernel. Returns the names of the tensors that start anew.
    Raises UserError as `load_checkpoint` does, and when nothing fits.
    """
    wanted = codec.state_dict()
    found = {
        name: _narrowed(value, wanted[name])
        for name, value in load_checkpoint(path)["average"].items()
        if name in wanted
    }
    fitting = {name: value for name, value in found.items() if value.shape == wanted[name].shape}
    if not fitting:
        raise UserError(
            f"Nothing in the checkpoint {path} fits this size. Set start_from to a run of the same size."
        )
    codec.load_state_dict(fitting, strict=False)
    return sorted(set(wanted) - set(fitting))


def _narrowed(value: Tensor, wanted: Tensor) -> Tensor:
    if value.ndim == 4 and wanted.shape[2:] == (1, 1):
        return value[:, :, value.shape[2] // 2, value.shape[3] // 2, None, None]
    return value


def settings_dict(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values."""
    return asdict(settings)
