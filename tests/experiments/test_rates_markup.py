"""experiments.rates.markup and looks: hostile names become harmless text, and every arm can be told apart."""

import csv
import io
import json
from itertools import pairwise

import pytest

from experiments.rates.content import content_of
from experiments.rates.csv_files import bd_rate_csv, cells_csv, curves_csv
from experiments.rates.looks import DARK, LIGHT, look_of
from experiments.rates.markup import TEXT_MAX, cell_text, clean, data_table, html, json_for_script
from experiments.rates.tables import tables_of
from tests.experiments.made_up_rates import HOSTILE, cell, clip, failed, results


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\u202e", "\u2066", "\ud800", "\udcff", "\ufeff", "\x7f"])
def test_what_cannot_be_shown_is_replaced(sign: str) -> None:
    assert clean(f"a{sign}b") == "a\ufffdb"


def test_a_name_is_one_line_of_at_most_its_limit() -> None:
    assert clean(" a\r\n\tb\u2028c ") == "a b c"
    assert clean("x" * TEXT_MAX) == "x" * TEXT_MAX
    assert clean("x" * (TEXT_MAX + 1)) == "x" * (TEXT_MAX - 1) + "…"


def test_markup_and_quotes_are_escaped() -> None:
    shown = html(HOSTILE)
    assert not set("<>\"'") & set(shown)
    assert shown.encode("utf-8")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", " =1"])
def test_no_text_of_a_csv_file_starts_a_formula(name: str) -> None:
    assert cell_text(name).startswith("'")


def test_json_in_a_script_element_cannot_end_it() -> None:
    text = json_for_script({"a": "</script><!--&\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--&\u2028"}
    with pytest.raises(ValueError, match="JSON"):
        json_for_script(float("nan"))


def test_a_table_has_a_caption_and_headings() -> None:
    table = data_table("all of it", ["arm", "x"], [["<a>", "1"]], row_attributes=[{"data-clip": '"'}])
    assert "<caption>all of it</caption>" in table
    assert '<tr data-clip="&quot;"><th scope="row">&lt;a&gt;</th><td>1</td></tr>' in table
    with pytest.raises(ValueError, match="zip"):
        data_table("t", [], [["a"], ["b"]], row_attributes=[{}])


def test_thirty_arms_look_different_and_neighbours_by_more_than_colour() -> None:
    looks = [look_of(place) for place in range(30)]
    assert len(set(looks)) == 30
    assert all(a.marker != b.marker and a.colour != b.colour for a, b in pairwise(looks))


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, "#ffffff"), (DARK, "#15171a")])
def test_every_colour_stands_out_from_the_paper(colours: tuple[str, ...], paper: str) -> None:
    assert min(_contrast(colour, paper) for colour in colours) >= 4.5


def _contrast(a: str, b: str) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_cells_csv_has_a_row_per_cell_and_nothing_where_nothing_was_measured() -> None:
    raw = results({"facewire": 2.0, "av1": 1.0}, clips=["one"], targets=[6.0])
    raw["cells"][1] = failed("one", "av1", 6.0, error="=cmd|' /C calc'!A0\nsecond line")
    first, second = rows_of(cells_csv(content_of(raw)))
    assert float(first["kbps"]) == 0.98 * 6.0
    assert float(first["vgg"]) == raw["cells"][0]["measures"]["vgg"]
    assert (first["latency_p95_ms"], first["reached"], first["how_encoder"]) == ("", "1", "made up")
    assert (second["kbps"], second["vgg"], second["reached"]) == ("", "", "0")
    assert second["error"] == "'=cmd|' /C calc'!A0 second line"


def test_hostile_names_come_back_from_csv_as_one_field() -> None:
    raw = results({"av1": 1.0}, clips=[HOSTILE], targets=[6.0], cells=[cell(HOSTILE, "av1", 6.0)])
    raw["clips"] = [clip(HOSTILE, person=f"={HOSTILE}")]
    (row,) = rows_of(cells_csv(content_of(raw)))
    assert row["clip"] == clean(HOSTILE) and row["person"].startswith("'=")
    assert cells_csv(content_of(raw)).encode("utf-8")


def test_curves_and_bd_rates_are_written_in_full() -> None:
    content = content_of(results({"facewire": 2.0, "av1": 1.0}))
    tables = tables_of(content)
    curves = rows_of(curves_csv(tables))
    assert len(curves) == 2 * 6 * 3
    assert {row["person"] for row in curves} == {"", "person A", "person B"}
    found = next(row for row in rows_of(bd_rate_csv(tables)) if row["measure"] == "vgg")
    assert float(found["percent"]) == pytest.approx(-50)
    assert (found["arm"], found["anchor"], found["clips"]) == ("facewire", "av1", "5")
