"""The voice of a clip as a receiver hears it: through Opus at call rates, then log-mel."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shared.errors import UserError
from shared.log_mel import HOP, WINDOW, down_to_16k, log_mel
from shared.opus import OpusDecoder, OpusEncoder

BITRATE_BPS = 6000
FRAME_MS = 80
COLUMNS_PER_FRAME = 4
SILENT_RMS = 50.0
"""Below this RMS (of 32767) a clip counts as having no voice."""


def read_pcm(path: Path) -> NDArray[np.int16]:
    """Return the clip's sound as int16 mono 48 kHz; empty when it has none. Raises UserError when it cannot be read."""
    try:
        return _decoded_pcm(path)
    except (av.FFmpegError, OSError) as error:
        raise UserError(f"The sound of {path.name} cannot be read ({error}).") from error


def _decoded_pcm(path: Path) -> NDArray[np.int16]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    parts: list[NDArray[np.int16]] = []
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.int16)
        for frame in container.decode(audio=0):
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def through_opus(
    pcm: NDArray[np.int16], bitrate_bps: int = BITRATE_BPS, frame_ms: int = FRAME_MS
) -> NDArray[np.int16]:
    """Return pcm (48 kHz) after coding and decoding, aligned with the input (the codec's delay of 6.5 ms removed)."""
    size = frame_ms * 48
    padded = np.pad(pcm, (0, 2 * size - len(pcm) % size))
    with OpusEncoder(bitrate_bps, frame_ms, dtx=False) as encoder, OpusDecoder() as decoder:
        decoded = [decoder.decode(encoder.encode(block)) for block in padded.reshape(-1, size)]
    return np.concatenate(decoded)[OPUS_DELAY:][: len(pcm)]


OPUS_DELAY = 312
"""libopus look-ahead at 48 kHz in VOIP mode, samples."""


def decoded_voice_mel(path: Path, frames: int) -> NDArray[np.float32] | None:
    """Return (4 T, 40) log-mel columns of a clip of T frames, or None when it is silent.

    Column k covers 10 ms k to 10 ms k + 25 ms: its middle lies 12.5 ms after the time it is named for.
    """
    pcm = read_pcm(path)
    if len(pcm) == 0 or float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) < SILENT_RMS:
        return None
    samples = down_to_16k(through_opus(pcm))
    wanted = frames * COLUMNS_PER_FRAME
    padded = np.pad(samples, (0, max(0, wanted * HOP + WINDOW - len(samples))))
    return log_mel(padded)[:wanted]
