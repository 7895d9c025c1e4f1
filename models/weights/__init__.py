"""The verified loader of weight files: nothing is opened whose SHA-256 is not the manifest's.

    models/weights/manifest.json --+--> the weights of this process, by name
    use_weights(DIR): DIR/manifest.json, its groups (lite, nano, analyser, voice) before the shipped ones of the same name

Imports the standard library only, because sender and receiver use it. Invariant: `open_verified` returns a path whose
bytes were hashed in this process and found equal to the `manifest.json` beside them; a group's files come from one folder.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import UserError

WEIGHTS_DIR = Path(__file__).parent
MANIFEST = WEIGHTS_DIR / "manifest.json"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One line of the manifest. sha256: hex. bytes: size. licence: what may be done with it. run: how it was made."""

    name: str
    sha256: str
    bytes: int
    licence: str
    run: str


INT8 = ".int8.onnx"
"""How the names of int8 copies end."""
_own: list[Path] = []
"""The folder that `use_weights` named, if any."""


def use_weights(folder: Path) -> None:
    """Let one's own weights (`python -m models.export --out FOLDER`) go before the shipped ones, in this process, from now on.

    Raises UserError when the folder has no readable manifest; then nothing changes.
    """
    if not (folder / "manifest.json").is_file():
        raise UserError(
            f"There are no weights in {folder} (no manifest.json). Write some there with "
            f"`python -m models.export --checkpoint FILE.pt --cache CACHE --out {folder}`."
        )
    read_manifest(folder / "manifest.json")
    _own[:] = [folder]
    open_verified.cache_clear()


def read_manifest(path: Path | None = None) -> dict[str, WeightFile]:
    """Return a manifest's files by name; None: all weights of this process.

    Raises UserError when the manifest is missing or unreadable.
    """
    if path is None:
        return {name: entry for name, (_, entry) in _known().items()}
    try:
        entries = json.loads(path.read_text())["files"]
        return {name: WeightFile(name=name, **entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"The list of weights {path.name} cannot be read ({error}). Reinstall facewire, or restore the file with "
            "`git checkout models/weights/manifest.json`."
        ) from error


def _known() -> dict[str, tuple[Path, WeightFile]]:
    """Folder and entry of every weight file of this process."""
    found: dict[str, tuple[Path, WeightFile]] = {}
    own = [(folder, folder / "manifest.json") for folder in _own]
    for folder, manifest in ((WEIGHTS_DIR, MANIFEST), *own):
        files = read_manifest(manifest)
        groups = {_group(name) for name in files}
        found = {name: value for name, value in found.items() if _group(name) not in groups}
        found |= {name: (folder, entry) for name, entry in files.items()}
    return found


def _group(name: str) -> str:
    return name.split("/")[0]


@cache
def open_verified(name: str) -> Path:
    """Return the path of weight file `name` (such as 'lite/render.onnx') after checking its SHA-256.

    Raises UserError when the file is not in the manifest, is missing, or has other bytes than it should.
    """
    known = _known()
    folder = known[name][0] if name in known else WEIGHTS_DIR
    return verify(name, folder, {name: entry for name, (_, entry) in known.items()})


def verify(name: str, folder: Path, files: dict[str, WeightFile]) -> Path:
    """Check one file below `folder` against `files` and return its path. Raises UserError as `open_verified` does."""
    if name not in files:
        known = ", ".join(sorted(files))
        raise UserError(f"There are no weights named {name!r}. The manifest lists: {known}.")
    path = folder / name
    if not path.is_file():
        raise UserError(
            f"The weights {name} are listed but missing. Restore them with `git checkout models/weights`."
        )
    digest = sha256_of(path)
    if digest != files[name].sha256:
        raise UserError(
            f"The weights {name} are not the ones in the manifest (SHA-256 {digest[:12]}…, expected "
            f"{files[name].sha256[:12]}…). They were damaged or replaced: restore them with `git checkout models/weights`, "
            "or, if you exported them yourself, run `python -m models.export --update-manifest`."
        )
    return path


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def int8_name(name: str) -> str:
    """Name of the int8 copy that weight file `name` has or would have."""
    return name.removesuffix(".onnx") + INT8


def int8_or_whole(name: str, available: Collection[str]) -> str:
    """Name of the int8 copy of `name` if it is among `available` (such as `read_manifest()`), else `name` itself."""
    small = int8_name(name)
    return small if small in available else name


def bundle_digest(names: list[str]) -> str:
    """Return one hex SHA-256 over several weight files' digests, in the given order: the name of a model as a whole."""
    files = read_manifest()
    return hashlib.sha256("".join(files[name].sha256 for name in names).encode()).hexdigest()
