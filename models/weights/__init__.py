"""The verified loader of weight files: nothing is opened whose SHA-256 is not the manifest's.

Imports the standard library only, because sender and receiver use it. Invariant: `open_verified` returns a path whose
bytes were hashed in this process and found equal to `manifest.json`.
"""

import hashlib
import json
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


def read_manifest(path: Path = MANIFEST) -> dict[str, WeightFile]:
    """Return the manifest's files by name. Raises UserError when the manifest is missing or unreadable."""
    try:
        entries = json.loads(path.read_text())["files"]
        return {name: WeightFile(name=name, **entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"The list of weights {path.name} cannot be read ({error}). Reinstall facewire, or restore the file with "
            "`git checkout models/weights/manifest.json`."
        ) from error


@cache
def open_verified(name: str) -> Path:
    """Return the path of weight file `name` (such as 'lite/render.onnx') after checking its SHA-256.

    Raises UserError when the file is not in the manifest, is missing, or has other bytes than it should.
    """
    return verify(name, WEIGHTS_DIR, read_manifest())


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


def bundle_digest(names: list[str]) -> str:
    """Return one hex SHA-256 over several weight files' digests, in the given order: the name of a model as a whole."""
    files = read_manifest()
    return hashlib.sha256("".join(files[name].sha256 for name in names).encode()).hexdigest()
