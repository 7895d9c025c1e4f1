"""A still of the demo for the README: a few moments of `side_by_side.mp4`, one under the other.

    python -m experiments.demo.strip out/demo/side_by_side.mp4 docs/images/demo.png [--at 2 5 8.5]

Only for the project's own sample: nobody else's face belongs in a repository.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

LABEL_PX = 24


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.demo.strip", description=__doc__.split("\n")[0]
    )
    parser.add_argument("film", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--at", type=float, nargs="+", default=[2.0, 5.0, 8.5], help="seconds into the film")
    options = parser.parse_args(arguments)
    frames = frames_at(options.film, options.at)
    rows = [frames[0], *(frame[LABEL_PX:] for frame in frames[1:])]
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.picture), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    return 0


def frames_at(film: Path, seconds: Sequence[float]) -> list[NDArray[np.uint8]]:
    """The film's frames, RGB uint8, at or just after these times; the last one beyond its end."""
    wanted, found = sorted(seconds), list[NDArray[np.uint8]]()
    with av.open(str(film)) as container:
        frame = None
        for frame in container.decode(video=0):
            while len(found) < len(wanted) and frame.time is not None and frame.time >= wanted[len(found)]:
                found.append(_rgb(frame))
        if frame is not None:
            found += [_rgb(frame)] * (len(wanted) - len(found))
    return found


def _rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


if __name__ == "__main__":
    raise SystemExit(main())
