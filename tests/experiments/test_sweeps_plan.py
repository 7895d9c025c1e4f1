"""experiments.sweeps: the YAML files, the settings and their links."""

from pathlib import Path
from typing import Any

import pytest

from experiments.sweeps import plan
from experiments.sweeps.plan import VALUES_MAX, find_sweep, parse_sweep, read_sweep, shipped
from experiments.sweeps.settings import DEFAULTS, SETTINGS, CallSettings, Choice, Numbers, link_of_settings
from shared.errors import UserError
from shared.transport.impairments import GilbertElliott, RandomLoss, RateStep

ISSUE = {
    "loss", "burst", "delay", "jitter", "link_rate", "traces", "bundle", "keypoints", "bits", "keyframes", "references",
    "rungs", "frame_rate", "resolution",
}  # fmt: skip
"""The sweeps that issue 8 names."""
GOOD = {"sweep": "s", "asks": "why", "axis": "loss", "values": [0, 0.1], "measures": ["landmark_px"]}


def test_every_sweep_of_the_issue_is_there() -> None:
    assert set(shipped()) >= ISSUE


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_sweep_can_be_run_and_says_what_it_asks(name: str) -> None:
    sweep = read_sweep(find_sweep(name))
    assert sweep.name == name and sweep.asks.endswith("?")
    assert len(sweep.points) == len(sweep.values)
    assert [getattr(point, sweep.axis) for point in sweep.points] == list(sweep.values)
    assert shipped()[name].read_text().startswith("# ")


def test_what_is_fixed_holds_at_every_point() -> None:
    sweep = parse_sweep(GOOD | {"fixed": {"bundle_ms": 160, "rung": "thumbnail"}})
    assert [(point.loss, point.bundle_ms, point.rung) for point in sweep.points] == [
        (0, 160, "thumbnail"),
        (0.1, 160, "thumbnail"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axes": 1}, "no key 'axes'"),
        ({"axis": "los"}, "no setting 'los'"),
        ({"fixed": {"bundles": 80}}, "no setting 'bundles'"),
        ({"fixed": {"loss": 0.1}}, "varied and cannot be fixed"),
        ({"fixed": [1]}, "mapping"),
        ({"fixed": {"bundle_ms": 500}}, "bundle_ms = 500"),
        ({"measures": ["lpipz"]}, "no measure 'lpipz'"),
        ({"measures": []}, "measures is a list"),
        ({"values": [0]}, "2 to 50 values"),
        ({"values": "0, 1"}, "values is a list"),
        ({"values": [0, 0]}, "twice"),
        ({"values": [0, True]}, "neither"),
        ({"values": [0, 1.5]}, "loss = 1.5"),
        ({"values": [0, "much"]}, "loss = 'much'"),
        ({"axis": "rung", "values": ["motion", "vidio"]}, "rung = 'vidio'"),
        ({"fixed": {"trace": "2g-like"}}, "whole link"),
        ({"values": [0.1, 0.7], "fixed": {"burst": 2}}, "longer bursts"),
    ],
)
def test_what_cannot_be_run_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_sweep(GOOD | change)


@pytest.mark.parametrize("key", list(GOOD))
def test_a_key_that_is_missing_is_named(key: str) -> None:
    with pytest.raises(UserError, match=f"{key} is missing"):
        parse_sweep({name: value for name, value in GOOD.items() if name != key})


def test_values_are_taken_up_to_their_limit() -> None:
    values = [i / 1000 for i in range(VALUES_MAX + 1)]
    assert len(parse_sweep(GOOD | {"values": values[:-1]}).points) == VALUES_MAX
    with pytest.raises(UserError, match="values"):
        parse_sweep(GOOD | {"values": values})


def test_files_that_are_no_sweep_are_user_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.yaml"
    for text in ("- a", "a: [", "sweep: x"):
        file.write_text(text)
        with pytest.raises(UserError, match=r"mine\.yaml"):
            read_sweep(file)
    with pytest.raises(UserError, match="no sweep"):
        find_sweep("los")
    file.write_text(shipped()["loss"].read_text())
    monkeypatch.setattr(plan, "SWEEP_MAX_BYTES", file.stat().st_size)
    assert read_sweep(find_sweep(file)).name == "loss"
    monkeypatch.setattr(plan, "SWEEP_MAX_BYTES", file.stat().st_size - 1)
    with pytest.raises(UserError, match=r"larger than|cannot be read"):
        read_sweep(file)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_taken_at_its_limits_and_not_past_them(name: str) -> None:
    rule = SETTINGS[name]
    if isinstance(rule, Numbers):
        rule.check(name, rule.low)
        rule.check(name, rule.high)
        wrong: tuple[Any, ...] = (rule.low - 1, rule.high + 1, float("nan"), "1", True, None)
    else:
        assert isinstance(rule, Choice)
        rule.check(name, DEFAULTS[name])
        wrong = (None, [], "none of these") if rule.words else (None, 1)
    for value in wrong:
        with pytest.raises(UserError, match=f"{name} = "):
            rule.check(name, value)


def test_the_default_call_is_the_product_s_on_a_clean_link() -> None:
    link = link_of_settings(CallSettings(), 5)
    assert (link.seed, link.forward.delay_ms, link.forward.rate, link.forward.loss) == (
        5,
        20,
        (),
        RandomLoss(0.0),
    )
    assert link.forward == link.reverse


def test_settings_become_the_link_that_they_say() -> None:
    way = link_of_settings(CallSettings(loss=0.05, burst=4, jitter_ms=30, link_kbps=15), 1).forward
    assert isinstance(way.loss, GilbertElliott)
    good_to_bad, bad_to_good = way.loss.good_to_bad, way.loss.bad_to_good
    assert bad_to_good == 0.25
    assert good_to_bad / (good_to_bad + bad_to_good) == pytest.approx(0.05)
    assert (way.rate, way.jitter_ms) == ((RateStep(0, 15),), 30)


def test_a_trace_is_a_link_that_begins_where_the_seed_says() -> None:
    settings = CallSettings(trace="train-like")
    one, other = link_of_settings(settings, 1), link_of_settings(settings, 2)
    assert one.forward.path and one == link_of_settings(settings, 1)
    assert one.forward.path != other.forward.path
    with pytest.raises(UserError, match="no link"):
        link_of_settings(CallSettings(trace="moon"), 1)
