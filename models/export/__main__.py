"""Exports a checkpoint: ONNX fp32, checked against torch, int8 calibrated on training people, and the manifest.

    python -m models.export --checkpoint FILE.pt [--cache DIR] [--detector] [--out models/weights]

`--detector` also replaces analyser and voice branch: that is a new bitstream, and other receivers no longer understand it.
Without `--cache` no int8 copies are made, and those of the weights before are removed. Every graph is made and checked before the
first file is replaced, so an interrupted export leaves what was there.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from models.export.calibration import Feeds, analyser_feeds, calibration_feeds
from models.export.manifest import write_manifest
from models.export.onnx_files import export_graph, shared_graphs, size_graphs
from models.export.quantise import quantise
from models.networks.codec import Codec
from models.training.checkpoint import load_checkpoint, load_codec
from models.training.dataset import open_cache
from models.weights import INT8, WEIGHTS_DIR, int8_name
from shared.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="made by `python -m models.training`")
    parser.add_argument("--cache", type=Path, help="training cache, for the int8 calibration")
    parser.add_argument(
        "--detector", action="store_true", help="replace analyser and voice branch too (new bitstream)"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--run", default="", help="one line for the manifest: how the checkpoint was made")
    parser.add_argument("--update-manifest", action="store_true", help="only write the manifest anew")
    options = parser.parse_args(arguments)
    try:
        if not options.update_manifest:
            _export(options)
        print(f"manifest: {write_manifest(_runs(options), options.out)}")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _export(options: argparse.Namespace) -> None:
    if options.checkpoint is None:
        raise UserError("Say which checkpoint to export: --checkpoint OUT/checkpoint.pt")
    codec = load_codec(options.checkpoint)
    if parts := load_checkpoint(options.checkpoint)["settings"].get("without"):
        raise UserError(
            f"{options.checkpoint} was trained without {', '.join(parts)}, for an ablation: it is no codec to call with."
        )
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(dir=options.out, prefix="export-") as folder:
            made = _make(codec, options, Path(folder))
            for name in made:
                (options.out / name).parent.mkdir(exist_ok=True)
                (Path(folder) / name).replace(options.out / name)
    except OSError as error:
        raise UserError(
            f"The export could not be written to {options.out} ({error}). Free some disk space."
        ) from error
    whole = [name for name in made if not name.endswith(INT8)]
    for small in {int8_name(name) for name in whole} - set(made):
        # A copy of the weights before would be preferred to what was just exported.
        (options.out / small).unlink(missing_ok=True)


def _make(codec: Codec, options: argparse.Namespace, folder: Path) -> list[str]:
    """Write and check every graph below `folder`; returns their names."""
    graphs = size_graphs(codec) | (shared_graphs(codec) if options.detector else {})
    for name, graph in graphs.items():
        print(f"{name}: differs from torch by {export_graph(graph, folder / name):.1e}")
    if not options.cache:
        return list(graphs)
    clips = open_cache(options.cache)
    calibrated: dict[str, list[Feeds]] = {
        f"{codec.renderer.size.name}/render.onnx": calibration_feeds(codec, clips)
    }
    if options.detector:
        calibrated["analyser/analyser.onnx"] = analyser_feeds(clips)
    for name, feeds in calibrated.items():
        quantise(folder / name, folder / int8_name(name), feeds)
        print(f"{int8_name(name)}: calibrated on {len(feeds)} samples")
    return [*graphs, *map(int8_name, calibrated)]


def _runs(options: argparse.Namespace) -> dict[str, str]:
    if options.checkpoint is None or not options.run:
        return {}
    size = load_codec(options.checkpoint).renderer.size.name
    return {group: options.run for group in ((size, "analyser", "voice") if options.detector else (size,))}


if __name__ == "__main__":
    raise SystemExit(main())
