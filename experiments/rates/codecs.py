"""The rivals: which encoder each arm uses, with which settings, and why an arm may be absent on a machine.

Must import PyAV, `shared.errors` and this package only. Invariant: an arm without a suffix uses settings that give every picture
out as soon as it went in (but VVC's, for which no such encoder is to be had); `_offline` may look ahead and take its time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import av

from experiments.rates import ffmpeg
from experiments.rates.settings import OURS
from shared.errors import UserError

ANCHOR: Final = "av1"
"""What BD-rates and wins are stated against."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How pictures are made smaller before they are coded. step: every step-th of the 25 pictures a second."""

    size_px: int
    step: int

    @property
    def fps(self) -> float:
        """Pictures a second."""
        return 25 / self.step


ALL_SHAPES: Final = (Shape(256, 1), Shape(256, 2), Shape(128, 1), Shape(128, 2), Shape(128, 4))
FEW_SHAPES: Final = (Shape(256, 1), Shape(128, 2))
"""For encoders that take seconds a clip."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One rival. options: the encoder's, for a quality. finest, coarsest, step: its scale of qualities, larger is coarser.

    program: what runs the encoder. container: the raw stream that FFmpeg writes. may_stand_still: see `sender.standstill`.
    """

    encoder: str
    decoder: str
    about: str
    options: Callable[[float], Mapping[str, str]]
    finest: float
    coarsest: float
    step: float
    program: Literal["pyav", "ffmpeg"] = "pyav"
    pixels: str = "yuv420p"
    container: str = ""
    shapes: tuple[Shape, ...] = ALL_SHAPES
    may_stand_still: bool = False


def _svt(preset: int, low_delay: bool) -> Callable[[float], Mapping[str, str]]:
    # CRF through svtav1-params: FFmpeg's own option takes whole numbers up to 63 only.
    structure = "pred-struct=1:" if low_delay else ""
    return lambda q: {"preset": str(preset), "svtav1-params": f"{structure}lp=1:rc=0:crf={q:g}"}


def _vpx(**more: str) -> Callable[[float], Mapping[str, str]]:
    return lambda q: {"crf": f"{q:g}", "b": "0", **more}


def _x26(preset: str, **more: str) -> Callable[[float], Mapping[str, str]]:
    return lambda q: {"crf": f"{q:g}", "preset": preset, **more}


_QUIET: Final = {"x265-params": "log-level=none:pools=none:frame-threads=1"}

CODECS: Final[Mapping[str, Codec]] = {
    "av1": Codec("libsvtav1", "libdav1d", "SVT-AV1, preset 6, low delay", _svt(6, True), 10, 70, 0.25,
                 may_stand_still=True),
    "vp9": Codec("libvpx-vp9", "vp9", "libvpx VP9, realtime, cpu-used 5",
                 _vpx(**{"deadline": "realtime", "cpu-used": "5", "lag-in-frames": "0"}), 10, 63, 1),
    "h264": Codec("libx264", "h264", "x264, medium, zerolatency", _x26("medium", tune="zerolatency"), 10, 51, 0.25),
    "h265": Codec("libx265", "hevc", "x265, medium, zerolatency", _x26("medium", tune="zerolatency", **_QUIET),
                  10, 51, 0.25),
    "vvc": Codec("libvvenc", "vvc", "VVenC, preset faster, random access (it has no low delay)",
                 lambda q: {"preset": "faster", "qp": f"{q:g}", "period": "1000"}, 20, 63, 1, "ffmpeg", "yuv420p10le",
                 "vvc", FEW_SHAPES),
    "av1_offline": Codec("libsvtav1", "libdav1d", "SVT-AV1, preset 3, random access", _svt(3, False), 10, 70, 0.25),
    "aom_offline": Codec("libaom-av1", "libdav1d", "libaom AV1, good, cpu-used 4",
                         lambda q: {"crf": f"{q:g}", "b:v": "0", "cpu-used": "4"}, 10, 63, 1, "ffmpeg", "yuv420p", "obu",
                         FEW_SHAPES),
    "vp9_offline": Codec("libvpx-vp9", "vp9", "libvpx VP9, good, cpu-used 1, 25 pictures ahead",
                         _vpx(**{"deadline": "good", "cpu-used": "1", "lag-in-frames": "25", "auto-alt-ref": "1"}),
                         10, 63, 1),
    "h264_offline": Codec("libx264", "h264", "x264, veryslow", _x26("veryslow"), 10, 51, 0.25),
    "h265_offline": Codec("libx265", "hevc", "x265, slower", _x26("slower", **_QUIET), 10, 51, 0.25),
    "vvc_offline": Codec("libvvenc", "vvc", "VVenC, preset fast, random access",
                         lambda q: {"preset": "fast", "qp": f"{q:g}", "period": "1000"}, 20, 63, 1, "ffmpeg",
                         "yuv420p10le", "vvc", FEW_SHAPES),
}  # fmt: skip
"""Arms by name."""
ARMS: Final = (OURS, *CODECS)


def check_arms(names: list[str]) -> None:
    """Raises UserError for an arm that there is not."""
    for name in names:
        if name not in ARMS:
            raise UserError(f"There is no arm {name!r}. Choose from: {', '.join(ARMS)}.")


def why_absent(codec: Codec) -> str:
    """Why an arm cannot run on this machine, "" when it can."""
    if codec.program == "ffmpeg":
        return ffmpeg.why_absent(codec.encoder)
    return "" if _opens(codec.encoder) else f"PyAV has no encoder {codec.encoder}"


def _opens(encoder: str) -> bool:
    # av.codec.Codec finds names that then cannot be opened.
    try:
        av.VideoCodecContext.create(encoder, "w")
    except (av.FFmpegError, ValueError):
        return False
    return True
