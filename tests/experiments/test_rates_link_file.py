"""A user's own description of a link, and what is not one."""

from pathlib import Path
from typing import Any

import pytest

from experiments.network.links import LINKS
from experiments.rates.link_file import FILE_MAX_BYTES, LIST_MAX, link_from, parse_link
from shared.errors import UserError
from shared.transport.impairments import (
    Blackout,
    GilbertElliott,
    Impairment,
    NoLoss,
    PathStep,
    PatternLoss,
    RandomLoss,
    RateStep,
)

FULL = """
name: the train home
about: as it was on Monday
forward:
  loss: {gilbert: {good_to_bad: 0.02, bad_to_good: 0.25}}
  delay_ms: 40
  jitter_ms: 30
  rate: [{start_ms: 0, kbps: 64}, {start_ms: 2000, kbps: 20}]
  queue_bytes: 8000
  blackouts: [{start_ms: 500, duration_ms: 100}]
reverse: {delay_ms: 60}
"""


def parsed(content: Any) -> Any:
    return parse_link(content, "mine", "mine.yaml", 3)


def test_a_whole_description(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text(FULL)
    link = link_from(str(path), seed=5)
    assert (link.name, link.about, link.seed) == ("the train home", "as it was on Monday", 5)
    assert link.forward == Impairment(
        GilbertElliott(0.02, 0.25), 40.0, 30.0, (RateStep(0, 64.0), RateStep(2000, 20.0)), 8000,
        blackouts=(Blackout(500, 100),),
    )  # fmt: skip
    assert link.reverse == Impairment(NoLoss(), 60.0)


def test_json_is_taken_too_and_the_way_back_is_like_the_way_there(tmp_path: Path) -> None:
    path = tmp_path / "lossy.json"
    path.write_text('{"forward": {"loss": {"random": 0.05}}}')
    link = link_from(str(path))
    assert (link.name, link.forward, link.reverse) == ("lossy", Impairment(RandomLoss(0.05)), link.forward)


def test_a_pattern_of_losses_and_a_recorded_path() -> None:
    assert parsed({"forward": {"loss": {"pattern": ".x", "repeat": True}}}).forward.loss == PatternLoss(
        (False, True), True
    )
    path = parsed(
        {"forward": {"path": [{"start_ms": 0, "kbps": None, "delay_ms": 5, "loss": 0.1}]}}
    ).forward.path
    assert path == (PathStep(0, None, 5.0, 0.1),)


def test_names_of_the_table_and_of_shipped_traces_are_links() -> None:
    assert link_from("loss5") is LINKS["loss5"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "settings"), ({}, "forward"), ({"forward": 3}, "forward"), ({"forwards": {}}, "forwards"),
        ({"forward": {"delay": 3}}, "delay"), ({"forward": {"delay_ms": -1}}, "delay_ms"),
        ({"forward": {"delay_ms": True}}, "delay_ms"), ({"forward": {"delay_ms": float("nan")}}, "delay_ms"),
        ({"forward": {"queue_bytes": 0.5}}, "whole"), ({"forward": {"loss": {"random": 2}}}, "probabilities"),
        ({"forward": {"loss": {}}}, "one of"), ({"forward": {"loss": {"random": 0.1, "pattern": "x"}}}, "one of"),
        ({"forward": {"loss": {"pattern": "lost"}}}, "pattern"), ({"forward": {"loss": {"gilbert": {}}}}, "gilbert|forward.loss"),
        ({"forward": {"rate": 5}}, "list"), ({"forward": {"rate": [{"start_ms": 0, "kbps": 0}]}}, "positive"),
        ({"forward": {"rate": [{"start_ms": 9, "kbps": 1}, {"start_ms": 1, "kbps": 1}]}}, "order"),
        ({"forward": {"rate": [{"start_ms": 0, "kbps": 9}], "path": [{"start_ms": 0}]}}, "not both"),
        ({"forward": {"blackouts": [{"start_ms": 0, "duration_ms": 1}] * (LIST_MAX + 1)}}, "list"),
    ],
)  # fmt: skip
def test_what_is_no_link_is_said_with_its_place(content: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        parsed(content)
    assert "mine.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "\x00", "!!python/object/apply:os.system ['true']", "- [" * 2000])
def test_a_file_that_is_no_yaml_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "link.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"link\.yaml"):
        link_from(str(path))


def test_a_file_that_is_not_there_or_too_large_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="loss5"):
        link_from(str(tmp_path / "none.yaml"))
    path = tmp_path / "large.yaml"
    path.write_bytes(b" " * (FILE_MAX_BYTES + 1))
    with pytest.raises(UserError, match="larger"):
        link_from(str(path))
