"""The motion bitstream in numbers: kbit/s and error against components, steps and frame rate.

    python -m experiments.motion_table --clips DIR --out FILE.json [--cache DIR] [--limit N]

No call is made. Every clip is tracked and analysed as a sender does it (or read from a training cache), coded against its
first frame, bundle by bundle through the real range coder, decoded again and compared. Prints a Markdown table.

    components   expression components that are sent; the others are zero and cost nothing
    step         quantiser steps of all 46 symbols over those that ship
    fps          motion frames sent a second; the receiver interpolates to 25 (`shared.coding.interpolate`)

Rates: bytes of the coded motion sections over the clips' time, in bundles of 2 frames; a bundle is predicted from the frame
that an acknowledgement can have confirmed by then (160 ms back at 25 fps, 240 ms at 12.5), the first ones from nothing. Tables:
those that ship; for other steps every rung is moved along the ladder by as much as the symbols' scale changes. Nothing is
fitted to the clips that are measured.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from experiments.motion_table_clips import ClipMotion, distance_px, motion_of_cached, motion_of_clip
from experiments.motion_table_coding import Setting, code_clip, tables_for
from experiments.motion_table_rows import TableRow, markdown
from experiments.network.plan import speaking_clips
from models.training.dataset import CachedClip, open_cache
from sender.motion_encoder import MotionEncoder
from shared.coding.motion_layout import EXPRESSION
from shared.coding.tables import load_tables
from shared.errors import UserError
from shared.provenance import commit, machine

COMPONENTS: Final = (8, 12, 16)
STEPS: Final = (0.7, 1.0, 1.4, 2.0)
STRIDES: Final = (1, 2)
FULL_FPS: Final = 25.0
EXIT_USER: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 for something the user can mend."""
    options = _parser().parse_args(arguments)
    try:
        clips = _clips(options.clips, options.cache, options.limit)
        settings = [Setting(k, step, stride) for stride in STRIDES for k in COMPONENTS for step in STEPS]
        console = Console(stderr=True)
        rows = [measure(setting, clips) for setting in track(settings, "coding", console=console)]
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(content_of(rows, clips), indent=1) + "\n")
    except (UserError, OSError) as error:
        print(f"motion_table: {error}", file=sys.stderr)
        return EXIT_USER
    print(markdown(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.motion_table", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips, or one with a clips.csv")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--cache", type=Path, help="training cache that may hold the clips already tracked")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N clips only")
    return parser


def _clips(folder: Path, cache: Path | None, limit: int | None) -> list[ClipMotion]:
    coder = MotionEncoder()
    cached = {clip.name: clip for clip in open_cache(cache)} if cache is not None else {}
    paths = speaking_clips(folder, limit)
    return [_clip(path, cached, coder) for path in track(paths, "analysing", console=Console(stderr=True))]


def _clip(path: Path, cached: dict[str, CachedClip], coder: MotionEncoder) -> ClipMotion:
    known = cached.get(path.stem)
    return motion_of_clip(path, coder) if known is None else motion_of_cached(known, coder)


def measure(setting: Setting, clips: Sequence[ClipMotion]) -> TableRow:
    """One row of the table."""
    tables = tables_for(setting) if (setting.components, setting.step) != (EXPRESSION, 1.0) else load_tables()
    coded = [code_clip(clip, setting, tables) for clip in clips]
    seconds, frames = sum(each.seconds for each in coded), sum(each.sent_frames for each in coded)
    bits = 8 * sum(each.sent_bytes for each in coded)
    tracked_px = float(np.concatenate([each.tracked_px for each in coded]).mean())
    return TableRow(
        components=setting.components,
        step=setting.step,
        fps=FULL_FPS / setting.stride,
        motion_kbps=round(bits / 1000 / seconds, 4),
        bits_per_frame=round(bits / frames, 2),
        error_px=round(float(np.concatenate([each.error_px for each in coded]).mean()), 4),
        tracked_px=round(tracked_px, 4),
        tracked_growth=round(tracked_px / unquantised_px(clips), 4),
        coder_ms=round(1000 * sum(each.coder_s for each in coded) / frames, 4),
    )


def unquantised_px(clips: Sequence[ClipMotion]) -> float:
    """Distance of the unquantised code's mesh to the tracked one: what 6 + 16 numbers cannot say."""
    return float(np.concatenate([distance_px(clip.free, clip.points) for clip in clips]).mean())


def content_of(rows: Sequence[TableRow], clips: Sequence[ClipMotion]) -> dict[str, Any]:
    """What the file holds."""
    return {
        "machine": machine(),
        "commit": commit(),
        "tables": load_tables().identity,
        "clips": [clip.name for clip in clips],
        "frames": sum(len(clip.points) for clip in clips),
        "unquantised_tracked_px": round(unquantised_px(clips), 4),
        "rows": [asdict(row) for row in rows],
    }


if __name__ == "__main__":
    sys.exit(main())
