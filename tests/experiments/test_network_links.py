"""experiments.network.links and .plan: the table of links, and which calls are made."""

from itertools import pairwise
from pathlib import Path

import pytest

from experiments.network.links import CLEAN, DELAY_MS, LINKS, cellular_trace, outages
from experiments.network.plan import check_choice, chosen_links, plan_calls, speaking_clips
from experiments.sample import SAMPLE_PATH
from shared.errors import UserError
from shared.limits import BUNDLE_MAX_MS, BUNDLE_MIN_MS
from shared.transport.link_model import LinkModel

WANTED = {
    "clean",
    "loss5",
    "loss20",
    "burst500",
    "gilbert",
    "jitter",
    "reorder",
    "duplicate",
    "blackout3s",
    "drop100to15",
    "drop100to15_wide",
}


def test_the_table_has_the_links_of_the_issue_each_with_a_seed_of_its_own() -> None:
    assert set(LINKS) >= WANTED
    assert len({link.seed for link in LINKS.values()}) == len(LINKS)
    assert all(link.about and link.forward.delay_ms == DELAY_MS for link in LINKS.values())


def test_the_blackout_and_the_drop_are_over_before_their_calls() -> None:
    for name in ("blackout3s", "burst500"):
        assert all(
            b.start_ms + b.duration_ms + 1500 < LINKS[name].seconds * 1000
            for b in LINKS[name].forward.blackouts[:2]
        )
    assert [step.kbps for step in LINKS["drop100to15"].forward.rate] == [100, 15, 100]


def test_the_drop_link_has_a_bounded_queue() -> None:
    model = LinkModel(LINKS["drop100to15"].forward, 1)
    waits_us = []
    for i in range(800):  # 100 kbit/s on 15
        model.offer(6_000_000 + i * 10_000, 125)
        waits_us.append(model.wait_us)
    assert None in waits_us
    assert max(wait for wait in waits_us if wait is not None) <= 4000 * 8 / 15 * 1000


def test_outages_come_about_every_interval_and_always_the_same() -> None:
    made = outages(duration_ms=500, every_ms=5000, jitter_ms=500, until_ms=20_000, seed=4)
    assert made == outages(500, 5000, 500, 20_000, 4) != outages(500, 5000, 500, 20_000, 5)
    assert len(made) == 3
    assert all(abs(b.start_ms - 5000 * (i + 1)) <= 500 and b.duration_ms == 500 for i, b in enumerate(made))


def test_a_trace_has_its_median_its_floor_and_its_memory() -> None:
    rates = [step.kbps for step in cellular_trace(1, 2000, mean_kbps=60, spread=0.6, floor_kbps=12)]
    assert len(rates) == 10_000
    assert sorted(rates)[5000] == pytest.approx(60, rel=0.1)
    assert min(rates) == 12
    changes = [abs(a - b) for a, b in pairwise(rates)]
    apart = [abs(a - b) for a, b in zip(rates, rates[50:], strict=False)]
    assert sum(changes) / len(changes) < 0.6 * sum(apart) / len(apart)


def test_clean_calls_come_first_with_every_rung_and_bundle_the_others_with_the_first() -> None:
    links = chosen_links(["loss5", CLEAN, "drop100to15"])
    calls = plan_calls([Path("a.mp4")], links, ["motion", "voice"], [80, 160])
    assert [call.key for call in calls] == [
        ("a", "motion", 80, "clean"),
        ("a", "motion", 160, "clean"),
        ("a", "voice", 80, "clean"),
        ("a", "voice", 160, "clean"),
        ("a", "motion", 80, "loss5"),
        ("a", "auto", None, "drop100to15"),
    ]


def test_what_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="no link 'warp'"):
        chosen_links(["warp"])
    with pytest.raises(UserError, match="no rung 'stairs'"):
        check_choice(["stairs"], [80])


@pytest.mark.parametrize("bundle_ms", [BUNDLE_MIN_MS - 1, BUNDLE_MAX_MS + 1])
def test_bundles_past_the_limits_are_refused(bundle_ms: int) -> None:
    check_choice(["motion"], [BUNDLE_MIN_MS, BUNDLE_MAX_MS])
    with pytest.raises(UserError, match="--bundles"):
        check_choice(["motion"], [bundle_ms])


def test_clips_are_those_with_a_voice(tmp_path: Path) -> None:
    assert [clip.stem for clip in speaking_clips(SAMPLE_PATH.parent)] == ["sample"]
    with pytest.raises(UserError, match="No clips"):
        speaking_clips(tmp_path)
