"""Evaluates the codec on a folder of clips, beside a frozen frame, the untrained mesh warp and SVT-AV1.

    python -m models.evaluation --clips DIR --out FILE.json [--size lite|nano] [--backend openvino|onnx]
                                [--every 5] [--rivals 4,8,12 | --no-rivals]

Every clip's arms are measured on the same frames. A clip that cannot be evaluated is named with its reason, and the run goes on.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from experiments.measures.clip import ClipMeans, Tools, compare_many, load_tools
from experiments.measures.vgg import load_vgg
from experiments.provenance import commit, machine
from experiments.rivals.av1 import encode_at_rate
from models.evaluation.offline_call import OfflineSender, rebuild
from models.training.cache import read_frames
from models.training.clips import Clip, find_clips
from models.training.voice import read_pcm
from receiver.backends.choose import choose_backend
from shared.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments, 3 when clips were left out."""
    options = _parse(arguments)
    try:
        evaluation = Evaluation(options)
        clips = find_clips(options.clips)
        if (options.clips / "clips.csv").is_file():
            clips = [clip for clip in clips if clip.split == options.split]
        left_out = evaluation.run(clips)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 3 if left_out else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models.evaluation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--clips", type=Path, required=True, help="folder of clips, with or without clips.csv")
    add("--out", type=Path, required=True, help="JSON file of results; an existing one is resumed")
    add(
        "--split",
        default="val",
        choices=("val", "train"),
        help="whose clips, where clips.csv says (default val)",
    )
    add("--size", default="lite", help="lite or nano")
    add("--backend", default="auto", help="auto, openvino or onnx")
    add("--threads", type=int, default=1)
    add("--every", type=int, default=5, help="measure every n-th frame (default 5)")
    add("--keyframe-bytes", type=int, default=2000)
    add("--rivals", default="4,8,12", help="payload rates of SVT-AV1 in kbit/s")
    add("--no-rivals", action="store_true", help="leave AV1 out: it takes most of the time")
    add("--muted", action="store_true", help="render without the voice branch")
    return parser.parse_args(arguments)


class Evaluation:
    """Networks, measures and results of one run; results are written after every clip."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._sender = OfflineSender()
        self._backend = choose_backend(options.backend, options.size, options.threads)
        self._warp = choose_backend("mesh-warp", options.size, options.threads)
        self._tools: Tools = load_tools(load_vgg(None, threads=options.threads))
        self._settings = {
            name: str(value) for name, value in vars(options).items() if name not in ("clips", "out")
        }
        self._clips = _resumed(options.out, asdict(self._backend.model), self._settings)

    def run(self, clips: list[Clip]) -> int:
        """Evaluate what is not in the results yet; returns how many clips could not be."""
        failed = 0
        for position, clip in enumerate(clips):
            known = next((row for row in self._clips if row["clip"] == clip.name), None)
            if known is not None:
                failed += "error" in known
                continue
            try:
                self._clips.append(self.evaluate(clip))
            except UserError as error:
                failed += 1
                self._clips.append({"clip": clip.name, "error": str(error)})
            self._write()
            print(f"{position + 1}/{len(clips)} {_line(self._clips[-1])}", flush=True)
        self._write()
        return failed

    def evaluate(self, clip: Clip) -> dict[str, Any]:
        """Return one clip's row. Raises UserError when it cannot be read or has no face."""
        frames = list(read_frames(clip.path))
        pcm = read_pcm(clip.path) if clip.speech else np.zeros(0, np.int16)
        coded = self._sender.code(frames, pcm, self._options.keyframe_bytes)
        arms = {
            "rebuilt": rebuild(coded, self._backend, len(frames), muted=self._options.muted),
            "frozen": [frames[0]] * len(frames),
            "mesh_warp": rebuild(coded, self._warp, len(frames), muted=True),
        }
        rates: dict[str, float] = {}
        for rate in (
            [] if self._options.no_rivals else [float(rate) for rate in self._options.rivals.split(",")]
        ):
            rival = encode_at_rate(frames, rate, self._tools.vgg)
            arms[f"av1_{rate:g}"] = list(rival.coded.frames)
            rates[f"av1_{rate:g}"] = round(rival.coded.payload_kbps, 2)
        quality = compare_many(frames, arms, self._tools, self._options.every)
        row: dict[str, Any] = {"clip": clip.name, "person": clip.person, "payload_kbps": coded.payload_kbps()}
        return row | {name: _rounded(result.means) | _rate(rates, name) for name, result in quality.items()}

    def _write(self) -> None:
        good = [row for row in self._clips if "error" not in row]
        result = {
            "model": asdict(self._backend.model),
            "settings": self._settings,
            "machine": machine(), "commit": commit(), "mean": mean_of(good), "clips": self._clips,
        }  # fmt: skip
        self._options.out.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._options.out.with_suffix(".part")
        temporary.write_text(json.dumps(result, indent=1) + "\n")
        temporary.replace(self._options.out)


def _resumed(path: Path, model: dict[str, str], settings: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of an earlier run. Raises UserError when they cannot be read or are of other weights or settings."""
    if not path.exists():
        return []
    try:
        before = json.loads(path.read_text())
        same = before["model"] == model and _comparable(before["settings"]) == _comparable(settings)
        rows = list(before["clips"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be continued ({type(error).__name__}: {error}). Name another --out."
        ) from error
    if not same:
        raise UserError(
            f"{path} holds results of other weights or other settings. Name another --out, or remove it."
        )
    return rows


def _comparable(settings: dict[str, str]) -> dict[str, str]:
    """Return the settings that results depend on."""
    return {name: value for name, value in settings.items() if name not in ("threads", "backend")}


def _rounded(means: ClipMeans) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in asdict(means).items()}


def _rate(rates: dict[str, float], name: str) -> dict[str, float]:
    return {"payload_kbps": rates[name]} if name in rates else {}


def mean_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over clips of every number of every arm."""
    means: dict[str, Any] = {}
    arms = [name for name, value in (rows[0] if rows else {}).items() if isinstance(value, dict)]
    for arm in arms:
        names = rows[0][arm]
        columns = {
            name: [row[arm][name] for row in rows if row.get(arm, {}).get(name) is not None] for name in names
        }
        means[arm] = {name: round(float(np.mean(values)), 4) for name, values in columns.items() if values}
    return means


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['clip']}: {row['error']}"
    parts = [f"{arm} {row[arm]['psnr_y_db']:.1f} dB vgg {row[arm]['vgg'] or 0:.3f} lm {row[arm]['landmark_px'] or 0:.2f}"
             for arm in ("rebuilt", "mesh_warp", "frozen")]  # fmt: skip
    return f"{row['clip']} | " + " | ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
