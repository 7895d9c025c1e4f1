"""receiver.stats: what grows with a call is bounded, and the media clock's steps are kept."""

import pytest

from receiver.stats import CallStats, VoiceStat
from shared.core.due import PictureDue, PictureState
from shared.limits import STATS_MAX_PICTURES


def test_rows_are_bounded_and_everything_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert STATS_MAX_PICTURES >= 25 * 2 * 3600, "two hours of a call fit"
    monkeypatch.setattr("receiver.stats.STATS_MAX_PICTURES", 3)
    stats = CallStats()
    for index in range(4):
        stats.add_picture(PictureDue(index * 40, index, PictureState.FRESH), index, 1.0)
        stats.add_voice(VoiceStat(index * 80, 80, index, index, False))
        stats.add_reference(index, 1.0)
        stats.note_clock(0, index)
    kept = (stats.pictures, stats.voice, stats.references, stats.playout)
    assert [len(rows) for rows in kept] == [3, 3, 3, 3]
    assert stats.counts["shown"] == stats.counts["voice_blocks"] == stats.counts["rendered"] == 4


def test_the_clock_is_noted_when_it_changes() -> None:
    stats = CallStats()
    for media_ms, due_us in ((0, 5_000), (40, 45_000), (80, 95_000), (120, 135_000)):
        stats.note_clock(media_ms, due_us)
    assert stats.playout == [(5_000, 5_000), (95_000, 15_000)]
