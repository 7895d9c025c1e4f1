"""The golden vectors of the coder are current, and the decoders agree with them."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from shared.coding.mask_code import decode_mask
from shared.coding.motion_code import decode_motion
from shared.coding.tables import load_tables
from shared.errors import MalformedMessage

GOLDEN = Path(__file__).parents[2] / "golden"
NAMES = ["anchors", "mask", "motion", "motion_garbage", "quantiser", "range_coder", "shape", "values"]


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_coding", GOLDEN / "make_coding.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vectors(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((GOLDEN / "coding" / f"{name}.json").read_text("utf-8"))[
        "vectors"
    ]
    return loaded


def test_making_the_files_again_changes_nothing() -> None:
    made = maker().golden_files()
    stored = {path.name: path.read_text("utf-8") for path in (GOLDEN / "coding").glob("*.json")}
    assert sorted(stored) == [f"{name}.json" for name in NAMES]
    assert made == stored, "run python -m tests.golden.make_coding and look at what changed"


@pytest.mark.parametrize("name", NAMES)
def test_every_file_names_the_tables_it_was_made_with(name: str) -> None:
    assert (
        json.loads((GOLDEN / "coding" / f"{name}.json").read_text("utf-8"))["tables"]
        == load_tables().identity
    )


def test_stored_motion_decodes_to_its_frames() -> None:
    for vector in vectors("motion"):
        base = None if vector["base"] is None else np.array(vector["base"], np.int16)
        data = bytes.fromhex(vector["hex"])
        decoded = decode_motion(data, len(vector["frames"]), base, vector["distance"])
        assert [row.tolist() for row in decoded] == vector["frames"]


def test_stored_garbage_has_both_fates() -> None:
    refused = 0
    for vector in vectors("motion_garbage"):
        base = None if vector["base"] is None else np.array(vector["base"], np.int16)
        arguments = (bytes.fromhex(vector["hex"]), vector["count"], base, vector["distance"])
        if vector["frames"] is None:
            refused += 1
            with pytest.raises(MalformedMessage):
                decode_motion(*arguments)
        else:
            assert [row.tolist() for row in decode_motion(*arguments)] == vector["frames"]
    assert 0 < refused < len(vectors("motion_garbage"))


def test_stored_masks_decode_to_their_rows() -> None:
    for vector in vectors("mask"):
        mask = decode_mask(bytes.fromhex(vector["hex"]))
        assert ["".join(map(str, row)) for row in mask.tolist()] == vector["rows"]
