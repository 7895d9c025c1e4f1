"""experiments.network.row and .timeline: how the numbers of a call come about."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.demo.recording import Joined
from experiments.demo.stats import (
    PlayedVoice,
    ReceiverStats,
    SenderStats,
    SentPlan,
    ShownPicture,
    read_receiver_stats,
    read_sender_stats,
)
from experiments.network.links import LINKS
from experiments.network.relay import LinkLog
from experiments.network.row import build_row, landmark_px, recovery_ms, voice_gap_max_ms
from experiments.network.timeline import PlanPoint, build_timeline, follow_s, windows
from sender.face.tracker import FaceModels
from shared.limits import VOICE_CONCEAL_MS
from shared.transport.impairments import RateStep
from shared.transport.udp_proxy import Passage
from tests.experiments.conftest import Picture
from tests.experiments.made_up_call import write_call

KEYS = [
    *("clip", "rung", "bundle_ms", "link", "forward_kbps", "reverse_kbps", "motion_kbps", "latency_p50_ms"),
    *("latency_p95_ms", "fps", "landmark_px", "landmark_px_no_loss", "voice_gap_max_ms", "recovery_ms"),
]
KEY = ("clip", "motion", 80, "blackout3s")


@pytest.fixture
def made_up(tmp_path: Path, sample_pictures: list[Picture]) -> tuple[SenderStats, ReceiverStats]:
    """What both ends say of a call of two seconds in which nothing goes wrong."""
    files = write_call(tmp_path, sample_pictures[:50], sample_pictures[:50]).files
    return read_sender_stats(files.sender_stats), read_receiver_stats(files.receiver_stats)


def voice(*pieces: tuple[int, int, bool]) -> list[PlayedVoice]:
    """Pieces (media_ms, duration_ms, concealed), played one second after the media clock."""
    return [PlayedVoice(ms, length_ms, 1_000_000 + ms * 1000, made_up) for ms, length_ms, made_up in pieces]


def concealment(begin_ms: int, end_ms: int) -> list[tuple[int, int, bool]]:
    return [(ms, 20, True) for ms in range(begin_ms, end_ms, 20)]


def test_a_row_has_exactly_the_keys_of_the_issue_and_numbers_of_the_call(
    made_up: tuple[SenderStats, ReceiverStats],
) -> None:
    sender, receiver = made_up
    row = build_row(KEY, sender, receiver, 1.25, math.nan, []).as_json()
    assert list(row) == KEYS
    assert row["forward_kbps"] == pytest.approx(20, rel=0.01)
    assert row["reverse_kbps"] == pytest.approx(9, rel=0.01)
    assert row["motion_kbps"] == pytest.approx(2.4, rel=0.01)
    assert row["latency_p50_ms"] == row["latency_p95_ms"] == 200
    assert row["fps"] == pytest.approx(25)
    assert row["voice_gap_max_ms"] == 0
    assert row["landmark_px"] == 1.25
    assert row["landmark_px_no_loss"] is None and row["recovery_ms"] is None


def test_guesses_of_the_receiver_have_no_latency(made_up: tuple[SenderStats, ReceiverStats]) -> None:
    sender, receiver = made_up
    late = [
        replace(each, state="CONCEALED", shown_us=each.shown_us + 10**6) for each in receiver.pictures[-20:]
    ]
    receiver = replace(receiver, pictures=receiver.pictures[:-20] + tuple(late))
    assert build_row(KEY, sender, receiver, None, None, []).latency_p95_ms == 200


def test_concealment_at_full_strength_is_no_gap_and_its_fade_is() -> None:
    short = voice((0, 80, False), *concealment(80, 80 + VOICE_CONCEAL_MS), (80 + VOICE_CONCEAL_MS, 80, False))
    assert voice_gap_max_ms(short) == 0
    long = voice((0, 80, False), *concealment(80, 480), (480, 80, False))
    assert voice_gap_max_ms(long) == 400 - VOICE_CONCEAL_MS


def test_voice_that_stops_and_starts_again_is_a_gap_and_so_is_voice_that_never_comes_back() -> None:
    back = voice((0, 80, False), *concealment(80, 1080), (3080, 80, False))
    assert voice_gap_max_ms(back) == 3000 - VOICE_CONCEAL_MS
    gone = voice((0, 80, False), *concealment(80, 1080))
    assert voice_gap_max_ms(gone) == 1000 - VOICE_CONCEAL_MS


def test_stretched_and_shortened_playout_are_no_gaps() -> None:
    stretched = [PlayedVoice(0, 80, 0, False), PlayedVoice(80, 80, 120_000, False)]
    shortened = [PlayedVoice(0, 80, 0, False), PlayedVoice(160, 80, 80_000, False)]
    assert voice_gap_max_ms(stretched) == voice_gap_max_ms(shortened) == 0
    assert voice_gap_max_ms([]) is None


def test_recovery_takes_until_picture_and_voice_are_both_new(
    made_up: tuple[SenderStats, ReceiverStats],
) -> None:
    sender, receiver = made_up
    pictures = (
        ShownPicture(480, 700_000, "FRESH", 1.0),  # before the blackout
        ShownPicture(1400, 1_650_000, "CONCEALED", 1.0),
        ShownPicture(1480, 1_700_000, "FRESH", 1.0),
    )
    heard = (
        PlayedVoice(480, 80, 700_000, False),
        PlayedVoice(560, 20, 1_600_000, True),
        PlayedVoice(1480, 80, 1_900_000, False),
    )
    receiver = replace(receiver, pictures=pictures, voice=heard)
    blackout = (500_000, 1_500_000)
    assert recovery_ms(sender, receiver, [blackout]) == 400
    assert recovery_ms(sender, receiver, []) is None
    silent = replace(receiver, voice=heard[:2])
    assert recovery_ms(sender, silent, [blackout]) == math.inf
    assert build_row(KEY, sender, silent, None, None, [blackout]).as_json()["recovery_ms"] is None


@pytest.mark.model
def test_face_points_of_the_same_pictures_lie_on_each_other(sample_pictures: list[Picture]) -> None:
    models, clip = FaceModels.load(), tuple(sample_pictures[40:48])
    same = landmark_px(Joined(tuple(range(8)), 0, clip, clip), models)
    moved = tuple(np.roll(picture, 3, axis=1) for picture in clip)
    shifted = landmark_px(Joined(tuple(range(8)), 0, clip, moved), models)
    assert same == 0
    assert shifted == pytest.approx(3, abs=0.7)
    blank = tuple(np.zeros_like(picture) for picture in clip)
    assert landmark_px(Joined(tuple(range(8)), 0, blank, blank), models) is None


def test_blackouts_stand_on_the_clock_of_the_call_and_those_after_its_end_do_not_count() -> None:
    link, log = LINKS["blackout3s"], LinkLog(1_000_000, ())
    assert windows(link, log, end_us=20_000_000) == [(6_000_000, 9_000_000)]
    assert windows(link, log, end_us=8_500_000) == []


def test_a_time_line_bins_rates_and_queue_and_knows_the_longest_wait(
    made_up: tuple[SenderStats, ReceiverStats],
) -> None:
    passages = (Passage(100_000, 500, 0), Passage(300_000, 500, 30_000), Passage(1_200_000, 250, None))
    key, sender = ("clip", "auto", None, "drop100to15"), made_up[0]
    plans = (
        SentPlan(0, "motion", 80, 17.0),
        SentPlan(40, "motion", 80, 17.0),
        SentPlan(80, "video", 80, 90.0),
    )
    line = build_timeline(
        key, LINKS["drop100to15"], LinkLog(-1_000_000, passages), replace(sender, plans=plans)
    )
    assert line.forward_kbps == ((0.0, 16.0), (0.5, 0.0), (1.0, 4.0))
    assert line.queue_ms == ((0.0, 30.0), (0.5, 0.0), (1.0, 0.0))
    assert line.queue_max_ms == 30
    assert line.plans == (PlanPoint(1.0, "motion", 80, 17.0), PlanPoint(1.08, "video", 80, 90.0))
    assert line.follow_s == math.inf and line.as_json()["follow_s"] is None
    assert build_timeline(KEY, LINKS["blackout3s"], LinkLog(0, passages), sender).queue_max_ms is None


def points(*plans: tuple[float, str, float]) -> list[PlanPoint]:
    return [PlanPoint(at_s, rung, 80, kbps) for at_s, rung, kbps in plans]


def test_the_sender_follows_by_the_slower_of_its_two_moves() -> None:
    rate = [RateStep(0, 100), RateStep(5000, 15), RateStep(13_000, 100)]
    down = points((0.0, "motion", 17.0), (4.0, "video", 90.0), (5.5, "motion", 17.0), (6.2, "motion", 13.0))
    up = points((14.0, "thumbnail", 40.0), (15.0, "video", 60.0))
    assert follow_s(down + up, rate) == pytest.approx(2.0)
    assert follow_s(down, rate) == math.inf
    assert follow_s(down[:3] + up, rate) == math.inf
    assert follow_s(points((0.0, "motion", 13.0)), rate) == 0
    assert follow_s([], rate) is None
    assert follow_s(down, [RateStep(0, 100), RateStep(5000, 90)]) is None
    assert follow_s(down, [RateStep(0, 100), RateStep(5000, 15), RateStep(5200, 100)]) is None
