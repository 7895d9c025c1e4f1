"""`python -m receiver watermark-detect FILE`: looks for the invisible mark in a film or a picture.

Must not import torch or the rest of the receiver. Invariant: exit status 0 means found, 1 not found, 2 that the file could not be
read, whatever the file is.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from receiver.watermark.detect import FALSE_ALARM_MAX, Detection, Detector
from shared.errors import UserError
from shared.limits import WATERMARK_PICTURES

EXIT_FOUND, EXIT_NOT_FOUND, EXIT_UNREADABLE = 0, 1, 2
_DESCRIPTION: Final = """\
Looks for facewire's invisible mark in a film or a picture, and says whether the picture was reconstructed by a network.

It finds the mark after compression, resizing, and a crop that leaves at least 78 % of each side; not after rotation,
mirroring, or inside a larger picture. Not found does not mean that a film is real: a mark can be removed on purpose.
"""
_EXAMPLES: Final = f"""\
examples:
  python -m receiver watermark-detect call.mp4
  python -m receiver watermark-detect call.mp4 --json

The statistic is the largest correlation with the mark, in standard deviations of films without it. The false alarm
probability is an upper bound for one unmarked file; found means at most {FALSE_ALARM_MAX:g}.
Exit status: 0 found, 1 not found, 2 the file cannot be read.
"""


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit status. Prints one line, or JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m receiver watermark-detect",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a film or picture that FFmpeg can read")
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    options = parser.parse_args(arguments)
    try:
        detection = detect_file(options.file)
    except UserError as error:
        print(f"watermark-detect: {error}", file=sys.stderr)
        return EXIT_UNREADABLE
    print(as_json(detection) if options.json else as_text(detection))
    return EXIT_FOUND if detection.found else EXIT_NOT_FOUND


def detect_file(path: Path) -> Detection:
    """The mark of the first WATERMARK_PICTURES pictures of a file. Raises UserError when it has no readable picture."""
    detector = Detector()
    try:
        for picture in _pictures(path):
            detector.add(picture)
            if detector.pictures == WATERMARK_PICTURES:
                break
    except (OSError, ValueError) as error:  # av.FFmpegError is one or the other, or both
        if detector.pictures == 0:
            raise UserError(f"Cannot read {path} ({error}). Name a film or a picture.") from error
    if detector.pictures == 0:
        raise UserError(f"{path} holds no picture. Name a film or a picture.")
    return detector.decide()


def as_text(detection: Detection) -> str:
    """The result as one sentence for people."""
    numbers = (
        f"statistic {detection.statistic:.1f}, false alarm probability at most {detection.false_alarm:.1e}, "
        f"{detection.pictures} pictures"
    )
    if not detection.found:
        return f"not found: no facewire watermark ({numbers})"
    width, height = detection.visible_px
    return f"found: facewire, {detection.code.value} ({numbers}, shows {width}x{height} of 256x256)"


def as_json(detection: Detection) -> str:
    """The result for programs."""
    content = {
        "found": detection.found,
        "says": detection.code.value if detection.found else None,
        "statistic": round(detection.statistic, 2),
        "false_alarm": detection.false_alarm,
        "visible_px": list(detection.visible_px) if detection.found else None,
        "pictures": detection.pictures,
    }
    return json.dumps(content)


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    with av.open(str(path)) as file:
        if not file.streams.video:
            return
        for frame in file.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
