"""What a bad network does to packets, as frozen descriptions shared by the in-process link and the UDP proxy.

Must not import anything of this project. Invariant: a description holds no state; the same description,
seed and packets always give the same fate of every packet.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

_DEFAULT_QUEUE_BYTES = 32_000


class LossPattern(Protocol):
    """Says which packets are lost, in the order in which they are sent."""

    def losses(self, rng: random.Random) -> Iterator[bool]:
        """Endless: True for each packet that is lost."""
        ...


def _check_probability(*values: float) -> None:
    if any(not 0 <= value <= 1 for value in values):
        raise ValueError(f"probabilities lie in 0..1, not {values}")


@dataclass(frozen=True, slots=True)
class NoLoss:
    """Nothing is lost."""

    def losses(self, rng: random.Random) -> Iterator[bool]:
        """See `LossPattern`."""
        while True:
            yield False


@dataclass(frozen=True, slots=True)
class RandomLoss:
    """Each packet is lost on its own with `probability`."""

    probability: float

    def __post_init__(self) -> None:
        _check_probability(self.probability)

    def losses(self, rng: random.Random) -> Iterator[bool]:
        """See `LossPattern`."""
        while True:
            yield rng.random() < self.probability


@dataclass(frozen=True, slots=True)
class GilbertElliott:
    """Bursts: a good and a bad state with a loss probability each (Gilbert 1960, Elliott 1963).

    Probabilities are per packet. Mean burst 1 / bad_to_good packets; share of time in the bad state
    good_to_bad / (good_to_bad + bad_to_good).
    """

    good_to_bad: float
    bad_to_good: float
    loss_good: float = 0.0
    loss_bad: float = 1.0

    def __post_init__(self) -> None:
        _check_probability(self.good_to_bad, self.bad_to_good, self.loss_good, self.loss_bad)

    def losses(self, rng: random.Random) -> Iterator[bool]:
        """See `LossPattern`."""
        bad = False
        while True:
            bad = rng.random() >= self.bad_to_good if bad else rng.random() < self.good_to_bad
            yield rng.random() < (self.loss_bad if bad else self.loss_good)


@dataclass(frozen=True, slots=True)
class PatternLoss:
    """Exactly the packets marked True are lost; `repeat` starts over at the end, otherwise nothing more is lost."""

    lost: tuple[bool, ...]
    repeat: bool = False

    def losses(self, rng: random.Random) -> Iterator[bool]:
        """See `LossPattern`."""
        yield from self.lost
        while True:
            yield from self.lost if self.repeat and self.lost else (False,)


@dataclass(frozen=True, slots=True)
class Blackout:
    """Everything sent in start_ms..start_ms + duration_ms is lost. Times count from the start of the link."""

    start_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class RateStep:
    """From start_ms on the link carries `kbps` (> 0), headers included; the last step lasts for ever.

    A packet is served at the rate at which it began; see `PathStep` for links that change within a packet.
    """

    start_ms: int
    kbps: float

    def __post_init__(self) -> None:
        if self.kbps <= 0:
            raise ValueError("a rate is positive; use a Blackout for a link that carries nothing")


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of a recorded link, from start_ms to the next step; the last one lasts for ever.

    kbps: what leaves the queue, headers included; 0: nothing does, and packets wait; None: no limit. delay_ms: one way, on top of
    the queue and of the impairment's own. loss: share of the packets that leave the queue and do not arrive, each on its own.
    """

    start_ms: int
    kbps: float | None = None
    delay_ms: float = 0.0
    loss: float = 0.0

    def __post_init__(self) -> None:
        _check_probability(self.loss)
        if self.delay_ms < 0 or (self.kbps is not None and self.kbps < 0):
            raise ValueError("rates and delays of a path are not negative")


@dataclass(frozen=True, slots=True)
class Impairment:
    """One direction of a link. A packet is lost, or queued for the rate, then delayed, perhaps doubled.

    Jitter alone keeps the order (as a queue in the network does); reordering is asked for by its own two numbers.
    """

    loss: LossPattern = field(default_factory=NoLoss)
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Extra delay of each packet, uniform in 0..jitter_ms."""
    rate: tuple[RateStep, ...] = ()
    """Empty: unlimited. Before the first step's start the link is unlimited, too."""
    queue_bytes: int = _DEFAULT_QUEUE_BYTES
    """Bytes that wait for the rate; a packet that does not fit any more is lost (drop-tail)."""
    reorder_probability: float = 0.0
    reorder_ms: float = 0.0
    """A reordered packet comes this much later than its turn and lets others pass."""
    duplicate_probability: float = 0.0
    blackouts: tuple[Blackout, ...] = ()
    path: tuple[PathStep, ...] = ()
    """A recorded link, which has no `rate` beside it. Before the first step there is neither limit nor loss."""

    def __post_init__(self) -> None:
        _check_probability(self.reorder_probability, self.duplicate_probability)
        if min(self.delay_ms, self.jitter_ms, self.reorder_ms, self.queue_bytes) < 0:
            raise ValueError("delays and queues are not negative")
        if self.rate and self.path:
            raise ValueError("a link has rate steps or a path, not both")
        for starts in ([step.start_ms for step in self.rate], [step.start_ms for step in self.path]):
            if starts != sorted(starts):
                raise ValueError("rate steps come in the order of their start")
