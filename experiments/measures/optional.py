"""LPIPS, DISTS, CSIM and LSE from ONNX graphs that the user has exported: none of them is shipped, fetched or imitated.

    --measure lpips=FILE.onnx@SHA256 --parse_measure--> Wanted --load_optional--> OptionalMeasures

    lpips, dists, csim   inputs `original`, `rebuilt`: float32 (1, 3, 256, 256), RGB, -1..1; one output, one number
    lse                  inputs `pictures`: float32 (1, 5, 3, 256, 256), five pictures at 25 a second, and `voice`: float32
                         (1, 3200), the 0.2 s at 16 kHz under them, -1..1; outputs `picture_features`, `voice_features` (1, D)

Sources: LPIPS, Zhang et al. 2018; DISTS, Ding et al. 2020; CSIM, the cosine of two ArcFace embeddings (Deng et al. 2019); LSE-D
and LSE-C, Prajwal et al. 2020, on features of SyncNet (Chung and Zisserman 2016). What such a graph holds before and after its
network (crop of the mouth, MFCC, cosine) is the user's: numbers stand beside a paper's only when the graph is that paper's.

Must import numpy, OpenCV, onnx, ONNX Runtime, `shared.errors` and this package only. Invariant: the bytes that run are the bytes
whose SHA-256 was given; a graph that calls identical pictures different is refused; what is absent is None and has its reason.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from experiments.measures.clip import mean_or_none
from experiments.measures.picture import Picture
from experiments.measures.voice import MEASURE_RATE_HZ, Pcm, to_measure_rate
from shared.errors import UserError

PAIRS: Final = ("lpips", "dists", "csim")
LSE: Final = "lse"
NAMES: Final = (*PAIRS, LSE)
RESULTS: Final[Mapping[str, tuple[str, ...]]] = {**{name: (name,) for name in PAIRS}, LSE: ("lse_d", "lse_c")}
"""What each of them writes into a cell."""
IDENTICAL: Final[Mapping[str, float]] = {"lpips": 0.0, "dists": 0.0, "csim": 1.0}
"""What a graph must say of two identical pictures, within IDENTICAL_WITHIN."""
IDENTICAL_WITHIN: Final = 1e-3
SIDE_PX: Final = 256
WINDOW: Final = 5
"""Pictures that SyncNet looks at together."""
LSE_FPS: Final = 25
SHIFT_MAX: Final = 15
"""Pictures by which lips and voice are moved against each other; the window of the published evaluation."""
GRAPH_MAX_BYTES: Final = 1 << 30
"""The largest of the published networks (VGG16 in LPIPS) has under 60 MB; ONNX itself ends at 2 GiB."""
_WANTED: Final = re.compile(r"(?P<name>\w+)=(?P<path>.+)@(?P<sha256>[0-9a-fA-F]{64})", re.DOTALL)

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A measure and the file of its graph. sha256: hex, lower case."""

    name: str
    path: Path
    sha256: str


def parse_measure(text: str) -> Wanted:
    """NAME=FILE.onnx@SHA256. Raises UserError for anything else."""
    found = _WANTED.fullmatch(text)
    if found is None or found["name"] not in NAMES:
        raise UserError(
            f"--measure {text!r} is not NAME=FILE.onnx@SHA256 with a name of {', '.join(NAMES)} and 64 hex digits "
            "(`sha256sum FILE.onnx` prints them)."
        )
    return Wanted(found["name"], Path(found["path"]), found["sha256"].lower())


def load_optional(wanted: Sequence[Wanted], threads: int = 1) -> "OptionalMeasures":
    """Loads and checks every graph. UserError for a file that is absent, other than promised, or no such measure."""
    if len({each.name for each in wanted}) < len(wanted):
        raise UserError("--measure names a measure twice; give one file for each.")
    return OptionalMeasures({each.name: (each, _load(each, threads)) for each in wanted})


class OptionalMeasures:
    """The measures for which weights were given. One thread at a time."""

    def __init__(self, graphs: Mapping[str, tuple[Wanted, Any]]) -> None:
        self._pairs = {name: graphs[name][1] for name in PAIRS if name in graphs}
        self._lips = graphs[LSE][1] if LSE in graphs else None
        self.sha256: Mapping[str, str] = {name: graph[0].sha256 for name, graph in graphs.items()}
        """Of each graph, by name: a result depends on it."""

    @property
    def missing(self) -> dict[str, str]:
        """Why a result is absent, by its name in a cell."""
        return {
            result: f"no weights were given: export them to ONNX yourself and name them, --measure {name}=FILE.onnx@SHA256"
            for name in NAMES
            if name not in self.sha256
            for result in RESULTS[name]
        }

    def pictures(self, original: Sequence[Picture], rebuilt: Sequence[Picture]) -> dict[str, float | None]:
        """Means over pairs of uint8 RGB pictures (H, W, 3), scaled to 256x256; pairs of which a graph makes NaN are left out.

        ValueError for sequences of different lengths.
        """
        scores: dict[str, list[float]] = {name: [] for name in self._pairs}
        for a, b in zip(original, rebuilt, strict=True):
            feed = {"original": _planes(a)[np.newaxis], "rebuilt": _planes(b)[np.newaxis]}
            for name, graph in self._pairs.items():
                scores[name].append(_number(graph.run(None, feed)))
        return {name: mean_or_none(np.array(values, np.float64)) for name, values in scores.items()}

    def lips(
        self, rebuilt: Sequence[Picture], fps: float, voice: Pcm, rate_hz: int
    ) -> dict[str, float | None]:
        """lse_d and lse_c of what is shown and heard together; voice: int16 mono.

        None for less than SHIFT_MAX + WINDOW pictures at 25 a second; empty without the graph.
        """
        if self._lips is None:
            return {}
        features = [
            self._lips.run(["picture_features", "voice_features"], feed)
            for feed in _windows(rebuilt, fps, voice, rate_hz)
        ]
        if len(features) <= SHIFT_MAX:
            return dict.fromkeys(RESULTS[LSE])
        seen, heard = (np.array([np.ravel(pair[i]) for pair in features], np.float64) for i in (0, 1))
        distances = shifted_distances(seen, heard)
        nearest = float(distances.min())
        return {"lse_d": nearest, "lse_c": float(np.median(distances)) - nearest}


