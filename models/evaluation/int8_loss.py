"""What the int8 render graph loses against the fp32 one it was made from, on the same frames.

    python -m models.evaluation.int8_loss --clips DIR --out FILE.json [--size lite|nano|full] [--backend openvino|onnx]

Both arms render the same decoded keyframe, motion and voice and are measured against the original, on every n-th frame. Exit
status 0 when both marks are kept (at most MAX_PSNR_LOSS_DB and MAX_VGG_LOSS in the mean over clips), 1 when not, 2 for wrong
arguments or unreadable weights.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments.measures.clip import Tools, compare_many, load_tools
from experiments.measures.vgg import load_vgg
from models.evaluation.__main__ import chosen_clips
from models.evaluation.offline_call import OfflineSender
from models.evaluation.offline_receiver import rebuild
from models.evaluation.results import mean_of, rounded, write_json
from models.runtime.base import Backend, ModelInfo
from models.runtime.choose import resolve
from models.training.cache import read_frames
from models.training.clips import Clip
from models.training.voice import read_pcm
from models.weights import open_verified, read_manifest, sha256_of
from shared.errors import UserError
from shared.provenance import commit, machine

MAX_PSNR_LOSS_DB = 0.3
MAX_VGG_LOSS = 0.03
"""Of the fp32 vgg distance. Both marks are the issue's."""
ARMS = ("fp32", "int8")
FILES = {"fp32": "render.onnx", "int8": "render.int8.onnx"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluation.int8_loss", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="val", choices=("val", "train"))
    parser.add_argument("--size", default="lite")
    parser.add_argument("--backend", default="auto", choices=("auto", "openvino", "onnx"))
    parser.add_argument("--every", type=int, default=5)
    options = parser.parse_args(arguments)
    if options.every < 1:
        parser.error("--every counts frames: 1 or more")
    try:
        return _run(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    backends = open_pair(resolve(options.backend), options.size)
    tools, sender = load_tools(load_vgg(None)), OfflineSender()
    clips: list[dict[str, Any]] = []
    for clip in chosen_clips(options.clips, options.split):
        try:
            clips.append(compare_clip(clip, sender, backends, tools, options.every))
        except UserError as error:
            clips.append({"clip": clip.name, "error": str(error)})
        print(clips[-1]["clip"], clips[-1].get("error") or clips[-1]["loss"], flush=True)
    good = [row for row in clips if "error" not in row]
    if not good:
        raise UserError(f"No clip in {options.clips} could be measured: {clips[0]['error']}")
    verdict = judge(mean_of(good))
    write_json(options.out, {
        "size": options.size, "backend": backends["fp32"].name, "every": options.every,
        "sha256": {arm: backends[arm].model.sha256 for arm in ARMS},
        "machine": machine(), "commit": commit(), **verdict, "clips": clips,
    })  # fmt: skip
    print(verdict)
    return 0 if verdict["kept"] else 1


def open_pair(engine: str, size: str) -> dict[str, Backend]:
    """The backends of fp32 and int8 by arm, one thread. Raises UserError when a size has not both."""
    listed = read_manifest()
    names = [f"{size}/encode_reference.onnx", *(f"{size}/{file}" for file in FILES.values())]
    if missing := [name for name in names if name not in listed]:
        raise UserError(
            f"The weights {', '.join(missing)} are not there: export this size with --cache, which makes the int8 copy."
        )
    encode = open_verified(names[0])
    return {
        arm: _open(engine, encode, open_verified(f"{size}/{FILES[arm]}"), f"{size}-{arm}") for arm in ARMS
    }


def _open(engine: str, encode: Path, render: Path, name: str) -> Backend:
    model = ModelInfo(f"facewire-{name}", sha256_of(render))
    if engine == "openvino":
        from models.runtime.openvino_backend import open_openvino

        return open_openvino(encode, render, model, 1)
    from models.runtime.onnx_backend import open_onnx

    return open_onnx(encode, render, model, 1)


def compare_clip(
    clip: Clip, sender: OfflineSender, backends: dict[str, Backend], tools: Tools, every: int
) -> dict[str, Any]:
    """One clip's row: the measures of both arms and what int8 loses. Raises UserError when it cannot be coded."""
    frames = list(read_frames(clip.path))
    coded = sender.code(frames, read_pcm(clip.path) if clip.speech else np.zeros(0, np.int16))
    arms = {arm: rebuild(coded, backend, len(frames)) for arm, backend in backends.items()}
    quality = compare_many(frames, arms, tools, every)
    measured = {arm: rounded(quality[arm].means) for arm in ARMS}
    return {"clip": clip.name, **measured, "loss": loss(measured)}


def loss(measured: dict[str, dict[str, float | None]]) -> dict[str, float | None]:
    """What int8 loses: psnr_db (positive: worse) and vgg as a share of fp32's, None without the measure."""
    exact, small = measured["fp32"], measured["int8"]
    vgg = None
    if exact.get("vgg") and small.get("vgg") is not None:
        vgg = round(small["vgg"] / exact["vgg"] - 1, 4)
    return {"psnr_db": round(exact["psnr_y_db"] - small["psnr_y_db"], 4), "vgg": vgg}


def judge(mean: dict[str, Any]) -> dict[str, Any]:
    """The means, their loss and whether both marks are kept; a vgg that could not be measured keeps none."""
    lost = loss(mean)
    kept_vgg = lost["vgg"] is not None and lost["vgg"] <= MAX_VGG_LOSS
    marks = {
        "psnr_db": {"most": MAX_PSNR_LOSS_DB, "kept": lost["psnr_db"] <= MAX_PSNR_LOSS_DB},
        "vgg": {"most": MAX_VGG_LOSS, "kept": kept_vgg},
    }
    return {"mean": {arm: mean[arm] for arm in ARMS}, "loss": lost, "marks": marks,
            "kept": all(mark["kept"] for mark in marks.values())}  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
