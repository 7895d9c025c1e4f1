"""The rest of the page's code (signaling/web but its codec): node runs its tests, on what Python makes of the same input.

Needs node (20 or newer); the tests of the networks also need what `make web` fetches, and say so where it is missing.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signaling.web_limits import CALL_NAMES, CALL_TARGET, limits_module
from tests.web.test_web_codec import ROOT, WEB, node, run

FOLDERS = ("call", "face", "page", "render", "sound")


def modules() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((WEB / folder).glob("*.js"))]


@pytest.mark.fuzz
@pytest.mark.model
def test_the_page_does_what_python_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, answers = node(), tmp_path / "answers.json"
    made = run(sys.executable, "-m", "tests.web.call_answers", answers)
    assert made.returncode == 0, made.stderr
    files = sorted((Path(__file__).parent / "call").glob("*.test.mjs"))
    done = run(command, "--test", "--test-reporter=tap", *files, FACEWIRE_CALL_ANSWERS=str(answers))
    summary = dict(re.findall(r"^# (tests|pass|fail|skipped) (\d+)$", done.stdout, re.MULTILINE))
    with capsys.disabled():
        print("\nnode: " + ", ".join(f"{count} {what}" for what, count in summary.items()))
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
    assert int(summary["tests"]) > len(files) and summary["fail"] == "0"


def test_limits_are_those_of_python() -> None:
    assert CALL_TARGET.read_text(encoding="utf-8") == limits_module(CALL_NAMES), (
        "run python -m signaling.web_limits"
    )


def test_every_limit_of_the_page_is_used() -> None:
    code = " ".join(path.read_text(encoding="utf-8") for path in modules() if path != CALL_TARGET)
    assert [name for name in CALL_NAMES if not re.search(rf"\b{name}\b", code)] == []


def test_modules_import_files_of_the_page_only() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"""(?:from|import)\s*\(?["']([^"']+)["']""", text):
            if target.startswith("onnxruntime-web"):
                assert re.search(rf"""import\("{target}"\)""", text), "for its types only, in a comment"
                continue
            assert (path.parent / target).resolve().is_file(), f"{path.name} imports {target}"


def test_nothing_writes_markup_or_asks_another_origin() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert word not in text, f"{path.name} uses {word}"
        assert re.findall(r"https?://", re.sub(r"`https://host/[^`]*`", "", text)) == [], path.name


def test_the_page_has_no_inline_code_or_style() -> None:
    text = (WEB / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", text) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_npm_brings_stays_out_of_the_repository() -> None:
    for name in ("ort/ort.wasm.min.mjs", "node_modules/x"):
        asked = subprocess.run(
            ["git", "check-ignore", "--quiet", f"signaling/web/{name}"], cwd=ROOT, check=False
        )
        assert asked.returncode in (0, 128), name
