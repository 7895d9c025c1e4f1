"""One rival on one clip at one rate: the shape and quality that take it, and what is then shown.

    Encodings --probes--> shape --search--> Stream at the rate --> Met

Must import this package and `experiments.measures` only. Invariant: a rate is that of `Counting`, which the caller chooses: the
wire of an ordinary call, or the payload alone; one that is not within RATE_TOLERANCE of the wanted one is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from experiments.measures.picture import ssim_y
from experiments.rates.codecs import Shape
from experiments.rates.encodings import Encodings, Picture, Stream
from experiments.rates.ordinary_call import ordinary_wire, payload_kbps
from experiments.rates.search import (
    RATE_TOLERANCE,
    Probe,
    Probes,
    best_shape,
    find_quality,
    off,
    probe_qualities,
)
from experiments.rates.wire import Wire

SCORED_PICTURES: Final = 6
"""On which shapes are compared."""


class Counting(Protocol):
    """From the bytes of each coded picture to what it takes."""

    def __call__(self, picture_bytes: Sequence[int]) -> Wire:
        """The rates both ways."""
        ...


@dataclass(frozen=True, slots=True)
class Met:
    """kbps: the rate as it was counted. reached: whether it is within RATE_TOLERANCE of what was asked."""

    stream: Stream
    kbps: float
    reached: bool


def on_the_wire(voice_bytes: Sequence[int], seconds: float) -> Counting:
    """Everything counted, both ways, with this voice beside the pictures."""
    return lambda picture_bytes: ordinary_wire(picture_bytes, voice_bytes, seconds)


def payload_only(seconds: float) -> Counting:
    """The coded pictures alone, as codecs' tables have it: nothing goes back."""
    return lambda picture_bytes: Wire(payload_kbps(picture_bytes, seconds), 0.0)


class Rival:
    """One codec on one clip; what it probes serves all rates."""

    def __init__(self, encodings: Encodings, frames: Sequence[Picture], counting: Counting) -> None:
        """frames: those that `encodings` codes."""
        self._encodings, self._frames, self._counting = encodings, frames, counting
        self._probes: tuple[Probes, ...] = ()

    def meet(self, target_kbps: float) -> Met:
        """What looks best at a rate, or comes nearest to one that cannot be reached. UserError when the encoder fails."""
        if not self._probes:
            side_px = self._frames[0].shape[0]
            shapes = [shape for shape in self._encodings.codec.shapes if shape.size_px <= side_px]
            self._probes = tuple(map(self._probed, shapes))
        best = best_shape(self._probes, target_kbps)
        quality = find_quality(
            self._encodings.codec, best, target_kbps, lambda q: self.kbps(self._encodings.at(best.shape, q))
        )
        stream = self._encodings.at(best.shape, quality)
        kbps = self.kbps(stream)
        return Met(stream, kbps, off(kbps, target_kbps) <= RATE_TOLERANCE)

    def kbps(self, stream: Stream) -> float:
        """A stream's rate, both ways together."""
        return self.wire(stream).kbps

    def wire(self, stream: Stream) -> Wire:
        """What a stream takes, as it is counted."""
        return self._counting(picture_bytes(stream, len(self._frames)))

    def _probed(self, shape: Shape) -> Probes:
        coarse, fine = (self._probe(shape, quality) for quality in probe_qualities(self._encodings.codec))
        return Probes(shape, coarse, fine)

    def _probe(self, shape: Shape, quality: float) -> Probe:
        stream = self._encodings.at(shape, quality)
        return Probe(quality, self.kbps(stream), self._score(self._encodings.shown(stream)))

    def _score(self, shown: Sequence[Picture]) -> float:
        count = len(self._frames)
        chosen = np.linspace(0, count - 1, min(SCORED_PICTURES, count)).round().astype(int).tolist()
        return float(np.mean([ssim_y(self._frames[i], shown[i]) for i in chosen]))


def picture_bytes(stream: Stream, frames: int) -> list[int]:
    """Of each coded picture; a stream that is known as a whole only counts as pictures of one size."""
    if len(stream.packets) != 1:
        return [len(packet) for packet in stream.packets]
    pictures = -(-frames // stream.shape.step)
    whole, more = divmod(len(stream.packets[0]), pictures)
    return [whole + (i < more) for i in range(pictures)]
