"""The golden scenarios that Python and the browser share: the state machines do exactly what is written down."""

import json

import pytest

from tests.shared.golden_scenarios import SCENARIOS, scenarios

EXPECTED = scenarios()


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_scenarios(name: str) -> None:
    assert json.loads((SCENARIOS / f"{name}.json").read_text()) == json.loads(json.dumps(EXPECTED[name]))


def test_there_are_no_other_scenarios() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.json")} == set(EXPECTED)
