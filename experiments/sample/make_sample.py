"""Make the sample clip: `python -m experiments.sample.make_sample [--out FILE] [--strip FILE.png]`.

Needs scikit-image (for the portrait), scipy and the system package espeak-ng (for the voice); the finished
clip needs none of them. Invariant: the clip names itself as synthetic in its spoken words.
"""

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from experiments.sample import SAMPLE_PATH
from experiments.sample.motion import FPS, poses
from experiments.sample.portrait import load_portrait
from experiments.sample.puppet import Picture, Puppet
from experiments.sample.speech import Speech, speak
from shared.errors import UserError

TEXT: Final = (
    "Hello! I am a still picture that a computer moves, and this voice is a computer's, too. "
    "My face travels as a few numbers, and it is drawn again at the other end."
)
VOICE: Final = "en-us+f3"
WORDS_PER_MINUTE: Final = 172
START_S: Final = 0.5
SECONDS: Final = 10.0
VOICE_RATE_HZ: Final = 16_000
VIDEO_CRF: Final = 20
AUDIO_BPS: Final = 48_000
VOICE_FRAME: Final = 1024
"""Samples of an AAC frame."""


def make(out: Path, strip: Path | None) -> None:
    """Write the clip, and with `strip` a PNG of some of its frames to look at."""
    speech = speak(TEXT, VOICE, WORDS_PER_MINUTE)
    motion = poses(speech.phonemes, START_S, round(SECONDS * FPS))
    puppet = Puppet(load_portrait())
    pictures = [puppet.render(pose) for pose in motion]
    write_clip(out, pictures, lay_voice(speech))
    if strip:
        write_strip(strip, pictures)


def lay_voice(speech: Speech) -> NDArray[np.int16]:
    """The voice at VOICE_RATE_HZ, started at START_S, exactly SECONDS long.

    UserError when it does not fit.
    """
    resampler = av.AudioResampler(format="s16", layout="mono", rate=VOICE_RATE_HZ)
    frame = av.AudioFrame.from_ndarray(speech.pcm[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = speech.rate_hz
    parts = [part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]]
    pcm = np.concatenate(parts).astype(np.int16)
    track = np.zeros(round(SECONDS * VOICE_RATE_HZ), np.int16)
    start = round(START_S * VOICE_RATE_HZ)
    if start + len(pcm) > len(track):
        raise UserError(
            f"the text takes {len(pcm) / VOICE_RATE_HZ:.1f} s and does not fit into {SECONDS} s: shorten it"
        )
    track[start : start + len(pcm)] = pcm
    return track


def write_clip(out: Path, pictures: Sequence[Picture], pcm: NDArray[np.int16]) -> None:
    """H.264 and AAC in MP4, index at the front."""
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width = video.height = pictures[0].shape[0]
        video.pix_fmt = "yuv420p"
        video.options = {"crf": str(VIDEO_CRF), "preset": "veryslow"}
        audio = container.add_stream("aac", rate=VOICE_RATE_HZ, layout="mono")
        audio.bit_rate = AUDIO_BPS
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, len(pcm), VOICE_FRAME):
            samples = pcm[np.newaxis, start : start + VOICE_FRAME]
            sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = VOICE_RATE_HZ, start, Fraction(1, VOICE_RATE_HZ)
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def write_strip(path: Path, pictures: Sequence[Picture], columns: int = 8) -> None:
    """Frames at even distances, in rows."""
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, 4 * columns).astype(int)]
    rows = [np.hstack(chosen[i : i + columns]) for i in range(0, len(chosen), columns)]
    cv2.imwrite(str(path), np.vstack(rows)[:, :, ::-1])


def main() -> int:
    """Command line; 0, or 1 with a message."""
    parser = argparse.ArgumentParser(description="Make facewire's sample clip.")
    parser.add_argument("--out", type=Path, default=SAMPLE_PATH, help="the clip (default: %(default)s)")
    parser.add_argument("--strip", type=Path, help="also write a PNG with some of the frames")
    args = parser.parse_args()
    try:
        make(args.out, args.strip)
    except UserError as error:
        print(f"make_sample: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
