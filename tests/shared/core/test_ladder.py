"""shared.core.ladder: what is sent at which estimate, pins, need, hysteresis."""

from dataclasses import replace
from itertools import pairwise

import pytest

from shared.core.ladder import (
    ERROR_HIGH,
    ERROR_LOW,
    FEEDBACK_TIMEOUT_MS,
    MAX_DEFAULT_KBPS,
    OVER_QUEUE_MS,
    UP_MARGIN,
    UP_WAIT_MS,
    Ladder,
    LadderConfig,
    Plan,
)
from shared.core.rate_control import OVER_RECEIVED, LinkState
from shared.frames import Rung
from shared.limits import BUNDLE_MAX_MS, BUNDLE_MIN_MS, PACKET_WIRE_BYTES

WIDE = LadderConfig(max_kbps=200.0)


def known(kbps: float, now_ms: int = 0, **more: object) -> LinkState:
    return replace(LinkState(kbps, limited=True, feedback_us=now_ms * 1000), **more)  # type: ignore[arg-type]


def climbed(
    ladder: Ladder, kbps: float, until_ms: int, start_ms: int = 0, error: float | None = None
) -> Plan:
    """The plan after this estimate has stood for so long."""
    for now_ms in range(start_ms, until_ms, 100):
        plan = ladder.decide(known(kbps, now_ms), error, now_ms * 1000)
    return plan


def test_a_call_of_which_nothing_is_known_sends_motion_every_80_ms() -> None:
    plan = Ladder(LadderConfig()).decide(LinkState(), None, 0)
    assert plan == Plan(Rung.MOTION, 80, 6.0, 25.0)
    assert plan.wire_kbps() <= MAX_DEFAULT_KBPS


def test_a_call_that_is_allowed_no_more_never_climbs_to_pictures() -> None:
    assert climbed(Ladder(LadderConfig()), 1000.0, 20_000).rung is Rung.MOTION


@pytest.mark.parametrize(
    ("kbps", "rung", "bundle_ms"),
    [
        (5, Rung.VOICE, 200),
        (11.5, Rung.VOICE, 200),
        (12.5, Rung.MOTION, 200),
        (14.5, Rung.MOTION, 160),
        (17, Rung.MOTION, 120),
        (20.5, Rung.MOTION, 80),
        (26, Rung.THUMBNAIL, 80),
        (60, Rung.VIDEO, 80),
    ],
)
def test_each_estimate_has_its_rung_and_interval(kbps: float, rung: Rung, bundle_ms: int) -> None:
    plan = climbed(Ladder(WIDE), kbps, 5000)
    assert (plan.rung, plan.bundle_ms) == (rung, bundle_ms)
    assert BUNDLE_MIN_MS <= plan.bundle_ms <= BUNDLE_MAX_MS


def test_each_step_can_be_reached_from_what_the_one_before_it_sends() -> None:
    ladder = Ladder(WIDE)
    costs = [step.wire_kbps() for step in ladder._steps]
    assert costs == sorted(costs)
    assert all(OVER_RECEIVED * low >= UP_MARGIN * high for low, high in pairwise(costs))


def test_down_at_once_up_only_after_a_while() -> None:
    ladder = Ladder(WIDE)
    climbed(ladder, 30.0, 3000)
    down = ladder.decide(known(13.0, 3000), None, 3_000_000)
    assert (down.rung, down.bundle_ms) == (Rung.MOTION, 200)
    waiting = climbed(ladder, 30.0, 3000 + UP_WAIT_MS, 3000)
    assert waiting.bundle_ms == 200
    assert climbed(ladder, 30.0, 3100 + UP_WAIT_MS, 3000 + UP_WAIT_MS).rung is Rung.THUMBNAIL


def test_an_estimate_between_the_two_margins_changes_nothing() -> None:
    ladder = Ladder(WIDE)
    plan = climbed(ladder, 20.0, 3000)
    for kbps in (plan.wire_kbps() + 0.1, 22.0, plan.wire_kbps() + 0.1):
        assert climbed(ladder, kbps, 6000, 3000) == plan


def test_congestion_delays_every_climb() -> None:
    ladder = Ladder(WIDE)
    climbed(ladder, 13.0, 3000)
    for now_ms in range(3000, 6000, 100):
        plan = ladder.decide(known(60.0, now_ms, congested=True), None, now_ms * 1000)
    assert plan.rung is Rung.MOTION and plan.bundle_ms == 200


def test_a_long_queue_is_drained_on_the_lowest_rung_and_without_repeats() -> None:
    ladder = Ladder(WIDE)
    climbed(ladder, 60.0, 4000)
    plan = ladder.decide(known(60.0, 4000, queue_ms=OVER_QUEUE_MS + 1.0, loss=0.3), None, 4_000_000)
    assert plan.rung is Rung.VOICE and plan.redundancy is False
    at_limit = Ladder(WIDE)
    climbed(at_limit, 60.0, 4000)
    assert (
        at_limit.decide(known(60.0, 4000, queue_ms=float(OVER_QUEUE_MS)), None, 4_000_000).rung is Rung.VIDEO
    )


