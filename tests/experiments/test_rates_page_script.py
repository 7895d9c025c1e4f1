"""experiments/rates/page_script.js: node runs it on made-up cells; its means and texts are those of Python's tables."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from experiments.rates.content import content_of
from experiments.rates.directions import MEASURES
from experiments.rates.page import SCRIPT, script_data
from experiments.rates.page_tables import point_text
from experiments.rates.tables import CurvePoint, tables_of
from tests.experiments.made_up_rates import failed, results
from tests.web.test_web_codec import node

TIMEOUT_S = 60


def run(program: str, folder: Path, **values: Any) -> Any:
    """What a program prints as JSON; `page` is the module, `given` the values."""
    shutil.copy(SCRIPT, folder / "page_script.mjs")
    start = 'import * as page from "./page_script.mjs";\nimport { readFileSync } from "node:fs";\n'
    (folder / "given.json").write_text(json.dumps(values))
    text = f'{start}const given = JSON.parse(readFileSync("given.json", "utf8"));\nconsole.log(JSON.stringify({program}));'
    (folder / "program.mjs").write_text(text)
    done = subprocess.run(
        [node(), "program.mjs"], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def mixed() -> dict[str, Any]:
    """Results with a cell that failed, one that missed its rate, and one without a measure."""
    raw = results({"facewire": 1.7, "av1": 1.0})
    raw["cells"][3] = failed("one", "facewire", 20.0)
    raw["cells"][5]["reached"] = False
    raw["cells"][8]["measures"]["vgg"] = None
    raw["cells"][9]["measures"]["sharp_ratio"] = 0.0
    return raw


def expected(points: list[CurvePoint], content: Any) -> list[list[str]]:
    found = {(point.arm, point.target_kbps): point for point in points}
    keys = [(arm, target) for arm in content.ran for target in content.targets_kbps]
    return [[point_text(found.get(key), MEASURES[name]) for key in keys] for name in content.measured]


def test_every_cell_of_every_table_reads_as_python_wrote_it(tmp_path: Path) -> None:
    content = content_of(mixed())
    tables = tables_of(content)
    program = (
        'Object.fromEntries(["all", "person:0", "person:1", "clip:0"].map((choice) => [choice, given.data.measures.map('
        "({ digits }, m) => page.pointsOf(given.data, m, page.clipsOf(given.data, choice)).map("
        "(point) => page.cellText(point, digits)))]))"
    )
    found = run(program, tmp_path, data=script_data(content))
    assert found["all"] == expected(list(tables.curves), content)
    for place, person in enumerate(("person A", "person B")):
        points = [point for point in tables.persons if point.person == person]
        assert found[f"person:{place}"] == expected(points, content)
    assert found["clip:0"][0][3] == "-"
    assert found["clip:0"][0][5].endswith("(1, 1 off)")


def test_a_point_says_arm_rate_value_and_clips(tmp_path: Path) -> None:
    content = content_of(mixed())
    program = "page.pointsOf(given.data, 2, page.clipsOf(given.data, 'all')).map((p) => page.pointText(given.data, 2, p))"
    texts = run(program, tmp_path, data=script_data(content))
    assert texts[0].startswith("facewire, 5.9 kbit/s: PSNR (luma), dB ") and texts[0].endswith("(5 clips)")
    assert texts[5].endswith("(5 clips; 1 of 5 not at the 50 kbit/s that were asked for)")


def test_ticks_are_round_and_cover_the_values(tmp_path: Path) -> None:
    ranges = [[0.1, 0.9], [20.3, 31.7], [5.0, 5.0], [0.0, 0.0], [-0.2, 0.7], [1e-4, 2e-4], [98.0, 98.01]]
    found = run("given.ranges.map(([low, high]) => page.ticksOf(low, high, 5))", tmp_path, ranges=ranges)
    for (low, high), ticks in zip(ranges, found, strict=True):
        assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8
        assert ticks == sorted(set(ticks))
    assert found[0] == [0, 0.2, 0.4, 0.6, 0.8, 1]
