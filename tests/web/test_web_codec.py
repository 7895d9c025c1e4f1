"""The page's codec (signaling/web/codec): node runs its tests, on golden files and on what Python makes of the same input.

Needs node (20 or newer) and nothing from npm; types are checked only where `npm ci` brought the type checker.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signaling.web_limits import NAMES, TARGET, limits_module

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "signaling" / "web"
CODEC = WEB / "codec"
TSC = WEB / "node_modules" / "typescript" / "bin" / "tsc"
NODE_MIN = 20
TIMEOUT_S = 180


def node() -> str:
    """The command; skips the test where there is none that is new enough."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed: the page's codec is not tested")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_MIN:
        pytest.skip(f"node {version} is too old: the page's codec is tested from version {NODE_MIN} on")
    return found


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command at the repository's root and keeps what it prints."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.fuzz
def test_the_codec_in_javascript_does_what_python_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, answers = node(), tmp_path / "answers.json"
    made = run(sys.executable, "-m", "tests.web.python_answers", answers)
    assert made.returncode == 0, made.stderr
    files = sorted(Path(__file__).parent.glob("*.test.mjs"))
    done = run(command, "--test", "--test-reporter=tap", *files, FACEWIRE_PYTHON_ANSWERS=str(answers))
    summary = dict(re.findall(r"^# (tests|pass|fail|skipped|cancelled) (\d+)$", done.stdout, re.MULTILINE))
    with capsys.disabled():
        print("\nnode: " + ", ".join(f"{count} {what}" for what, count in summary.items()))
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
    assert int(summary["tests"]) > len(files)
    assert (summary["fail"], summary["skipped"], summary["cancelled"]) == ("0", "0", "0")


def test_the_types_of_the_codec_are_right() -> None:
    command = node()
    if not TSC.is_file():
        pytest.skip("the type checker is not installed: run make test-web, or npm ci in signaling/web")
    checked = run(command, TSC, "--project", WEB / "tsconfig.json")
    assert checked.returncode == 0, checked.stdout


def test_limits_are_those_of_python() -> None:
    assert TARGET.read_text(encoding="utf-8") == limits_module(), "run python -m signaling.web_limits"


def test_every_limit_of_the_page_is_used() -> None:
    code = " ".join(path.read_text(encoding="utf-8") for path in CODEC.glob("*.js") if path != TARGET)
    assert [name for name in NAMES if not re.search(rf"\b{name}\b", code)] == []


def test_modules_import_only_each_other() -> None:
    for path in CODEC.glob("*.js"):
        for target in re.findall(
            r"""(?:from|import)\s*\(?["']([^"']+)["']""", path.read_text(encoding="utf-8")
        ):
            assert target.startswith("./") and (CODEC / target[2:]).is_file(), f"{path.name} imports {target}"


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert "http" not in (WEB / "package-lock.json").read_text(encoding="utf-8")
