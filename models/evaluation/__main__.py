"""Evaluates the codec on a folder of clips, beside a frozen frame, the untrained mesh warp and SVT-AV1.

    python -m models.evaluation --clips DIR --out FILE.json [--size lite|nano|full] [--backend openvino|onnx|torch]
                                [--checkpoint FILE.pt | --weights DIR] [--rung voice|motion|thumbnail] [--thumbnail-kbps 5]
                                [--references N] [--every 5] [--rivals 4,8,12 | --no-rivals] [--rivals-cache DIR]
    python -m models.evaluation --rivals-only --rivals-cache DIR --clips DIR

Every clip's arms are measured on the same frames. A clip that cannot be evaluated is named with its reason, and the run goes on.
On the voice rung `held_mouth` is the same picture without the voice. Finding AV1 at its best takes most of the time and depends
on no network of ours, so that it can be done before, in a folder.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from experiments.measures.clip import Tools, compare_many, load_tools
from experiments.measures.vgg import load_vgg
from experiments.rivals.cache import RivalCache, Rivals
from models.evaluation.networks import open_networks
from models.evaluation.offline_call import OfflineSender, Plan
from models.evaluation.offline_receiver import rebuild
from models.evaluation.results import NOT_SETTINGS, line, resumed, rounded, write_result
from models.runtime.choose import choose_backend
from models.training.cache import read_frames
from models.training.clips import Clip, find_clips
from models.training.voice import read_pcm
from models.weights import use_weights
from shared.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments, 3 when clips were left out."""
    options = _parse(arguments)
    try:
        if options.weights:
            use_weights(options.weights)
        clips = chosen_clips(options.clips, options.split)
        left_out = fill_rivals(options, clips) if options.rivals_only else Evaluation(options).run(clips)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 3 if left_out else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models.evaluation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--clips", type=Path, required=True, help="folder of clips, with or without clips.csv")
    add("--out", type=Path, help="JSON file of results; an existing one is resumed")
    add(
        "--split",
        default="val",
        choices=("val", "train"),
        help="whose clips, where clips.csv says (default val)",
    )
    add("--size", default="lite", help="lite, nano or full (default lite)")
    add("--backend", default="auto", help="auto, openvino, onnx, or torch for a checkpoint")
    add("--checkpoint", type=Path, help="of the training, for --backend torch")
    add(
        "--weights",
        type=Path,
        help="folder of `models.export --out`, whose weights go before the shipped ones",
    )
    add("--threads", type=int, default=1)
    add("--rung", default="motion", choices=("voice", "motion", "thumbnail"), help="what is sent")
    add("--references", type=int, default=1, help="most keyframes in the gallery, 1 to 4 (default 1)")
    add(
        "--keyframes-by-value",
        action="store_true",
        help="more keyframes where what is rebuilt went wrong, as a sender in a call makes them",
    )
    add(
        "--fuse",
        action="store_true",
        help="render from all references at once, place by place (--backend torch; no receiver does it)",
    )
    add("--thumbnail-kbps", type=float, default=5.0, help="of the thumbnail rung (default 5)")
    add("--every", type=int, default=5, help="measure every n-th frame (default 5)")
    add("--keyframe-bytes", type=int, default=2000)
    add("--rivals", default="4,8,12", help="payload rates of SVT-AV1 in kbit/s")
    add("--no-rivals", action="store_true", help="leave AV1 out: it takes most of the time")
    add("--rivals-cache", type=Path, help="folder that keeps what AV1 reached, for the next evaluation")
    add("--rivals-only", action="store_true", help="only fill --rivals-cache; needs no network of ours")
    add("--muted", action="store_true", help="render without the voice branch")
    options = parser.parse_args(arguments)
    if options.rivals_only and (options.rivals_cache is None or options.no_rivals):
        parser.error("--rivals-only fills a cache: name it with --rivals-cache, without --no-rivals")
    if not options.rivals_only and options.out is None:
        parser.error("name the results' file with --out")
    if options.every < 1:
        parser.error("--every counts frames: 1 or more")
    return options


