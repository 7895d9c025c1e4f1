"""Makes the training cache: frames, face mesh, masks, wire keyframes and voice of each clip, computed once.

    python -m models.training.cache [--clips DIR] [--stills DIR] --out DIR [--tiers A,B] [--workers N]

One folder per clip: `frames.npy` uint8 (T, 256, 256, 3) RGB, `points.npy` float32 (T, 468, 2) in -1..1,
`masks.npy` uint8 (T, 64, 64), `keyframes.npz` (indices, pictures as decoded from the wire's AV1, bytes each),
`thumbnails.npy` uint8 (3, ceil(T / 2), 64, 64, 3) as a receiver decodes them at each of THUMBNAIL_KBPS, `voice.npy` float32
(T * 4, 40) log-mel of the decoded Opus voice, and `clip.json`.
A machine with neither PyAV nor onnxruntime can train from it.
Each file is written whole or not at all, so an interrupted run goes on where it stopped. Faceless or unreadable clips
are named and left out. Portraits (`--stills`) are clips of one frame under `OUT/stills/`.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.clips import Clip, find_clips, find_stills
from models.training.dataset import STILLS
from shared.errors import UserError

SIDE = 256
RATE = 25
LONGEST_HOLE = 25
"""Frames that a picture may be repeated for; a longer hole in a file is no held picture."""
MASK_STRIDE = 5
"""A mask every fifth frame: people do not move further than the mask is coarse in 200 ms."""
MAX_LOST_SHARE = 0.1
"""A clip whose face is lost in more than this share of its frames is left out."""
KEYFRAMES_PER_CLIP = 6
KEYFRAME_BYTES = (1000, 2000)
THUMBNAIL_KBPS = (2.5, 5.0, 10.0)
"""Rates of the thumbnails that training sees: at 3 kbit/s AV1 leaves a face where it was for several pictures."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 3 when clips were left out."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.cache", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--clips", type=Path, help="folder of clips (with or without a clips.csv)")
    parser.add_argument(
        "--stills", type=Path, help="folder of portraits, extra people for training (see stills_share)"
    )
    parser.add_argument("--out", type=Path, required=True, help="where the cache goes (about 20 MB a clip)")
    parser.add_argument(
        "--tiers", help="licence tiers of clips to use, such as A or A,B (needs a clips.csv); default all"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if options.clips is None and options.stills is None:
        parser.error("nothing to cache: give --clips, --stills or both")
    tiers = frozenset(options.tiers.split(",")) if options.tiers else None
    left_out = []
    try:
        if options.clips is not None:
            left_out += build_cache(find_clips(options.clips, tiers), options.out, options.workers)
        if options.stills is not None:
            left_out += build_cache(
                find_stills(options.stills), options.out / STILLS, options.workers, cache_still
            )
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for name, reason in left_out:
        print(f"left out {name}: {reason}")
    return 3 if left_out else 0


def build_cache(
    clips: list[Clip], out: Path, workers: int, make: Callable[[Clip, Path], None] | None = None
) -> list[tuple[str, str]]:
    """Cache every clip with `make` (`cache_clip` unless given); returns (name, reason) of those left out."""
    from rich.progress import track

    left_out: list[tuple[str, str]] = []
    with ProcessPoolExecutor(workers) as pool:
        jobs = {pool.submit(make or cache_clip, clip, out / clip.name): clip for clip in clips}
        for job in track(as_completed(jobs), "caching", total=len(jobs)):
            try:
                job.result()
            except UserError as error:
                left_out.append((jobs[job].name, str(error)))
    return sorted(left_out)


def cache_clip(clip: Clip, folder: Path) -> None:
    """Write one clip's cache. Raises UserError when the clip is unreadable or has no steady face."""
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "masks.npy").exists():
        frames = read_frames(clip.path)
        points, masks = track_faces(frames)
        save_array(folder / "frames.npy", frames)
        save_array(folder / "points.npy", points)
        save_array(folder / "masks.npy", masks)
    if not (folder / "keyframes.npz").exists():
        frames = np.load(folder / "frames.npy", mmap_mode="r")
        indices = np.unique(np.linspace(0, len(frames) - 1, KEYFRAMES_PER_CLIP).astype(int))
        save_keyframes(folder / "keyframes.npz", frames, indices)
    if not (folder / "thumbnails.npy").exists():
        save_thumbnails(folder / "thumbnails.npy", np.load(folder / "frames.npy"))
    if clip.speech and not (folder / "voice.npy").exists():
        save_voice(folder / "voice.npy", clip.path, len(np.load(folder / "points.npy", mmap_mode="r")))
    _describe(folder, clip, clip.source_px)


def cache_still(still: Clip, folder: Path) -> None:
    """Write one portrait's cache: one frame, and a keyframe of each size. Raises UserError as `cache_clip` does."""
    cv2.setNumThreads(1)
    if (folder / "clip.json").exists():
        return
    picture = cv2.imread(str(still.path), cv2.IMREAD_COLOR)
    if picture is None:
        raise UserError(f"{still.path.name} cannot be read as a picture.")
    frames = np.ascontiguousarray(_square(picture)[None, :, :, ::-1])
    points, masks = track_faces(frames)
    folder.mkdir(parents=True, exist_ok=True)
    save_array(folder / "frames.npy", frames)
    save_array(folder / "points.npy", points)
    save_array(folder / "masks.npy", masks)
    save_keyframes(folder / "keyframes.npz", frames, np.zeros(len(KEYFRAME_BYTES), int))
    _describe(folder, still, min(picture.shape[:2]))


