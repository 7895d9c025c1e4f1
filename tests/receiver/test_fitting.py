"""receiver.fitting: the size is chosen by trying, unless somebody named one."""

import pytest

from receiver import fitting
from receiver.fitting import AUTO, open_fitting
from shared.errors import UserError

pytestmark = pytest.mark.model


@pytest.mark.parametrize(("allowed_ms", "size"), [(1e9, "lite"), (0.0, "nano")])
def test_the_largest_size_that_is_fast_enough_is_taken(
    monkeypatch: pytest.MonkeyPatch, allowed_ms: float, size: str
) -> None:
    monkeypatch.setattr(fitting, "FIT_MS", allowed_ms)
    assert open_fitting("onnx", AUTO, 1).model.name.startswith(f"facewire-{size}")


@pytest.mark.parametrize("size", ["lite", "nano"])
def test_a_size_that_was_named_is_taken_however_slow(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setattr(fitting, "FIT_MS", 0.0)
    assert open_fitting("onnx", size, 1).model.name.startswith(f"facewire-{size}")


def test_without_a_smaller_size_the_large_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "FIT_MS", 0.0)
    monkeypatch.setattr(fitting, "_SMALL", "full")
    assert open_fitting("onnx", AUTO, 1).model.name.startswith("facewire-lite")


def test_a_backend_without_a_network_has_no_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "FIT_MS", 0.0)
    assert open_fitting("mesh-warp", AUTO, 1).name == "mesh-warp"


def test_what_cannot_be_opened_is_said() -> None:
    with pytest.raises(UserError, match="There is no size 'huge'"):
        open_fitting("onnx", "huge", 1)