def shifted_distances(seen: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean distance of features (N, D) of lips and voice for each shift of -SHIFT_MAX..SHIFT_MAX: float64 (31,).

    Windows that have no partner at a shift are left out; the published program compares them with zeros.
    """
    count = len(seen)
    means = []
    for shift in range(-SHIFT_MAX, SHIFT_MAX + 1):
        lips = seen[max(0, -shift) : count - max(0, shift)]
        voice = heard[max(0, shift) : count - max(0, -shift)]
        means.append(float(np.linalg.norm(lips - voice, axis=1).mean()))
    return np.array(means, np.float64)


def _windows(rebuilt: Sequence[Picture], fps: float, voice: Pcm, rate_hz: int) -> Iterable[dict[str, Float]]:
    """Five pictures at a time, one further each time, and the voice under them."""
    heard = to_measure_rate(voice, rate_hz) if len(voice) else np.zeros(0, np.float32)
    per_picture = MEASURE_RATE_HZ // LSE_FPS
    seconds = min(len(rebuilt) / fps, len(heard) / MEASURE_RATE_HZ)
    count = int(seconds * LSE_FPS + 1e-6)
    places = [
        min(len(rebuilt) - 1, int(i * fps / LSE_FPS + 1e-6)) for i in range(count)
    ]  # what is on the screen then
    planes = [_planes(rebuilt[place]) for place in places]
    for first in range(count - WINDOW + 1):
        sound = heard[first * per_picture : (first + WINDOW) * per_picture]
        yield {"pictures": np.stack(planes[first : first + WINDOW])[np.newaxis], "voice": sound[np.newaxis]}


def _planes(picture: Picture) -> Float:
    """float32 (3, 256, 256) in -1..1."""
    if picture.shape[:2] != (SIDE_PX, SIDE_PX):
        how = cv2.INTER_AREA if min(picture.shape[:2]) > SIDE_PX else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=how), np.uint8)
    return np.ascontiguousarray((picture.astype(np.float32) / np.float32(127.5) - 1).transpose(2, 0, 1))


def _load(wanted: Wanted, threads: int) -> Any:
    data = _verified(wanted)
    try:
        if _holds_external(onnx.load_model_from_string(data)):
            raise ValueError(
                "its weights are in a second file, which the SHA-256 does not cover; save it as one file"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        graph = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        _check(wanted.name, graph)
        return graph
    except Exception as error:
        # protobuf and ONNX Runtime raise types of their own on what is no graph, or another one.
        raise UserError(
            f"{wanted.path} cannot be used as {wanted.name}: {str(error) or type(error).__name__}. "
            "`python -m experiments run --help` says what the graph takes and gives."
        ) from error


def _verified(wanted: Wanted) -> bytes:
    try:
        if wanted.path.stat().st_size > GRAPH_MAX_BYTES:
            raise UserError(
                f"{wanted.path} has more than {GRAPH_MAX_BYTES} bytes; no graph of {wanted.name} is as large."
            )
        data = wanted.path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The graph {wanted.path} cannot be read: {error.strerror}. Check --measure."
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != wanted.sha256:
        raise UserError(
            f"{wanted.path} is not the file that was promised: its SHA-256 is {digest}, --measure says {wanted.sha256}. "
            "Check where it came from before you change the number."
        )
    return data


def _check(name: str, graph: Any) -> None:
    """Raises ValueError for a graph with other inputs or outputs, or one that does not know identical pictures."""
    given = {each.name: (each.type, len(each.shape)) for each in graph.get_inputs()}
    wanted = {"original": 4, "rebuilt": 4} if name in PAIRS else {"pictures": 5, "voice": 2}
    if given != {each: ("tensor(float)", rank) for each, rank in wanted.items()}:
        raise ValueError(f"its inputs are {given}, not float32 {' and '.join(wanted)}")
    if name == LSE:
        outputs = {each.name for each in graph.get_outputs()}
        if not outputs >= {"picture_features", "voice_features"}:
            raise ValueError(f"its outputs are {sorted(outputs)}, not picture_features and voice_features")
        return
    noise = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)
    planes = _planes(noise)[np.newaxis]
    found = _number(graph.run(None, {"original": planes, "rebuilt": planes}))
    if not abs(found - IDENTICAL[name]) <= IDENTICAL_WITHIN:
        raise ValueError(f"it gives {found:.4g} for two identical pictures, {name} gives {IDENTICAL[name]:g}")


def _number(outputs: Sequence[Any]) -> float:
    if len(outputs) != 1 or np.size(outputs[0]) != 1:
        raise ValueError(f"it gives {[np.shape(output) for output in outputs]}, one number was expected")
    return float(np.ravel(outputs[0])[0])


def _holds_external(model: Any) -> bool:
    """Whether any tensor of a model, in graphs inside graphs and in functions too, lies in another file."""
    tensors, graphs = list[Any](), [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs:
        graph = graphs.pop()
        tensors += [
            *graph.initializer,
            *(part for s in graph.sparse_initializer for part in (s.values, s.indices)),
        ]
        nodes += graph.node
        while nodes:
            for attribute in nodes.pop().attribute:
                tensors += [attribute.t, *attribute.tensors]
                graphs += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
    return any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors)
