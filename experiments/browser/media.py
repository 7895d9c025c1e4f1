"""A fake camera and microphone for Chromium, made from the project's own sample: raw video (Y4M) and PCM (WAV)."""

import wave
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from experiments.sample import SAMPLE_PATH

WIDTH_PX, HEIGHT_PX, SIDE_PX = 640, 480, 420
LEFT_PX, TOP_PX = 110, 30
RATE_HZ = 48_000


@dataclass(frozen=True)
class FakeMedia:
    """Files for `--use-file-for-fake-video-capture` and `--use-file-for-fake-audio-capture`."""

    video: Path
    audio: Path

    def arguments(self) -> list[str]:
        """Chromium's flags."""
        return [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={self.video}",
            f"--use-file-for-fake-audio-capture={self.audio}",
        ]


def source_pictures() -> NDArray[np.uint8]:
    """The sample's pictures, uint8 (n, 256, 256, 3)."""
    with av.open(str(SAMPLE_PATH)) as clip:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)])


def make_media(folder: Path) -> FakeMedia:
    """The sample as a webcam would show it: smaller than the picture, and beside its middle."""
    media = FakeMedia(folder / "camera.y4m", folder / "microphone.wav")
    with media.video.open("wb") as stream:
        stream.write(f"YUV4MPEG2 W{WIDTH_PX} H{HEIGHT_PX} F25:1 Ip A1:1 C420jpeg\n".encode())
        for picture in source_pictures():
            stream.write(b"FRAME\n" + _yuv(picture))
    with wave.open(str(media.audio), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(_pcm())
    return media


def _yuv(picture: NDArray[np.uint8]) -> bytes:
    wide = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8)
    face = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    wide[TOP_PX : TOP_PX + SIDE_PX, LEFT_PX : LEFT_PX + SIDE_PX] = face
    frame = av.VideoFrame.from_ndarray(wide, format="rgb24").reformat(format="yuv420p")
    return frame.to_ndarray().tobytes()


def _pcm() -> bytes:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(SAMPLE_PATH)) as clip:
        frames = [part for frame in clip.decode(audio=0) for part in resampler.resample(frame)]
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)
