"""A finished call without a call: the files that both ends leave behind, made from pictures at hand."""

import json
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from experiments.demo.call import CallOutcome, files_in

Picture = NDArray[np.uint8]


def write_mkv(path: Path, pictures: Sequence[Picture], media_ms: Sequence[int], voice_s: float = 0.0) -> None:
    """A lossless recording as the two ends write it, with its sidecar."""
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width = video.height = 256
        video.pix_fmt = "bgr0"
        audio = container.add_stream("pcm_s16le", rate=48_000)
        audio.codec_context.layout = "mono"
        for picture, ms in zip(pictures, media_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
            frame.pts = (ms - media_ms[0]) // 40
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(int(voice_s * 48_000)) * 0.03) * 8000
        if len(tone):
            sound = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], format="s16", layout="mono")
            sound.sample_rate, sound.pts = 48_000, 0
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    entries = [{"media_ms": ms, "file_ms": ms - media_ms[0], "state": "FRESH"} for ms in media_ms]
    path.with_name(path.name + ".json").write_text(json.dumps({"pictures": entries}))


def write_call(out: Path, pictures: Sequence[Picture], rebuilt: Sequence[Picture]) -> CallOutcome:
    """What a call of `len(pictures)` frames leaves behind, whose first three pictures were not shown."""
    files = files_in(out)
    files.crops.parent.mkdir(parents=True)
    media_ms = [40 * i for i in range(len(pictures))]
    write_mkv(files.crops, pictures, media_ms)
    write_mkv(files.lossless, rebuilt[3:], media_ms[3:], voice_s=len(pictures) / 25)
    seconds = len(pictures) / 25
    sender = {
        "wire": {
            "forward_bytes": int(20_000 / 8 * seconds),
            "forward_packets": int(12.5 * seconds),
            "reverse_bytes": int(9_000 / 8 * seconds),
            "reverse_packets": int(10 * seconds),
            "setup_bytes": 6_000,
            "seconds": seconds,
        },
        "wire_history": [
            {"second": i, "forward_bytes": 2_500, "reverse_bytes": 1_100} for i in range(int(seconds))
        ],
        "payload": {
            "audio_bytes": int(750 * seconds),
            "motion_bytes": int(300 * seconds),
            "keyframe_bytes": 2_000,
            "control_bytes": 300,
        },
        "counts": {"captured": len(pictures), "skipped_late": 0},
        "plans": [{"media_ms": 0, "rung": 1, "bundle_ms": 80, "wire_kbps": 17.0}],
        "pictures": [{"media_ms": ms, "capture_us": 1_000 * ms, "compute_ms": 8.0} for ms in media_ms],
    }
    receiver = {
        "joined_us": -500_000,
        "pictures": [
            {"media_ms": ms, "shown_us": 1_000 * ms + 200_000, "state": "FRESH", "compute_ms": 12.0}
            for ms in media_ms[3:]
        ],
        "voice": [
            {"media_ms": ms, "duration_ms": 20, "played_us": 1_000 * ms + 190_000, "concealed": False}
            for ms in range(0, media_ms[-1] + 40, 20)
        ],
        "model": {"name": "test", "sha256": "0" * 64},
    }
    files.sender_stats.write_text(json.dumps(sender))
    files.receiver_stats.write_text(json.dumps(receiver))
    return CallOutcome(files, 400_000_000, 600_000_000, 0.5, 0.5)
