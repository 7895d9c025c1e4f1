"""Cells of a rate experiment: the grid, whole files, resuming."""

from pathlib import Path

import pytest

from experiments.rates.cells import Cell, CellStore, grid
from shared.errors import UserError

CELLS = grid(["a", "b"], ["facewire", "av1"], [6, 10], "settings")


def test_the_grid_has_every_cell_once_and_keeps_a_clip_together() -> None:
    assert len(CELLS) == len(set(CELLS)) == 8
    assert [cell.clip_sha256 for cell in CELLS] == ["a"] * 4 + ["b"] * 4
    assert grid(["a", "a"], ["av1"], [6, 6.0], "settings") == [Cell("a", "av1", 6.0, "settings")]


def test_a_new_store_on_the_same_folder_measures_only_what_is_missing(tmp_path: Path) -> None:
    for cell in CELLS[:3]:
        CellStore(tmp_path).put(cell, {"kbps": cell.kbps})
    again = CellStore(tmp_path)
    assert again.missing(CELLS) == CELLS[3:]
    assert again.get(CELLS[1]) == {"kbps": 10.0}


@pytest.mark.parametrize("damage", ["", '{"cell": ', "[]", '{"cell": {}, "result": {}}'])
def test_a_damaged_file_costs_its_own_cell_only(tmp_path: Path, damage: str) -> None:
    store = CellStore(tmp_path)
    for cell in CELLS:
        store.put(cell, {"ssim_y": 0.9})
    (tmp_path / "cells" / CELLS[2].file_name()).write_text(damage)
    assert store.missing(CELLS) == [CELLS[2]]


def test_other_settings_are_other_cells(tmp_path: Path) -> None:
    store = CellStore(tmp_path)
    store.put(CELLS[0], {"ssim_y": 0.9})
    assert store.get(Cell("a", "facewire", 6.0, "others")) is None


def test_a_write_that_was_killed_leaves_nothing_that_counts(tmp_path: Path) -> None:
    store = CellStore(tmp_path)
    path = tmp_path / "cells" / CELLS[0].file_name()
    path.with_suffix(".1.tmp").write_text('{"cell"')
    assert store.missing(CELLS) == CELLS


def test_a_number_that_json_has_not_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        CellStore(tmp_path).put(CELLS[0], {"psnr_y": float("inf")})
    assert not list((tmp_path / "cells").iterdir())


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--out"):
        CellStore(tmp_path / "file")