def _describe(folder: Path, clip: Clip, source_px: int) -> None:
    """Write clip.json, last of all: a folder that has it is whole."""
    description = {"person": clip.person, "split": clip.split, "speech": (folder / "voice.npy").exists(),
                   "tier": clip.tier, "source_px": source_px}  # fmt: skip
    write_whole(folder / "clip.json", lambda stream: stream.write(json.dumps(description, indent=1).encode()))


def read_frames(path: Path) -> NDArray[np.uint8]:
    """Return the frames at 25 a second, uint8 (T, 256, 256, 3) RGB. Raises UserError on unreadable files.

    Another frame rate is brought to 25 by leaving out or repeating frames, so that voice and picture keep their time.
    """
    import av

    frames: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            container.streams.video[0].thread_type = "NONE"
            start_s: float | None = None
            for frame in container.decode(video=0):
                start_s = frame.time if start_s is None else start_s
                timed = frame.time is not None and start_s is not None
                missing = round((frame.time - start_s) * RATE) - len(frames) if timed else 0
                if missing > LONGEST_HOLE:
                    raise UserError(
                        f"{path.name} has a hole of {missing / RATE:.0f} s. Cut it there into two files."
                    )
                if missing >= 0:
                    frames += [*frames[-1:] * missing, _square(frame.to_ndarray(format="rgb24"))]
    except (av.FFmpegError, IndexError, OSError) as error:
        raise UserError(f"{path.name} cannot be read as video ({error}).") from error
    if len(frames) < 2:
        raise UserError(f"{path.name} has fewer than two frames.")
    return np.stack(frames)


def _square(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = min(frame.shape[:2])
    top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
    square = frame[top : top + side, left : left + side]
    return square if side == SIDE else cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def track_faces(frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return mesh points float32 (T, 468, 2) in -1..1 and masks uint8 (T, 64, 64). Raises UserError without a face.

    A lost frame takes the mesh of the one before, so that time stays whole.
    """
    from sender.face.models import load_prior
    from sender.face.segmentation import PersonSegmenter
    from sender.face.tracker import FaceModels, FaceTracker

    tracker, segmenter = FaceTracker(FaceModels.load()), PersonSegmenter(load_prior("segmentation"))
    points = np.full((len(frames), 468, 2), np.nan, np.float32)
    masks = np.zeros((len(frames), 64, 64), np.uint8)
    for index, frame in enumerate(frames):
        face = tracker.update(frame)
        if face is not None:
            points[index] = (face.landmarks[:, :2] + 0.5) / (SIDE / 2) - 1
        fresh = index % MASK_STRIDE == 0
        masks[index] = np.round(segmenter.mask(frame) * 255).astype(np.uint8) if fresh else masks[index - 1]
    return _fill(points), masks


def _fill(points: NDArray[np.float32]) -> NDArray[np.float32]:
    lost = np.isnan(points[:, 0, 0])
    if lost.mean() > MAX_LOST_SHARE:
        raise UserError(f"no steady face: lost in {lost.mean():.0%} of the frames.")
    known = np.flatnonzero(~lost)
    nearest = known[np.clip(np.searchsorted(known, np.arange(len(points)), side="right") - 1, 0, None)]
    return points[nearest]


def save_keyframes(path: Path, frames: NDArray[np.uint8], indices: NDArray[np.int64]) -> None:
    """Write the clip's frames `indices` as they look after the wire's AV1 keyframe coding, large and small in turn."""
    from sender.keyframe_image import encode_keyframe_image
    from shared.keyframe_image import decode_keyframe_image

    pictures, sizes = [], []
    for order, index in enumerate(indices):
        coded = encode_keyframe_image(
            np.ascontiguousarray(frames[index]), KEYFRAME_BYTES[order % len(KEYFRAME_BYTES)]
        )
        pictures.append(decode_keyframe_image(coded, SIDE, SIDE))
        sizes.append(len(coded))
    arrays = {"indices": indices, "pictures": np.stack(pictures), "sizes": np.array(sizes)}
    write_whole(path, lambda stream: np.savez(stream, **arrays))


def save_thumbnails(path: Path, frames: NDArray[np.uint8]) -> None:
    """Write the clip's thumbnails at each of THUMBNAIL_KBPS as they look after AV1, every second frame at 64 px."""
    streams = [_coded_and_decoded(frames, kbps) for kbps in THUMBNAIL_KBPS]
    save_array(path, np.array(streams, np.uint8))


def _coded_and_decoded(frames: NDArray[np.uint8], kbps: float) -> list[NDArray[np.uint8]]:
    from models.evaluation.offline_call import code_thumbnails
    from receiver.video_decoder import VideoDecoder

    media_us = 0
    decoder = VideoDecoder(lambda: media_us)  # its limits are of a call's pace, not of this machine's
    small: list[NDArray[np.uint8]] = []
    for unit in code_thumbnails(list(frames), 0, kbps):
        media_us = unit.media_ms * 1000
        small += [_small(shown.picture) for shown in decoder.decode(unit)]
    return small


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


def save_voice(path: Path, clip: Path, frames: int) -> None:
    """Write the log-mel of the clip's voice as it sounds after Opus, four columns a frame."""
    from models.training.voice import decoded_voice_mel

    mel = decoded_voice_mel(clip, frames)
    if mel is not None:
        save_array(path, mel)


def save_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write an array whole or not at all. Raises UserError on a full disk."""
    write_whole(path, lambda stream: np.save(stream, array))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file that appears under its name only when it is whole. Raises UserError on a full disk."""
    temporary = path.with_suffix(".part")
    try:
        with temporary.open("wb") as stream:
            write(stream)
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} could not be written ({error}). Free some disk space and run it again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
