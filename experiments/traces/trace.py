"""The file format of a link's trace: one line per moment at which the link changed, in text that anybody can write.

    # facewire link trace 1
    # name: train-like
    # about: one sentence
    # queue_bytes: 16000
    # length_ms: 40000
    time_ms rate_kbps delay_ms loss
    0 57.2 41 0
    200 0 41 0

rate_kbps: what the link carries from then on, IP headers included; 0: nothing, packets wait; -: no limit. delay_ms: one way,
without the queue before the rate. loss: share of packets, 0..1. length_ms: where the trace begins anew; without it the last step
lasts as long as the one before. Lines that begin with # and name nothing known are remarks.

Must import the standard library and `shared` only. Invariant: what is read is within the limits below, in order of time, and
carries something; whatever else is in a file is a UserError that names the line.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.errors import UserError
from shared.transport.impairments import PathStep

MAGIC: Final = "# facewire link trace 1"
COLUMNS: Final = "time_ms rate_kbps delay_ms loss"
NO_LIMIT: Final = "-"
TRACE_MAX_BYTES: Final = 4 * 1024 * 1024
"""A day at one step a second."""
TRACE_MAX_STEPS: Final = 100_000
TIME_MAX_MS: Final = 24 * 3600 * 1000
RATE_MAX_KBPS: Final = 1_000_000.0
DELAY_MAX_MS: Final = 10_000.0
QUEUE_MAX_BYTES: Final = 64 * 1024 * 1024
QUEUE_DEFAULT_BYTES: Final = 32_000
TEXT_MAX_CHARS: Final = 500
"""Of a name or a description."""
STEP_DEFAULT_MS: Final = 1000
"""How long the only step of a trace lasts that does not say it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One direction of a link. steps: in order of time, the first at 0. length_ms: after that it begins anew.
    queue_bytes: what waits before the link; more is lost."""

    name: str
    about: str
    steps: tuple[PathStep, ...]
    length_ms: int
    queue_bytes: int = QUEUE_DEFAULT_BYTES


def read_trace(path: Path) -> Trace:
    """A trace from a file. UserError when it cannot be read or is none."""
    try:
        with path.open("rb") as file:
            data = file.read(TRACE_MAX_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"The trace {path} cannot be read: {error.strerror}. Give another file, or one of --list."
        ) from error
    if len(data) > TRACE_MAX_BYTES:
        raise UserError(
            f"The trace {path} is larger than {TRACE_MAX_BYTES} bytes. Cut it, or use longer steps."
        )
    try:
        return parse_trace(data.decode("utf-8"), path.stem, str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text, so no trace. Its first line must be: {MAGIC}") from error


def parse_trace(text: str, name: str, where: str) -> Trace:
    """A trace from text. name: when the text has none. where: names the source in a UserError."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise UserError(f"{where} is no trace of a link: its first line must be: {MAGIC}")
    fields: dict[str, str] = {}
    steps: list[PathStep] = []
    for number, line in enumerate(lines[1:], 2):
        words, place = line.split(), f"{where}, line {number}"
        if line.lstrip().startswith("#"):
            fields |= _field(line, place)
        elif words and line.strip() != COLUMNS:
            steps.append(_step(words, place, steps[-1].start_ms if steps else None))
            if len(steps) > TRACE_MAX_STEPS:
                raise UserError(f"{place}: more than {TRACE_MAX_STEPS} steps. Use longer ones.")
    _check_carries(steps, where)
    return Trace(
        fields.get("name", name), fields.get("about", ""), tuple(steps), _length_ms(fields, steps, where),
        _whole(fields.get("queue_bytes", str(QUEUE_DEFAULT_BYTES)), 0, QUEUE_MAX_BYTES, "queue_bytes", where),
    )  # fmt: skip


def format_trace(trace: Trace) -> str:
    """The text that `parse_trace` reads."""
    head = [
        MAGIC, f"# name: {trace.name}", f"# about: {trace.about}", f"# queue_bytes: {trace.queue_bytes}",
        f"# length_ms: {trace.length_ms}", COLUMNS,
    ]  # fmt: skip
    rows = [
        f"{step.start_ms} {NO_LIMIT if step.kbps is None else f'{step.kbps:g}'} {step.delay_ms:g} {step.loss:g}"
        for step in trace.steps
    ]
    return "\n".join([*head, *rows]) + "\n"


def _field(line: str, place: str) -> dict[str, str]:
    """A remark that names something, as {name: value}."""
    name, colon, value = line.lstrip("# \t").partition(":")
    if not colon or name not in ("name", "about", "queue_bytes", "length_ms"):
        return {}
    if len(value.strip()) > TEXT_MAX_CHARS:
        raise UserError(f"{place}: {name} is longer than {TEXT_MAX_CHARS} characters. Shorten it.")
    return {name: value.strip()}


def _step(words: list[str], place: str, before_ms: int | None) -> PathStep:
    if len(words) != len(COLUMNS.split()):
        raise UserError(f"{place}: {len(words)} columns instead of four. They are: {COLUMNS}.")
    start_ms = _whole(words[0], 0, TIME_MAX_MS, "time_ms", place)
    if before_ms is None and start_ms:
        raise UserError(f"{place}: the first step begins at {start_ms} ms. Let it begin at 0.")
    if before_ms is not None and start_ms <= before_ms:
        raise UserError(f"{place}: {start_ms} ms does not come after {before_ms} ms. Sort the steps by time.")
    kbps = None if words[1] == NO_LIMIT else _number(words[1], RATE_MAX_KBPS, "rate_kbps", place)
    delay_ms = _number(words[2], DELAY_MAX_MS, "delay_ms", place)
    return PathStep(start_ms, kbps, delay_ms, _number(words[3], 1.0, "loss", place))


def _number(word: str, most: float, name: str, place: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:  # NaN is not either
        raise UserError(f"{place}: {name} {word!r} is not a number from 0 to {most:g}. Correct it.")
    return value


def _whole(word: str, least: int, most: int, name: str, place: str) -> int:
    value = int(word) if word.isascii() and word.isdigit() and len(word) <= len(str(most)) else -1
    if not least <= value <= most:
        raise UserError(f"{place}: {name} {word!r} is not a whole number from {least} to {most}. Correct it.")
    return value


def _length_ms(fields: dict[str, str], steps: list[PathStep], where: str) -> int:
    last_ms = steps[-1].start_ms
    if "length_ms" in fields:
        return _whole(fields["length_ms"], last_ms + 1, TIME_MAX_MS, "length_ms", where)
    return last_ms + (last_ms - steps[-2].start_ms if len(steps) > 1 else STEP_DEFAULT_MS)


def _check_carries(steps: list[PathStep], where: str) -> None:
    if not any(step.kbps is None or step.kbps > 0 for step in steps):
        raise UserError(f"{where}: this link never carries anything. Give at least one step a rate above 0.")
    if all(step.loss == 1 for step in steps):
        raise UserError(f"{where}: this link loses everything. Give at least one step a loss below 1.")
