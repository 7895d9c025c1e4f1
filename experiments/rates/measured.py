"""Everything that is measured of one cell: pictures against the clip's own, the voice against the spoken one.

    Material --once a clip--> Measurer --pictures of a cell--> {measure: number, or None where it could not be taken}

Must import numpy, `experiments.measures`, `shared` and what runs FFmpeg (for VMAF) only. Invariant: all cells of a clip are
measured on the same frames; a tool that is absent gives None and its reason (`tools_here`), never a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.measures.clip import ClipQuality, OriginalFrame, Tools, load_tools, summarise
from experiments.measures.face import FaceMeasure
from experiments.measures.optional import OptionalMeasures, load_optional, parse_measure
from experiments.measures.vgg import DEFAULT_WEIGHTS, load_vgg
from experiments.measures.voice import compare_voice
from experiments.rates import ffmpeg
from shared.errors import UserError
from shared.frames import VoicePacket
from shared.opus import SAMPLE_RATE_HZ, OpusDecoder

ALWAYS: Final = (
    "psnr_y_db", "ssim_y", "ms_ssim", "landmark_px", "mouth_px", "eye_px", "flicker", "temporal_error", "sharp_ratio",
)  # fmt: skip
"""What needs nothing beside facewire."""
OF_CALLS: Final = ("latency_p50_ms", "latency_p95_ms", "av_skew_p95_ms", "freezes")
VGG_PICTURES: Final = 16
"""On how many pictures vgg is taken: 0.3 s and 29 MB of features each."""
OPUS_DELAY_SAMPLES: Final = 312
"""libopus' look-ahead at 48 kHz: decoded sound lags its packets by so much."""
FPS: Final = 25.0
SETTLED_FRAMES: Final = 25
"""Where packets go through a link, pictures of the first second are not measured, of any arm, so that calls whose first
picture came earlier or later are measured on the same ones."""
DIGITS: Final = 4

Picture = NDArray[np.uint8]
Measures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class ToolsHere:
    """names: measures that can be taken here. missing: why the others cannot."""

    names: tuple[str, ...]
    missing: Mapping[str, str]


def tools_here(optional: Sequence[str], real_time: bool) -> ToolsHere:
    """What this machine can measure. optional: --measure. UserError for one of those that cannot be used."""
    missing = dict(load_optional([parse_measure(text) for text in optional]).missing)
    if not DEFAULT_WEIGHTS.is_file():
        missing["vgg"] = (
            f"its weights ({DEFAULT_WEIGHTS.name}) are not beside the repository; docs/EXPERIMENTS.md says which"
        )
    if reason := ffmpeg.why_no_vmaf():
        missing["vmaf"] = reason
    for name, package in (("pesq", "pesq"), ("stoi", "pystoi")):
        if find_spec(package) is None:
            missing[name] = f"the package {package} is not installed (pip install {package})"
    if not real_time:
        missing |= dict.fromkeys(
            OF_CALLS, "of real calls only: give --real-time, and only our arm makes them"
        )
    every = (*ALWAYS, "vgg", "vmaf", "pesq", "stoi", *OF_CALLS, "lpips", "dists", "csim", "lse_d", "lse_c")
    return ToolsHere(tuple(name for name in every if name not in missing), missing)


@dataclass(frozen=True, slots=True)
class MeasureTools:
    """Opened once for many clips. vmaf: whether there is a program for it."""

    tools: Tools
    optional: OptionalMeasures
    vmaf: bool


def open_tools(optional: Sequence[str]) -> MeasureTools:
    """Raises UserError for weights that are damaged."""
    wanted = [parse_measure(text) for text in optional]
    return MeasureTools(load_tools(load_vgg(None)), load_optional(wanted), not ffmpeg.why_no_vmaf())


