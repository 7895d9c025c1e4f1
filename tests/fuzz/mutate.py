"""Honest bytes made wrong: bits flipped, parts lost, said twice, swapped with another message's, numbers at their ends.

Invariant: the same generator and the same seeds give the same bytes.
"""

import random
from collections.abc import Sequence

EXTREMES = (b"\x00", b"\xff", b"\x7f\xff", b"\xff\xff", b"\x80\x00\x00", b"\xff\xff\xff\xff")


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds` after one to four changes; now and then bytes of no origin at all."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(64))
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        rng.choice((_flip, _cut, _insert, _double, _extreme, _splice))(rng, data, seeds)
    return bytes(data)


def _flip(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    if data:
        at = rng.randrange(len(data))
        del data[at : at + rng.choice((1, 2, 4, len(data)))]


def _insert(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 2, 16, 300)))


def _double(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = data[at : at + rng.randint(1, 32)]


def _extreme(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    value = rng.choice(EXTREMES)
    at = rng.randint(0, max(0, len(data) - len(value)))
    data[at : at + len(value)] = value


def _splice(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    other, at = rng.choice(seeds), rng.randint(0, len(data))
    data[at:] = other[rng.randint(0, len(other)) :]
