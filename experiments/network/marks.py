"""What the calls have to reach, and whether they do: the one place that knows the marks of the benchmark.

Must not import anything that measures. Invariant: a number that is null does not pass, and a mark without calls is
neither passed nor failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from experiments.network.links import CLEAN
from experiments.network.results import Results, key_of

Entry = dict[str, Any]
FULL_RATE_FPS: Final = 24.5
"""What counts as 25 pictures a second: one in fifty may be missing."""
LANDMARK_GROWTH: Final = 1.1
"""The face points may lie this much further off than without loss."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing to reach. of: which entries it concerns. value: the number of one entry. at_most False: a lower limit."""

    group: str
    what: str
    unit: str
    limit: float
    of: Callable[[Entry], bool]
    value: Callable[[Entry], float | None]
    at_most: bool = True
    told: bool = False
    """The number is in the time lines, not in the rows."""

    def holds(self, value: float | None) -> bool:
        """Whether one number passes."""
        if value is None:
            return False
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """A mark and the calls it was taken from. values: one per call, None where it could not be measured. failed_calls:
    calls of this mark that did not finish; they do not pass."""

    mark: Mark
    values: tuple[float | None, ...]
    failed_calls: int

    @property
    def calls(self) -> int:
        """Calls that the mark concerns."""
        return len(self.values) + self.failed_calls

    @property
    def passing(self) -> int:
        """Calls that pass."""
        return sum(self.mark.holds(value) for value in self.values)

    @property
    def passed(self) -> bool | None:
        """Whether all calls pass; None without calls."""
        return self.passing == self.calls if self.calls else None

    @property
    def mean(self) -> float | None:
        """Of the numbers there are."""
        known = [value for value in self.values if value is not None]
        return sum(known) / len(known) if known else None

    @property
    def worst(self) -> float | None:
        """Of the numbers there are."""
        known = [value for value in self.values if value is not None]
        return (max if self.mark.at_most else min)(known, default=None)


def _on(link: str, rung: str | None = None, bundle_ms: int | None = None) -> Callable[[Entry], bool]:
    def fits(entry: Entry) -> bool:
        return (
            entry["link"] == link
            and (rung is None or entry["rung"] == rung)
            and (bundle_ms is None or entry["bundle_ms"] == bundle_ms)
        )

    return fits


def _named(name: str) -> Callable[[Entry], float | None]:
    return lambda entry: entry[name]


def _growth(entry: Entry) -> float | None:
    lossy, clean = entry["landmark_px"], entry["landmark_px_no_loss"]
    return None if lossy is None or not clean else lossy / clean


def _clean(
    rung: str,
    bundle_ms: int,
    forward: float,
    back: float,
    latency_ms: float | None,
    motion: float | None = None,
) -> list[Mark]:
    group, of = f"{rung} rung, {bundle_ms} ms bundles, clean link", _on(CLEAN, rung, bundle_ms)
    marks = [
        Mark(group, "forward, all counted", "kbit/s", forward, of, _named("forward_kbps")),
        Mark(group, "back, all counted", "kbit/s", back, of, _named("reverse_kbps")),
    ]
    if latency_ms is not None:
        what = "latency glass to glass, 95th percentile"
        marks.append(Mark(group, what, "ms", latency_ms, of, _named("latency_p95_ms")))
    if motion is not None:
        marks.append(Mark(group, "motion payload", "kbit/s", motion, of, _named("motion_kbps")))
    return marks


def _pictures_go_on(link: str, about: str) -> Mark:
    return Mark(
        about, "pictures shown a second", "fps", FULL_RATE_FPS, _on(link), _named("fps"), at_most=False
    )


def _loss5() -> list[Mark]:
    of = _on("loss5")
    growth = "distance of face points over that without loss"
    return [
        Mark("5 % random loss", growth, "times", LANDMARK_GROWTH, of, _growth),
        Mark("5 % random loss", "longest voice gap", "ms", 120, of, _named("voice_gap_max_ms")),
    ]


def _drop(link: str, about: str) -> list[Mark]:
    group, of = f"100 to 15 kbit/s and back, {about}", _on(link)
    return [
        Mark(group, "rung follows, slower way", "s", 3, of, _named("follow_s"), told=True),
        Mark(group, "longest wait in the queue", "ms", 400, of, _named("queue_max_ms"), told=True),
        Mark(group, "longest voice gap", "ms", 120, of, _named("voice_gap_max_ms")),
    ]


MARKS: Final = (
    *_clean("motion", 80, forward=20, back=6, latency_ms=250, motion=1.5),
    *_clean("motion", 160, forward=14, back=3, latency_ms=350),
    *_clean("voice", 160, forward=11, back=3, latency_ms=None),
    *_loss5(),
    _pictures_go_on("loss20", "20 % random loss"),
    _pictures_go_on("burst500", "bursts of 500 ms"),
    Mark("3 s blackout", "picture and voice back", "ms", 1500, _on("blackout3s"), _named("recovery_ms")),
    *_drop("drop100to15", "sender's own limit"),
    *_drop("drop100to15_wide", "sender may use all"),
)


def judge(results: Results, marks: Sequence[Mark] = MARKS) -> list[Verdict]:
    """Every mark against every call it concerns."""
    verdicts = []
    for mark in marks:
        entries = results.timelines if mark.told else results.rows
        concerned = sorted((entry for entry in entries if mark.of(entry)), key=key_of)
        failed = sum(mark.of(failure) for failure in results.failures)
        verdicts.append(Verdict(mark, tuple(mark.value(entry) for entry in concerned), failed))
    return verdicts