def settled(count: int) -> int:
    """The first picture that is measured of a clip of `count` pictures where there is a link, in runs and in sweeps alike."""
    return min(SETTLED_FRAMES, count // 2)


class Measurer:
    """One clip; what its originals need is computed once for all its cells."""

    def __init__(self, frames: Sequence[Picture], tools: MeasureTools, every: int, begin: int = 0) -> None:
        """frames: the clip's. Each every-th is measured, from `begin` on, but never the first one, which is the keyframe."""
        self._frames, self._tools, self._begin = frames, tools, begin
        self._index = np.arange(max(begin, min(1, len(frames) - 1)), len(frames), every, dtype=np.int64)
        vgg_every = -(-len(self._index) // VGG_PICTURES)
        follow = FaceMeasure(tools.tools.faces) if tools.tools.faces else None
        self._originals = [
            OriginalFrame(frames[i], follow, tools.tools.vgg if place % vgg_every == 0 else None)
            for place, i in enumerate(self._index.tolist())
        ]
        self._planes: bytes | None = None

    def pictures(self, rebuilt: Sequence[Picture], first: int = 0) -> Measures:
        """Means over the frames from `first` on, and from where this clip is measured at all. ValueError for another number of
        pictures than the clip has."""
        first = max(first, self._begin)
        if len(rebuilt) != len(self._frames):
            raise ValueError(f"{len(rebuilt)} pictures were rebuilt of {len(self._frames)}")
        quality = self._compared(rebuilt, first)
        found = {name: _rounded(value) for name, value in asdict(quality.means).items()}
        chosen = [i for i in self._index.tolist() if i >= first] or [len(rebuilt) - 1]
        more = self._tools.optional.pictures([self._frames[i] for i in chosen], [rebuilt[i] for i in chosen])
        return (
            found
            | {"vmaf": self._vmaf(rebuilt, first)}
            | {name: _rounded(value) for name, value in more.items()}
        )

    def voice(self, spoken: NDArray[np.int16], heard: NDArray[np.int16], delay_samples: int) -> Measures:
        """pesq and stoi of int16 mono voices at 48 kHz; None of both for a voice that cannot be judged."""
        if not len(spoken):
            return {"pesq": None, "stoi": None}
        quality = compare_voice(spoken, heard, SAMPLE_RATE_HZ, delay_samples)
        return {"pesq": _rounded(quality.pesq), "stoi": _rounded(quality.stoi)}

    @property
    def wants_lips(self) -> bool:
        """Whether `lips` gives anything."""
        return "lse" in self._tools.optional.sha256

    def lips(self, rebuilt: Sequence[Picture], heard: NDArray[np.int16]) -> Measures:
        """Of pictures and voice together, where weights for it were given."""
        return {
            name: _rounded(value)
            for name, value in self._tools.optional.lips(rebuilt, FPS, heard, SAMPLE_RATE_HZ).items()
        }

    def _compared(self, rebuilt: Sequence[Picture], first: int) -> ClipQuality:
        rows = [
            original.measure(rebuilt[i])
            for i, original in zip(self._index.tolist(), self._originals, strict=True)
            if i >= first
        ]
        index = self._index[self._index >= first]
        if not rows:  # the only picture that came is the last one
            raise UserError("No picture came in time to be measured. Give a longer clip or a better link.")
        return summarise(index, rows, self._frames[first:], rebuilt[first:])

    def _vmaf(self, rebuilt: Sequence[Picture], first: int) -> float | None:
        if not self._tools.vmaf:
            return None
        side_px = self._frames[0].shape[0]
        if self._planes is None:
            self._planes = ffmpeg.planes(self._frames)
        begin = first * len(self._planes) // len(self._frames)
        return _rounded(ffmpeg.vmaf(self._planes[begin:], ffmpeg.planes(rebuilt[first:]), side_px))


def decoded_voice(packets: Sequence[VoicePacket]) -> NDArray[np.int16]:
    """What is heard when every packet arrives: int16 mono 48 kHz, OPUS_DELAY_SAMPLES late."""
    decoder = OpusDecoder()
    try:
        parts = [decoder.decode(packet.data) for packet in packets]
    finally:
        decoder.close()
    return np.concatenate([np.zeros(0, np.int16), *parts])


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), DIGITS)
