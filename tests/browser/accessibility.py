"""What axe-core finds wrong with the page as it stands: contrast, names, roles, order (npm's development dependency)."""

from pathlib import Path
from typing import Any

import pytest

from experiments.browser.pages import Guest

AXE = Path(__file__).resolve().parents[2] / "signaling/web/node_modules/axe-core/axe.min.js"
BAD = ("serious", "critical")
_RUN = """async () => {
  const { violations, passes } = await axe.run(document, { resultTypes: ["violations"] });
  return { violations, rules: violations.length + passes.length };
}"""
RULES_MIN = 15
"""A page of this kind meets about thirty rules: with fewer, axe did not look at it."""


def complaints(guest: Guest) -> list[str]:
    """Serious and critical findings, a line each: the rule, the element, and what is wrong."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make web (npm ci)")
    guest.page.evaluate(AXE.read_text())  # by the debugger, so that the page's policy stays as it is
    found: dict[str, Any] = guest.page.evaluate(_RUN)
    assert found["rules"] >= RULES_MIN, "axe looked at nothing"
    return [
        f"{finding['id']} {node['target']}: {node['failureSummary']}"
        for finding in found["violations"]
        if finding["impact"] in BAD
        for node in finding["nodes"]
    ]
