"""Whether pictures of a folder's clips may be shown: the folder's own LICENCE.yaml says so, or they may not.

    licence: CC0 1.0, recorded by ourselves, everybody agreed     # what is shown beside the pictures
    may_show: true                                                # true alone means yes
    clips: [one, two]                                             # optional: these only, by their names in the results

Needs PyYAML. Invariant: without the file, or with anything else than `may_show: true` in it, nothing of anybody is shown; a
file that cannot be understood is a UserError, never a yes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from shared.errors import UserError

FILE_NAME: Final = "LICENCE.yaml"
MAX_BYTES: Final = 64 * 1024
KEYS: Final = ("licence", "may_show", "clips")


@dataclass(frozen=True, slots=True)
class Licence:
    """text: of the licence. names: of the clips that may be shown, None: all of the folder."""

    text: str
    names: tuple[str, ...] | None

    def allows(self, name: str) -> bool:
        """Whether this clip may be shown."""
        return self.names is None or name in self.names


def read_licence(folder: Path) -> Licence:
    """What the folder's file allows. UserError when it allows nothing, is not there or cannot be understood."""
    path = folder / FILE_NAME
    found = _content(path)
    if unknown := [key for key in found if key not in KEYS]:
        raise UserError(f"{path}: there is no key {unknown[0]!r}. Known: {', '.join(KEYS)}.")
    if found.get("may_show") is not True:
        raise UserError(
            f"{path} does not say `may_show: true`, so --show-frames cannot be used. Leave it out."
        )
    text, names = found.get("licence"), found.get("clips")
    if not isinstance(text, str) or not text.strip():
        raise UserError(
            f"{path} names no licence. Say under `licence:` what allows the pictures to be shown."
        )
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: clips is a list of names such as [one, two], or left out for all.")
    return Licence(text.strip(), None if names is None else tuple(names))


def _content(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"--show-frames needs {path} ({error.strerror}): write into it `licence: ...` and `may_show: true` if the people in "
            "these clips may be shown, or leave the switch out."
        ) from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} has more than {MAX_BYTES} bytes: that is no licence note.")
    try:
        found = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"{path} is no YAML ({type(error).__name__}). Its keys are {', '.join(KEYS)}."
        ) from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no keys. Its keys are {', '.join(KEYS)}.")
    return found
