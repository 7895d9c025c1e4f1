"""SVT-AV1 as a rival at its best: low delay, at a given rate, whatever size and frame rate look best there.

Must import PyAV, numpy, OpenCV and `experiments.measures` only. Invariant: the rate reported is what the
encoder's packets really weigh, the first intra frame included; nothing is cached between calls. For a rate,
each of 256, 128 and 96 px at 25 and 12.5 fps is brought to it by a search over CRF (quarter steps), decoded,
enlarged (bicubic; at 12.5 fps a picture is held for two frames), and the best by `vgg` wins, or by SSIM when
the VGG weights are absent.
"""

import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, cast

import av
import cv2
import numpy as np

from experiments.measures.picture import Picture, ssim_y
from experiments.measures.vgg import Vgg
from sender.standstill import StoodStill, within
from shared.errors import UserError
from shared.thread_priority import ordinary_priority

FPS: Final = 25
SIZES_PX: Final = (256, 128, 96)
FRAME_STEPS: Final = (1, 2)
"""Every frame (25 fps) or every second one (12.5 fps)."""
PRESET: Final = 6
"""Encodes 256x256 in real time on one core."""
CRF_BEST: Final = 10.0
CRF_WORST: Final = 70.0
"""SVT-AV1 3 and later; above 63 the steps grow, which only reaches lower rates."""
CRF_STEP: Final = 0.25
SEARCH_ENCODES: Final = 5
"""Encodes per size and frame rate; with five the rate lands within a few per cent."""
RATE_CLOSE: Final = 0.02
"""The search ends when the rate is this close to the target."""
RATE_TOLERANCE: Final = 0.05
"""A rate further off than this is flagged as not reached."""
LOG_RATE_PER_CRF: Final = -0.06
"""First guess of the slope of ln(rate) over CRF; later guesses interpolate between measured rates."""
ENCODE_TRIES: Final = 3
ENCODE_START_S, ENCODE_PICTURE_S = 20.0, 0.2
"""How long an encoding may take, ten times what it takes on a slow machine."""
SCORED_FRAMES: Final = 6
"""Frames on which the candidates are compared."""
DATA_PACKET_OVERHEAD_BYTES: Final = 85
"""IPv4 and UDP 28 + DTLS 29 + SCTP 28 per message on a data channel: the rival travels as cheaply as we do."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Coded:
    """One encode. frames: decoded RGB uint8, as many and as large as the original. crf: 10..70."""

    size_px: int
    fps: float
    crf: float
    payload_kbps: float
    frames: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class RivalClip:
    """The winner. target_kbps: what was asked for. reached: whether the real rate is within RATE_TOLERANCE of
    it.

    score: of the chosen measure on SCORED_FRAMES frames. tried: (size_px, fps, real kbps, score) of every
    candidate.
    """

    coded: Coded
    target_kbps: float
    reached: bool
    score: float
    measure: Literal["vgg", "ssim_y"]
    tried: tuple[tuple[int, float, float, float], ...]


def rival_payload_kbps(wire_kbps: float, voice_kbps: float, packets_per_s: float) -> float:
    """What a rival may spend on pictures when its whole wire rate is wire_kbps.

    It carries the same voice in the same number of packets, each with the overhead of a data-channel message,
    and shares them with the voice; everything else is pictures. That favours the rival: over RTP, voice and
    pictures would be two streams of packets. Never below 0.
    """
    headers_kbps = packets_per_s * DATA_PACKET_OVERHEAD_BYTES * 8 / 1000
    return max(0.0, wire_kbps - voice_kbps - headers_kbps)


def encode_at_rate(
    frames: Sequence[Picture], target_kbps: float, vgg: Vgg | None, progress: Progress | None = None
) -> RivalClip:
    """The best AV1 clip at target_kbps payload. frames: RGB uint8 squares at 25 fps; ValueError when there
    are none.

    When no size reaches so low a rate, the lowest there is comes back with reached False. About 25 s for ten
    seconds of video on one core.
    """
    if not frames:
        raise ValueError("no frames to encode")
    os.environ.setdefault("SVT_LOG", "1")  # the encoder prints its settings to stderr otherwise
    shapes = [(size, step) for size in SIZES_PX for step in FRAME_STEPS if size <= frames[0].shape[0]]
    streams = []
    for done, (size, step) in enumerate(shapes):
        streams.append(_search(_Scaled(frames, size, step), target_kbps))
        if progress:
            progress((done + 1) / (len(shapes) + 1))
    near = [s for s in streams if _off(s, target_kbps) <= RATE_TOLERANCE]
    eligible = near or [min(streams, key=lambda s: _off(s, target_kbps))]
    scores = [_score(frames, stream, vgg) for stream in eligible]
    best = (min if vgg else max)(range(len(eligible)), key=lambda i: scores[i])
    tried = tuple(
        (s.size_px, s.fps, s.payload_kbps, score) for s, score in zip(eligible, scores, strict=True)
    )
    if progress:
        progress(1.0)
    winner = _show(eligible[best], len(frames), frames[0].shape[0])
    return RivalClip(winner, target_kbps, bool(near), scores[best], "vgg" if vgg else "ssim_y", tried)


def encode(frames: Sequence[Picture], size_px: int, step: int, crf: float) -> Coded:
    """One low-delay encode of every step-th frame at size_px, decoded again and as large as the original."""
    return _show(_compress(_Scaled(frames, size_px, step), crf), len(frames), frames[0].shape[0])


class _Scaled:
    """Every step-th frame at size_px, ready for the encoder: made once per search."""

    def __init__(self, frames: Sequence[Picture], size_px: int, step: int) -> None:
        self.size_px, self.step, self.seconds = size_px, step, len(frames) / FPS
        self.pictures = [
            av.VideoFrame.from_ndarray(_resize(frame, size_px), format="rgb24").reformat(format="yuv420p")
            for frame in frames[::step]
        ]


@dataclass(frozen=True, slots=True)
class _Stream:
    """One encode, not decoded: a search holds several of ten seconds or more, and pictures are large."""

    size_px: int
    step: int
    crf: float
    payload_kbps: float
    packets: tuple[bytes, ...]

    @property
    def fps(self) -> float:
        return FPS / self.step


def _search(scaled: _Scaled, target_kbps: float) -> _Stream:
    """Closest rate to the target: interpolate ln(rate) over CRF, at most SEARCH_ENCODES encodes."""
    done: dict[float, _Stream] = {}
    crf = 63.0
    for _ in range(SEARCH_ENCODES):
        done[crf] = _compress(scaled, crf)
        if _off(done[crf], target_kbps) <= RATE_CLOSE:
            break
        crf = _next_crf(done, target_kbps)
        if crf in done:
            break
    return min(done.values(), key=lambda stream: _off(stream, target_kbps))


def _next_crf(done: dict[float, _Stream], target_kbps: float) -> float:
    """Where the target should lie, from the nearest rates on both sides, or from one and an assumed slope."""
    wanted = math.log(max(target_kbps, 0.01))
    points = sorted((crf, math.log(stream.payload_kbps)) for crf, stream in done.items())
    above = [p for p in points if p[1] > wanted]
    below = [p for p in points if p[1] <= wanted]
    if above and below:
        (x0, y0), (x1, y1) = max(above), min(below)
        guess = x0 + (wanted - y0) * (x1 - x0) / (y1 - y0) if y1 != y0 else (x0 + x1) / 2
        low, high = sorted((x0, x1))
        guess = min(max(guess, low + CRF_STEP), high - CRF_STEP)
    else:
        x0, y0 = max(points) if above else min(points)
        # A little too far, to get the target between two rates.
        guess = x0 + 1.2 * (wanted - y0) / LOG_RATE_PER_CRF
    return min(CRF_WORST, max(CRF_BEST, round(guess / CRF_STEP) * CRF_STEP))


def _off(stream: _Stream, target_kbps: float) -> float:
    return abs(stream.payload_kbps / max(target_kbps, 1e-6) - 1)


def _score(frames: Sequence[Picture], stream: _Stream, vgg: Vgg | None) -> float:
    """Mean vgg (lower is better), or mean SSIM (higher is better), over SCORED_FRAMES frames."""
    chosen = np.linspace(0, len(frames) - 1, min(SCORED_FRAMES, len(frames))).round().astype(int).tolist()
    shown = _show(stream, len(frames), frames[0].shape[0]).frames
    measure = vgg.distance if vgg else ssim_y
    return float(np.mean([measure(frames[i], shown[i]) for i in chosen]))


def _show(stream: _Stream, count: int, side_px: int) -> Coded:
    """Decode, enlarge, and hold each picture until the next one."""
    pictures = [_resize(picture, side_px) for picture in _decompress(stream.packets)]
    shown = tuple(pictures[min(i // stream.step, len(pictures) - 1)] for i in range(count))
    return Coded(stream.size_px, stream.fps, stream.crf, stream.payload_kbps, shown)


def _resize(picture: Picture, size_px: int) -> Picture:
    if picture.shape[0] == size_px:
        return picture
    how = cv2.INTER_AREA if picture.shape[0] > size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=how), np.uint8)


def _compress(scaled: _Scaled, crf: float) -> _Stream:
    """As `_encode`, and begun anew when the encoder stands still (`sender.standstill`). Raises UserError when it always does."""
    limit_s = ENCODE_START_S + ENCODE_PICTURE_S * len(scaled.pictures)
    for _ in range(ENCODE_TRIES):
        with suppress(StoodStill):
            return within(lambda: _encode(scaled, crf), limit_s)
    raise UserError(
        f"SVT-AV1 stood still {ENCODE_TRIES} times in {limit_s:.0f} s. Run it again, with fewer other programs."
    )


def _encode(scaled: _Scaled, crf: float) -> _Stream:
    """Low-delay AV1 packets (temporal units), one intra frame at the start."""
    rate = Fraction(FPS, scaled.step)
    encoder = av.VideoCodecContext.create("libsvtav1", "w")
    encoder.width = encoder.height = scaled.size_px
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = rate, 1 / rate
    encoder.gop_size = len(scaled.pictures) + 1
    # CRF through svtav1-params: FFmpeg's own option takes whole numbers up to 63 only.
    encoder.options = {"preset": str(PRESET), "svtav1-params": f"pred-struct=1:lp=1:rc=0:crf={crf}"}
    with ordinary_priority():
        encoder.open()
    packets: list[bytes] = []
    for i, picture in enumerate(scaled.pictures):
        picture.pts, picture.time_base = i, encoder.time_base
        packets += [bytes(packet) for packet in encoder.encode(picture)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    kbps = sum(map(len, packets)) * 8 / 1000 / scaled.seconds
    return _Stream(scaled.size_px, scaled.step, crf, kbps, tuple(packets))


def _decompress(packets: Sequence[bytes]) -> list[Picture]:
    decoder = cast(av.VideoCodecContext, av.CodecContext.create("libdav1d", "r"))
    decoder.thread_count = 1
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]
    frames += decoder.decode(None)
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]
