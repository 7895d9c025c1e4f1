"""Recordings of a process that was killed while it wrote."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.receiver.sinks.media import pictures_of, voice_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("kind", ["mp4", "lossless"])
def test_a_killed_process_leaves_a_playable_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "call.mkv"
    command = [sys.executable, "-m", "tests.receiver.sinks.killed_writer", f"{kind}:{path}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "written\n"
        writer.kill()
    pictures = pictures_of(path)
    assert 65 <= len(pictures) <= 90, "at most the last second may be missing"
    assert abs(int(pictures[50][1][100, 100, 0]) - 100) <= 4
    assert len(voice_of(path)) >= 2.6 * 48_000