def chosen_clips(folder: Path, split: str) -> list[Clip]:
    """Return a folder's clips: those of one split where it has a clips.csv, else all. Raises UserError for none."""
    clips = find_clips(folder)
    if not (folder / "clips.csv").is_file():
        return clips
    return [clip for clip in clips if clip.split == split]


def open_rivals(options: argparse.Namespace, tools: Tools) -> Rivals:
    """Return what finds the AV1 arms of the options. Raises UserError for rates that are none."""
    try:
        rates = [] if options.no_rivals else [float(rate) for rate in options.rivals.split(",")]
    except ValueError as error:
        raise UserError(f"--rivals is a list of rates such as 4,8,12, not {options.rivals!r}.") from error
    cache = RivalCache(options.rivals_cache) if options.rivals_cache else None
    return Rivals(rates, options.every, tools, cache)


def fill_rivals(options: argparse.Namespace, clips: list[Clip]) -> int:
    """Find the AV1 arms of every clip that the cache does not know; returns how many clips could not be read."""
    rivals, failed = open_rivals(options, load_tools(load_vgg(None, threads=options.threads))), 0
    for position, clip in enumerate(clips):
        try:
            found = rivals.of(clip.path, list(read_frames(clip.path)))
            said = " | ".join(f"{arm} {result.av1['size_px']} px {result.av1['payload_kbps']:.2f} kbit/s "
                              f"{result.measures['psnr_y_db']:.1f} dB" for arm, result in found.items())  # fmt: skip
        except UserError as error:
            failed, said = failed + 1, str(error)
        print(f"{position + 1}/{len(clips)} {clip.name}: {said}", flush=True)
    return failed


class Evaluation:
    """Networks, measures and results of one run; results are written after every clip."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._plan = Plan(options.rung, options.keyframe_bytes, options.references, options.thumbnail_kbps,
                          options.keyframes_by_value)  # fmt: skip
        self._networks = open_networks(
            options.backend, options.size, options.threads, options.checkpoint, fused=options.fuse
        )
        self._sender = OfflineSender(self._networks.coder)
        self._warp = choose_backend("mesh-warp", options.size, options.threads)
        self._tools: Tools = load_tools(load_vgg(None, threads=options.threads))
        self._rivals = open_rivals(options, self._tools)
        self._model = asdict(self._networks.backend.model)
        self._settings = {
            name: str(value)
            for name, value in vars(options).items()
            if name not in NOT_SETTINGS and value is not None
        }
        self._clips = resumed(options.out, self._model, self._settings)

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
            print(f"{position + 1}/{len(clips)} {line(self._clips[-1])}", flush=True)
        self._write()
        return failed

    def evaluate(self, clip: Clip) -> dict[str, Any]:
        """Return one clip's row. Raises UserError when it cannot be read or has no face."""
        frames = list(read_frames(clip.path))
        pcm = read_pcm(clip.path) if clip.speech else np.zeros(0, np.int16)
        coded = self._sender.code(frames, pcm, self._plan)
        networks, muted = self._networks, self._options.muted
        backend, ears = networks.gallery() if networks.gallery else networks.backend, networks.ears
        arms = {"rebuilt": rebuild(coded, backend, len(frames), muted=muted, ears=ears)}
        if coded.rung == "voice":
            arms["held_mouth"] = rebuild(coded, backend, len(frames), muted=True)
        arms["frozen"] = [frames[0]] * len(frames)
        arms["mesh_warp"] = rebuild(coded, self._warp, len(frames), muted=muted, ears=ears)
        quality = compare_many(frames, arms, self._tools, self._options.every)
        row: dict[str, Any] = {"clip": clip.name, "person": clip.person, "references": len(coded.keyframes),
                               "payload_kbps": coded.payload_kbps()}  # fmt: skip
        row |= {name: rounded(result.means) for name, result in quality.items()}
        rivals = self._rivals.of(clip.path, frames)
        return row | {arm: found.measures | {"payload_kbps": round(found.av1["payload_kbps"], 2)}
                      for arm, found in rivals.items()}  # fmt: skip

    def _write(self) -> None:
        write_result(self._options.out, self._model, self._settings, self._clips)


if __name__ == "__main__":
    raise SystemExit(main())
