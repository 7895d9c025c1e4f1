"""`network.json`: rows, time lines and failures of one commit, kept so that a stopped benchmark goes on.

Must not import anything that measures. Invariant: the file is written whole or not at all, after every call; what an
other commit or machine left in it is never mixed with this one's.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from experiments.network.plan import Key
from shared.errors import UserError

FILE_NAME: Final = "network.json"
_KEY_NAMES: Final = ("clip", "rung", "bundle_ms", "link")

Json = dict[str, Any]


@dataclass(slots=True)
class Results:
    """All of network.json. rows: one per finished call, timelines: of those on links where something happens at stated
    times, failures: calls that did not finish, with the reason. model: name and sha256 of what drew the pictures."""

    machine: str
    commit: str
    model: Json | None = None
    rows: list[Json] = field(default_factory=list)
    timelines: list[Json] = field(default_factory=list)
    failures: list[Json] = field(default_factory=list)

    def row(self, key: Key) -> Json | None:
        """The row of a call, None when it has not finished."""
        return next((row for row in self.rows if key_of(row) == key), None)

    def add(self, row: Json, timeline: Json | None, model: Json) -> None:
        """Take a finished call; it replaces what an earlier try left."""
        self.forget(key_of(row))
        self.model = model
        self.rows.append(row)
        if timeline is not None:
            self.timelines.append(timeline)

    def add_failure(self, key: Key, error: str) -> None:
        """Take a call that did not finish."""
        self.forget(key)
        self.failures.append(dict(zip(_KEY_NAMES, key, strict=True)) | {"error": error})

    def forget(self, key: Key) -> None:
        """Leave out whatever is known of a call."""
        for entries in (self.rows, self.timelines, self.failures):
            entries[:] = [entry for entry in entries if key_of(entry) != key]

    def sort(self, order: Callable[[Key], Any]) -> None:
        """Bring all entries into an order of their keys."""
        for entries in (self.rows, self.timelines, self.failures):
            entries.sort(key=lambda entry: order(key_of(entry)))

    def as_json(self) -> Json:
        """Plain values."""
        return {name: getattr(self, name) for name in Results.__slots__}


def key_of(entry: Json) -> Key:
    """What a row, time line or failure is known by."""
    return entry["clip"], entry["rung"], entry["bundle_ms"], entry["link"]


def load_results(folder: Path, machine: str, commit: str) -> Results:
    """What the folder holds of this commit and machine; empty results when there is nothing, or only of others.

    UserError when its network.json is not one.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return Results(machine, commit)
    try:
        content = json.loads(path.read_text())
        found = Results(**content)
        for entry in (*found.rows, *found.timelines, *found.failures):
            key_of(entry)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path} is not a result of this benchmark ({error!r}). Choose another --out."
        ) from error
    return found if (found.machine, found.commit) == (machine, commit) else Results(machine, commit)


def save_results(folder: Path, results: Results) -> None:
    """Write network.json. UserError when that is not possible."""
    path = folder / FILE_NAME
    draft = path.with_name(FILE_NAME + ".part")
    try:
        draft.write_text(json.dumps(results.as_json(), indent=1, allow_nan=False) + "\n")
        draft.replace(path)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}. Choose another --out.") from error
