"""The project's own demonstration clip: how it is made (`python -m experiments.sample.make_sample`) and the
clip itself."""

from pathlib import Path
from typing import Final

SAMPLE_PATH: Final = Path(__file__).resolve().parent / "sample.mp4"
"""256x256 at 25 fps with a voice of 16 kHz, mono; made by this package, see README.md."""
