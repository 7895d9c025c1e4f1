"""shared.core.voice_line."""

import numpy as np
from numpy.typing import NDArray

from shared.core.voice_line import SAMPLES_PER_MS, VoiceLine


def level(value: int, duration_ms: int) -> NDArray[np.int16]:
    return np.full(duration_ms * SAMPLES_PER_MS, value, np.int16)


def read_ms(line: VoiceLine, start_ms: int, duration_ms: int) -> list[int]:
    """The first sample of each millisecond."""
    return line.read(start_ms * SAMPLES_PER_MS, duration_ms * SAMPLES_PER_MS)[::SAMPLES_PER_MS].tolist()


def test_voice_is_read_where_it_was_written_and_silence_elsewhere() -> None:
    line = VoiceLine(keep_ms=100, tolerance_ms=2)
    line.write(level(7, 3), 10 * SAMPLES_PER_MS)
    assert read_ms(line, 8, 8) == [0, 0, 7, 7, 7, 0, 0, 0]
    assert read_ms(line, -5, 3) == [0, 0, 0]


def test_voice_within_the_tolerance_joins_without_a_gap() -> None:
    line = VoiceLine(keep_ms=100, tolerance_ms=2)
    for at_ms, value in ((0, 1), (12, 2), (18, 3)):  # 2 ms late, then 2 ms early
        line.write(level(value, 10), at_ms * SAMPLES_PER_MS)
    assert read_ms(line, 0, 30) == [1] * 10 + [2] * 10 + [3] * 10


def test_voice_past_the_tolerance_is_spaced_or_cut() -> None:
    line = VoiceLine(keep_ms=100, tolerance_ms=2)
    line.write(level(1, 10), 0)
    line.write(level(2, 10), 13 * SAMPLES_PER_MS)
    line.write(level(3, 10), 20 * SAMPLES_PER_MS)
    assert read_ms(line, 0, 32) == [1] * 10 + [0] * 3 + [2] * 10 + [3] * 7 + [0] * 2
    line.write(level(4, 10), 0)
    assert line.end == 30 * SAMPLES_PER_MS


def test_only_the_newest_is_kept_however_long_a_hole_or_a_block_is() -> None:
    line = VoiceLine(keep_ms=20, tolerance_ms=2)
    line.write(level(1, 30), 0)
    assert line.end == 20 * SAMPLES_PER_MS, "a block longer than the ring keeps its end"
    line.write(level(2, 5), 10**12)
    assert read_ms(line, 0, 20) == [0] * 20
    assert line.read(10**12 - 48, 96).tolist() == [0] * 48 + [2] * 48
