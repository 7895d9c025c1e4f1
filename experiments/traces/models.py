"""Seeded models of links, each from published parameters: what a trace is when nobody recorded one.

They are synthetic and "-like": shaped after what the sources say of such links, not recordings of any. Where a source gives a
range or nothing at all, the number here is a choice, named as such in the docstring. All are one direction, one user's share.

Must import the standard library and `experiments.traces` only. Invariant: a name and a seed always give the same bytes.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from experiments.traces.trace import Trace
from shared.transport.impairments import PathStep

LENGTH_MS: Final = 40_000
STEP_MS: Final = 200
WIFI_STEP_MS: Final = 100
CALM_MS: Final = 3000
"""A trace does not begin with a stop: calls are set up before."""


@dataclass(frozen=True, slots=True)
class Model:
    """about: one sentence for lists and files. sources: what its numbers come from. make: seed to steps."""

    about: str
    sources: str
    make: Callable[[int], Iterator[PathStep]]
    queue_bytes: int
    length_ms: int = LENGTH_MS


def make_trace(name: str, seed: int = 1) -> Trace:
    """A trace of one of MODELS (KeyError otherwise)."""
    model = MODELS[name]
    steps = tuple(model.make(seed))
    merged = (steps[0], *(later for earlier, later in pairwise(steps) if not _same(earlier, later)))
    about = f"{model.about} Synthetic, seed {seed}; made by python -m experiments.traces"
    return Trace(name, about, merged, model.length_ms, model.queue_bytes)


def _same(one: PathStep, other: PathStep) -> bool:
    return (one.kbps, one.delay_ms, one.loss) == (other.kbps, other.delay_ms, other.loss)


def _step(start_ms: int, kbps: float, delay_ms: float, loss: float = 0.0) -> PathStep:
    """Rounded, so that the text says all of it."""
    return PathStep(start_ms, round(kbps, 1), float(round(delay_ms)), round(loss, 4))


def _wander(rng: random.Random, step_ms: int, memory_ms: float) -> Iterator[float]:
    """An Ornstein-Uhlenbeck process of mean 0 and variance 1 whose correlation falls to 1/e in memory_ms."""
    keep, level = math.exp(-step_ms / memory_ms), rng.gauss(0, 1)
    while True:
        yield level
        level = keep * level + math.sqrt(1 - keep * keep) * rng.gauss(0, 1)


# --- 2G ---------------------------------------------------------------------------------------------------------------

CODING_KBPS: Final = (9.05, 13.4, 15.6, 21.4)
"""CS-1 to CS-4 for one time slot (3GPP TS 43.064, section 6.5.5.1)."""


def gprs(seed: int) -> Iterator[PathStep]:
    """GPRS uplink, two time slots (multislot class 10, 3GPP TS 45.002 annex B).

    Link adaptation moves by one coding scheme a second at most. A voice call of the cell takes one slot now and then, a cell
    reselection stops everything for 1 to 2.5 s every 18 s in the mean, and packets wait meanwhile. RLC repeats what is lost
    (acknowledged mode, TS 44.060), so that loss turns into delay: 280 ms and an exponential part of 60 ms, in the range of
    the round trips of 600 ms and more that Chakravorty and Pratt saw (WWW performance over GPRS, MWCN 2002). Choices: the rates
    of change, the slot's share, the lengths.
    """
    rng = random.Random(f"{seed} gprs")
    scheme, slots, stopped_ms = 2, 2, 0
    for start_ms in range(0, LENGTH_MS, STEP_MS):
        if start_ms % 1000 == 0:
            scheme = min(3, max(0, scheme + rng.choice((-1, 0, 0, 1))))
            slots = 1 if rng.random() < (0.6 if slots == 1 else 0.1) else 2
        if stopped_ms <= 0 and rng.random() < STEP_MS / 18_000 and start_ms >= CALM_MS:
            stopped_ms = round(rng.uniform(1000, 2500))
        kbps = 0.0 if stopped_ms > 0 else slots * CODING_KBPS[scheme]
        stopped_ms -= STEP_MS
        yield _step(start_ms, kbps, 280 + rng.expovariate(1 / 60))


# --- satellite --------------------------------------------------------------------------------------------------------

DVB_S2: Final = (
    (-2.35, 0.490),
    (1.0, 0.989),
    (4.03, 1.487),
    (6.62, 1.981),
    (7.91, 2.228),
    (10.21, 2.967),
    (11.61, 3.300),
)
"""Es/N0 in dB that a mode needs, and its bits per symbol (ETSI EN 302 307-1, table 13: QPSK 1/4 to 16APSK 5/6)."""


def satellite(seed: int) -> Iterator[PathStep]:
    """A share of 20 kBd of a geostationary link with adaptive coding, in a shower that passes sixty times too fast.

    One way takes 260 ms (ITU-T G.114, annex A) and up to 60 ms until the terminal's turn comes. The logarithm of the rain's
    attenuation is an Ornstein-Uhlenbeck process (Maseng and Bakken, A stochastic dynamic model of rain attenuation, IEEE
    Trans. Communications, 1981; ITU-R P.1853 synthesises series so), whose time constant of some tens of minutes is shortened to
    30 s so that the trace holds a shower. Scintillation: 0.3 dB. The mode is the best that stands 1 dB above its threshold;
    below the last one nothing passes, and within 0.5 dB of a threshold one packet in fifty is lost. Choices: the share, clear
    sky at 12.5 dB, attenuation with a median of 2.5 dB and a spread of 1.1, and all margins.
    """
    rng = random.Random(f"{seed} satellite")
    rain, flicker = _wander(rng, STEP_MS, 30_000), _wander(rng, STEP_MS, 1000)
    for start_ms in range(0, LENGTH_MS, STEP_MS):
        decibel = 12.5 - 2.5 * math.exp(1.1 * next(rain)) + 0.3 * next(flicker)
        modes = [(needed, bits) for needed, bits in DVB_S2 if needed + 1 <= decibel]
        needed, bits = modes[-1] if modes else (-math.inf, 0.0)
        loss = 0.02 if decibel - needed - 1 < 0.5 else 0.0
        yield _step(start_ms, 20 * bits, 260 + rng.uniform(0, 60), loss)


# --- train ------------------------------------------------------------------------------------------------------------

CELLS_M: Final = 1000
SPEED_M_PER_S: Final = 44.0
"""160 km/h."""


def train(seed: int) -> Iterator[PathStep]:
    """LTE uplink of one of many in a fast train: cells 1 km apart, handovers, a tunnel.

    Path loss 37.6 log10 of the distance and throughput 0.4 B log2(1 + SINR) between -10 and 15 dB, 2 bit/s/Hz at most (3GPP TR
    36.942, 4.5.2 and A.1, uplink); each cell is shadowed by 8 dB, correlated over 50 m (Gudmundson, Correlation model for shadow
    fading in mobile radio systems, Electronics Letters, 1991). Another cell takes over when it is 3 dB stronger, which stops
    everything for 200 ms and loses a twentieth of the packets of the 200 ms after it. Choices: the share (a 200th of 10 MHz),
    half the load elsewhere, noise 15 dB below what a cell gives at 500 m, the tunnel (100 m of nothing, 400 to 1200 m on the
    way), delays (35 ms, an exponential part of 12 ms, 30 ms more below 0 dB).
    """
    rng = random.Random(f"{seed} train")
    shadows = {
        cell: _wander(random.Random(f"{seed} cell {cell}"), STEP_MS, 50 / SPEED_M_PER_S * 1000)
        for cell in range(-1, 4)
    }
    tunnel_m, begin_m, serving, handed_over = rng.uniform(400, 1200), rng.uniform(0, 200), 0, False
    for start_ms in range(0, LENGTH_MS, STEP_MS):
        at_m = SPEED_M_PER_S * start_ms / 1000
        powers = {
            cell: _power(begin_m + at_m - cell * CELLS_M, 8 * next(shadow))
            for cell, shadow in shadows.items()
        }
        strongest = max(powers, key=lambda cell: powers[cell])
        handover = powers[strongest] > 2 * powers[serving]
        serving = strongest if handover else serving
        others = sum(power for cell, power in powers.items() if cell != serving)
        sinr = powers[serving] / (10 ** (-15 / 10) + 0.5 * others)
        stopped = handover or 0 <= at_m - tunnel_m < 100 or sinr < 0.1
        bits = min(2.0, 0.4 * math.log2(1 + min(sinr, 10**1.5)))
        delay_ms = 35 + rng.expovariate(1 / 12) + 30 * (sinr < 1)
        yield _step(start_ms, 0.0 if stopped else 50 * bits, delay_ms, 0.05 * handed_over)
        handed_over = handover


def _power(distance_m: float, shadow_db: float) -> float:
    """What arrives of a cell, over what arrives at 500 m without a shadow."""
    return float(10 ** (shadow_db / 10) * (max(50.0, abs(distance_m)) / 500) ** -3.76)


# --- Wi-Fi ------------------------------------------------------------------------------------------------------------

SLOT_US, SIFS_US, DIFS_US, PREAMBLE_US = 9.0, 16.0, 34.0, 20.0
"""OFDM, 5 GHz (IEEE 802.11-2020, clause 17)."""
WINDOW, STAGES, RETRIES = 16, 6, 7
"""CWmin + 1, doublings up to CWmax 1023, and dot11ShortRetryLimit."""
OTHERS_BYTES, OTHERS_KBPS, OUR_BYTES = 1000, 24_000.0, 150


def wifi(seed: int) -> Iterator[PathStep]:
    """One station among 4 to 40 that always have something to send, and interference that no carrier sense sees.

    How often a station's turn comes and how often packets collide: Bianchi's fixed point (Performance analysis of the IEEE
    802.11 distributed coordination function, IEEE JSAC, 2000), which gives the rate of our packets of 150 bytes and, after eight
    tries, their loss. The number of stations is a birth and death process with a mean of 16. The delay is 8 ms and an exponential
    part with a mean of five turns: an access point's queue. Interference (hidden stations, ovens): a two-state chain, 300 ms
    every 4 s in the mean, in which a quarter of all packets is lost. Choices: numbers of stations, packet sizes and rate (1000
    bytes at 24 Mbit/s), the queue, the interference.
    """
    rng = random.Random(f"{seed} wifi")
    stations, disturbed = 16, False
    for start_ms in range(0, LENGTH_MS // 2, WIFI_STEP_MS):
        stations += (rng.random() < 0.4) - (rng.random() < 0.4 * stations / 16)
        stations = min(40, max(4, stations))
        disturbed = rng.random() < (1 - WIFI_STEP_MS / 300 if disturbed else WIFI_STEP_MS / 4000)
        collides, packets_per_s = contention(stations)
        delay_ms = 8 + rng.expovariate(packets_per_s / (5 * 1000))
        loss = collides ** (RETRIES + 1)
        yield _step(start_ms, packets_per_s * OUR_BYTES * 8 / 1000, delay_ms, loss + 0.25 * disturbed)


def contention(stations: int) -> tuple[float, float]:
    """(probability that a try collides, packets a second of one station) when all of 2 or more always have a packet."""
    low, high = 0.0, 1.0
    for _ in range(60):  # the probability of a collision falls short of what it causes until they meet
        collides = (low + high) / 2
        low, high = (
            (collides, high)
            if 1 - (1 - _attempts(collides)) ** (stations - 1) > collides
            else (low, collides)
        )
    attempts = _attempts(low)
    some = 1 - (1 - attempts) ** stations
    one = stations * attempts * (1 - attempts) ** (stations - 1)
    busy_us = PREAMBLE_US * 2 + (OTHERS_BYTES + 34 + 14) * 8000 / OTHERS_KBPS + SIFS_US + DIFS_US
    return low, one / ((1 - some) * SLOT_US + some * busy_us) / stations * 1_000_000


def _attempts(collides: float) -> float:
    """Bianchi's equation 7: how likely a station begins in a slot."""
    if abs(1 - 2 * collides) < 1e-9:
        collides += 1e-8
    left = 1 - 2 * collides
    return 2 * left / (left * (WINDOW + 1) + collides * WINDOW * (1 - (2 * collides) ** STAGES))


MODELS: Final = {
    "2g-like": Model(
        "GPRS with two uplink slots: 9 to 43 kbit/s, long delays, stops of seconds.",
        "3GPP TS 43.064, 45.002, 44.060; Chakravorty and Pratt, MWCN 2002", gprs, 12_000,
    ),
    "satellite-like": Model(
        "A geostationary link in the rain: 260 to 320 ms one way, 0 to 66 kbit/s.",
        "ITU-T G.114; ETSI EN 302 307-1; Maseng and Bakken 1981; ITU-R P.1853", satellite, 16_000,
    ),
    "train-like": Model(
        "LTE in a crowded train at 160 km/h: 3 to 100 kbit/s, handovers and a tunnel.",
        "3GPP TR 36.942; Gudmundson 1991", train, 16_000,
    ),
    "wifi-like": Model(
        "Wi-Fi among 4 to 40 busy stations: jitter and bursts of loss, rate enough.",
        "Bianchi, IEEE JSAC 2000; IEEE 802.11-2020", wifi, 32_000, LENGTH_MS // 2,
    ),
}  # fmt: skip
