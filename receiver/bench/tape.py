"""A recorded call: the messages that a real sender put on the wire, each with its time.

`call.json` was made by `python -m tests.receiver.bench.make_tape` from the project's own sample: 30 s of motion and voice at the
default plan. Hello and other control messages are left out, so a tape outlives new weights; it does not outlive new coding
tables, whose identity it holds.

Must import the standard library and `shared` only. Invariant: messages are in order of time.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.coding.identity import coding_identity
from shared.errors import UserError
from shared.frames import Channel

TAPE_PATH: Final = Path(__file__).parent / "call.json"


@dataclass(frozen=True, slots=True)
class TapeMessage:
    """A message as it arrives at_ms after the start."""

    at_ms: int
    channel: Channel
    data: bytes


@dataclass(frozen=True, slots=True)
class Tape:
    """tables: identity of the coding tables that its motion is written in."""

    tables: str
    messages: tuple[TapeMessage, ...]

    @property
    def seconds(self) -> float:
        """Until the last message."""
        return self.messages[-1].at_ms / 1000


def read_tape(path: Path = TAPE_PATH) -> Tape:
    """Raises UserError for a file that is no tape, or one that this version cannot read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            TapeMessage(int(at), Channel(name), base64.b64decode(data))
            for at, name, data in content["messages"]
        ]
        tape = Tape(content["tables"], tuple(rows))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path.name} is no recorded call ({error}). Restore it, or make one with tests.receiver.bench.make_tape."
        ) from error
    if tape.tables != coding_identity():
        raise UserError(
            f"{path.name} was recorded with other coding tables. Record it again: python -m tests.receiver.bench.make_tape"
        )
    return tape


def write_tape(messages: Sequence[TapeMessage], path: Path = TAPE_PATH) -> None:
    """As `read_tape` reads it."""
    rows = [[one.at_ms, one.channel.value, base64.b64encode(one.data).decode()] for one in messages]
    lines = ",\n".join(json.dumps(row) for row in rows)
    path.write_text(f'{{"tables": "{coding_identity()}", "messages": [\n{lines}\n]}}\n', encoding="utf-8")