def test_repeats_follow_the_loss_and_are_paid_for() -> None:
    ladder = Ladder(LadderConfig())
    assert ladder.decide(LinkState(24.0, loss=0.1, feedback_us=0), None, 0).redundancy is None
    assert ladder.plan.bundle_ms == 80, "no limit is known"
    assert ladder.decide(known(24.0, loss=0.1), None, 0).bundle_ms == 120
    assert Plan(Rung.MOTION, 80, 6.0, 25.0).wire_kbps(True) > 24


@pytest.mark.parametrize("rung", Rung)
def test_this_end_can_pin_every_rung(rung: Rung) -> None:
    ladder = Ladder(replace(WIDE, rung=rung))
    assert ladder.plan.rung is rung
    assert climbed(ladder, 1000.0, 5000).rung is rung
    assert climbed(ladder, 8.0, 9000, 5000).rung is rung


def test_a_pinned_rung_that_is_too_dear_is_sent_as_cheaply_as_possible() -> None:
    plan = climbed(Ladder(LadderConfig(rung=Rung.THUMBNAIL)), 1000.0, 5000)
    assert plan.rung is Rung.THUMBNAIL and plan.thumbnail_kbps == 3.0


def test_the_peer_can_pin_a_rung_and_let_it_go() -> None:
    ladder = Ladder(WIDE)
    assert climbed(ladder, 100.0, 8000).rung is Rung.VIDEO
    ladder.pin(Rung.VOICE)
    assert ladder.decide(known(100.0, 8000), None, 8_000_000).rung is Rung.VOICE
    ladder.pin(Rung.THUMBNAIL)
    assert climbed(ladder, 100.0, 12_000, 8000).rung is Rung.THUMBNAIL
    ladder.pin(None)
    assert climbed(ladder, 100.0, 20_000, 12_000).rung is Rung.VIDEO


def test_of_two_pins_the_lower_counts_and_none_costs_more_than_is_allowed() -> None:
    both = Ladder(replace(WIDE, rung=Rung.VIDEO))
    both.pin(Rung.MOTION)
    assert climbed(both, 100.0, 4000).rung is Rung.MOTION
    thrifty = Ladder(LadderConfig())
    thrifty.pin(Rung.VIDEO)
    assert climbed(thrifty, 100.0, 4000).rung is Rung.MOTION


def test_a_peer_that_shows_no_pictures_gets_none() -> None:
    ladder = Ladder(WIDE)
    ladder.allow_pictures(False)
    assert climbed(ladder, 100.0, 8000).rung is Rung.MOTION


def test_the_picture_decides_where_its_error_is_known() -> None:
    ladder = Ladder(WIDE)
    assert climbed(ladder, 100.0, 8000, error=ERROR_LOW - 0.01).rung is Rung.MOTION
    assert climbed(ladder, 100.0, 9000, 8000, error=(ERROR_LOW + ERROR_HIGH) / 2).rung is Rung.MOTION
    assert climbed(ladder, 100.0, 12_000, 9000, error=ERROR_HIGH + 0.01).rung is Rung.VIDEO
    assert climbed(ladder, 100.0, 13_000, 12_000, error=(ERROR_LOW + ERROR_HIGH) / 2).rung is Rung.VIDEO
    assert climbed(ladder, 100.0, 14_000, 13_000, error=ERROR_LOW - 0.01).rung is Rung.MOTION


def test_a_peer_that_acknowledges_nothing_gets_the_cheapest_motion() -> None:
    ladder = Ladder(LadderConfig())
    assert ladder.decide(LinkState(), None, 0).bundle_ms == 80
    assert ladder.decide(LinkState(), None, FEEDBACK_TIMEOUT_MS * 1000 - 1).bundle_ms == 80
    assert ladder.decide(LinkState(), None, FEEDBACK_TIMEOUT_MS * 1000).bundle_ms == 200
    assert ladder.plan.rung is Rung.MOTION


@pytest.mark.parametrize("bundle_ms", [40, 80, 160, 200])
def test_a_fixed_interval_stays(bundle_ms: int) -> None:
    ladder = Ladder(LadderConfig(200.0, None, bundle_ms))
    intervals = {climbed(ladder, kbps, 4000).bundle_ms for kbps in (5.0, 13.0, 19.0, 60.0, 300.0)}
    assert intervals == {bundle_ms}


def test_the_voice_gets_its_own_rate_where_there_is_room() -> None:
    ladder = Ladder(LadderConfig(60.0, None, None, 16.0))
    assert climbed(ladder, 60.0, 5000).voice_kbps == 16.0
    assert climbed(ladder, 12.0, 5100, 5000).voice_kbps == 6.0


def test_every_message_is_charged_with_its_headers() -> None:
    often, seldom = Plan(Rung.VOICE, 80, 6.0, 0.0), Plan(Rung.VOICE, 160, 6.0, 0.0)
    saved_bytes_per_s = (often.wire_kbps() - seldom.wire_kbps()) * 1000 / 8
    assert PACKET_WIRE_BYTES * 6.25 < saved_bytes_per_s < (PACKET_WIRE_BYTES + 8) * 6.25
