"""Runs all targets in turn until the time is up, keeps what broke one.

Invariant: a failure names the seed and the round that bring it back, and, where bytes broke a parser, holds them.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import RemoteError
from tests.fuzz.machines import Machines
from tests.fuzz.mutate import mutated
from tests.fuzz.parsers import Parser, parsers

PARSES_A_ROUND = 200
STEPS_A_ROUND = 250


@dataclass(frozen=True, slots=True)
class Failure:
    """What broke. data: the bytes that did; None: a state machine, whose round must be run again."""

    target: str
    seed: int
    error: str
    data: bytes | None = None


@dataclass(slots=True)
class Tally:
    """What was done so far. inputs, refused: by target."""

    rounds: int = 0
    inputs: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def count(self, target: str, inputs: int, refused: int) -> None:
        """Add what one round of a target did."""
        self.inputs[target] = self.inputs.get(target, 0) + inputs
        self.refused[target] = self.refused.get(target, 0) + refused


def run(
    seconds: float, seed: int, told: Callable[[Tally], None] = lambda tally: None, only: str | None = None,
    known: dict[str, Parser] | None = None,
) -> Tally:  # fmt: skip
    """Rounds with seeds `seed`, `seed` + 1, ... until the time is up, at least one. known: parsers, for tests of this."""
    until_s = time.monotonic() + seconds
    tally, targets = Tally(), known or parsers()
    while not tally.rounds or time.monotonic() < until_s:
        one_round(seed + tally.rounds, targets, tally, only)
        tally.rounds += 1
        told(tally)
    return tally


def one_round(seed: int, targets: dict[str, Parser], tally: Tally, only: str | None = None) -> None:
    """Every target once, or one of them."""
    for name, (seeds, parse) in targets.items():
        if only in (None, name):
            _parse(name, random.Random(f"{seed} {name}"), seeds, parse, seed, tally)
    if only in (None, "machines"):
        _converse(seed, tally)


def _parse(
    name: str, rng: random.Random, seeds: list[bytes], parse: Callable[[bytes], None], seed: int, tally: Tally
) -> None:
    refused = 0
    for _ in range(PARSES_A_ROUND):
        data = mutated(rng, seeds)
        try:
            parse(data)
        except RemoteError:
            refused += 1
        except Exception as error:
            tally.failures.append(Failure(name, seed, f"{type(error).__name__}: {error}", data))
    tally.count(name, PARSES_A_ROUND, refused)


def _converse(seed: int, tally: Tally) -> None:
    machines = Machines(random.Random(f"{seed} machines"))
    try:
        for _ in range(STEPS_A_ROUND):
            machines.step()
    except Exception as error:
        tally.failures.append(Failure("machines", seed, f"{type(error).__name__}: {error}"))
    tally.count("machines", machines.refused + machines.taken, machines.refused)
