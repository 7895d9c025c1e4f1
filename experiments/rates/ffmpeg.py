"""The FFmpeg program for what PyAV's libraries lack: VVC, libaom and VMAF.

Must import the standard library, numpy and (if it is there) imageio-ffmpeg only. Invariant: what runs has a time limit, and what
it says when it fails is in the error; nothing is downloaded.
"""

import importlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.errors import UserError

ENCODE_S: Final = 300.0
"""libaom takes a minute for five seconds on a slow core."""
VMAF_S: Final = 120.0
ASK_S: Final = 20.0
INSTALL: Final = "pip install imageio-ffmpeg brings one"


@lru_cache(1)
def program() -> str | None:
    """The FFmpeg to run: that of the package imageio-ffmpeg, else the system's; None: there is none."""
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def why_absent(encoder: str) -> str:
    """Why an encoder cannot be used, "" when it can."""
    if program() is None:
        return f"there is no FFmpeg program ({INSTALL})"
    return "" if encoder in _listed("-encoders") else f"this FFmpeg has no encoder {encoder} ({INSTALL})"


def why_no_vmaf() -> str:
    """Why VMAF cannot be measured, "" when it can."""
    if program() is None:
        return f"there is no FFmpeg program ({INSTALL})"
    return "" if "libvmaf" in _listed("-filters") else f"this FFmpeg has no libvmaf ({INSTALL})"


def encode(
    yuv: bytes,
    side_px: int,
    fps: float,
    pixels: str,
    encoder: str,
    options: Mapping[str, str],
    container: str,
) -> bytes:
    """The raw stream of a square yuv420p clip. UserError when the encoder fails or takes longer than ENCODE_S."""
    return _run(
        [*_raw(side_px, fps), "-i", "pipe:0", "-pix_fmt", pixels, "-c:v", encoder],
        *([word for name, value in options.items() for word in (f"-{name}", value)]),
        *("-g", "1000", "-threads", "1", "-f", container, "pipe:1"), data=yuv, limit_s=ENCODE_S,
    )  # fmt: skip


def vmaf(original: bytes, rebuilt: bytes, side_px: int) -> float:
    """Mean VMAF (model vmaf_v0.6.1, made for larger screens), 0..100, of two square yuv420p clips of one length."""
    with TemporaryDirectory(prefix="facewire-vmaf-") as folder:
        paths = [Path(folder) / name for name in ("rebuilt.yuv", "original.yuv")]
        for path, data in zip(paths, (rebuilt, original), strict=True):
            path.write_bytes(data)
        inputs = [word for path in paths for word in (*_raw(side_px, 25.0), "-i", str(path))]
        log = Path(folder) / "vmaf.json"
        measure = f"libvmaf=log_fmt=json:log_path={log}:n_threads=1"
        _run(inputs, "-lavfi", measure, "-f", "null", "-", limit_s=VMAF_S)
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def planes(pictures: Sequence[NDArray[np.uint8]]) -> bytes:
    """RGB pictures (S, S, 3), S even, as yuv420p."""
    import av

    return b"".join(
        np.ascontiguousarray(
            av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p").to_ndarray()
        ).tobytes()
        for picture in pictures
    )


def _raw(side_px: int, fps: float) -> list[str]:
    return ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{side_px}x{side_px}", "-r", f"{fps:g}"]


def _run(before: list[str], *words: str, data: bytes | None = None, limit_s: float) -> bytes:
    name = program()
    if name is None:
        raise UserError(f"There is no FFmpeg program: {INSTALL}.")
    command = [name, "-hide_banner", "-v", "error", *([] if data else ["-nostdin"]), *before, *words]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=limit_s, check=True)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"FFmpeg took longer than {limit_s:g} s. Leave this arm out, or give fewer --seconds."
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UserError(f"FFmpeg failed: {said[-1] if said else error.returncode}") from error
    return done.stdout


@lru_cache(2)
def _listed(what: str) -> frozenset[str]:
    """Names in one of FFmpeg's lists: the second word of each line."""
    name = program()
    assert name is not None
    listing = subprocess.run(
        [name, "-hide_banner", what], capture_output=True, text=True, timeout=ASK_S, check=False
    )
    return frozenset(words[1] for line in listing.stdout.splitlines() if len(words := line.split()) > 1)
