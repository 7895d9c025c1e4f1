"""The repository as a whole: its top level, what must not be in it, and limits that code and tests both use."""

import ast
import functools
import re
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    *("sender", "receiver", "shared", "signaling", "models", "tests", "docker-compose.yml", "README.md"),
    *("experiments", "docs", "pyproject.toml", "Makefile", ".ci", "CHANGELOG.md", "SECURITY.md", "LICENSE"),
    "constraints.txt",
    *(".gitignore", ".dockerignore", ".editorconfig"),
}
MEDIA = re.compile(
    r"\.(mp4|mkv|avi|webm|mov|wav|opus|ogg|mp3|flac|jpe?g|png|gif|webp|avif|ivf|y4m)$", re.IGNORECASE
)
OWN_MEDIA = ("experiments/sample/", "experiments/results/plots/", "docs/images/", "tests/golden/")
"""Folders for media that this project made itself: its sample, pictures of its results, bytes of its protocol."""
LARGEST_FILE_BYTES = 2 * 1024 * 1024
PACKAGES = ("shared", "sender", "receiver", "signaling", "models", "experiments")


@functools.cache
def _files() -> tuple[str, ...]:
    """Files that are, or are about to be, in version control."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout, so nothing tells the project's files from others")
    return tuple(name for name in listing.split("\0") if name and (ROOT / name).is_file())


def _text(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", "replace")


def test_the_top_level_is_what_it_was_agreed_to_be() -> None:
    assert {name.split("/")[0] for name in _files()} == TOP_LEVEL


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    # Written in parts, so that this file does not find itself.
    places = re.compile(
        "|".join(("/wor" + "k/", "/roo" + "t/", "/hom" + "e/[a-z]", "/User" + "s/[A-Za-z]", "/tm" + "p/w/"))
    )
    assert [name for name in _files() if not _is_binary(name) and places.search(_text(name))] == []


def test_media_lies_only_where_the_project_made_it() -> None:
    assert [name for name in _files() if MEDIA.search(name) and not name.startswith(OWN_MEDIA)] == []


def test_only_weights_are_large() -> None:
    large = [name for name in _files() if (ROOT / name).stat().st_size > LARGEST_FILE_BYTES]
    assert [name for name in large if not name.startswith("models/weights/")] == []


def test_every_limit_is_enforced_by_code_and_exercised_by_a_test() -> None:
    tree = ast.parse(_text("shared/limits.py"))
    names = [
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    code = _words(name for name in _files() if name.startswith(PACKAGES) and name != "shared/limits.py")
    tests = _words(name for name in _files() if name.startswith("tests/"))
    assert names
    assert {
        "not used": [n for n in names if n not in code],
        "not tested": [n for n in names if n not in tests],
    } == {
        "not used": [],
        "not tested": [],
    }


def test_a_role_that_renders_on_a_cpu_installs_no_torch() -> None:
    extras = tomllib.loads(_text("pyproject.toml"))["project"]["optional-dependencies"]
    for extra in ("sender", "receiver", "openvino", "window", "signaling", "demo"):
        assert not {"torch", "onnxscript", "pytorch-msssim"} & _required(extra, extras), extra


def test_everything_that_is_required_is_locked() -> None:
    extras = tomllib.loads(_text("pyproject.toml"))["project"]["optional-dependencies"]
    lines = [line for line in _text("constraints.txt").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    locked = {_plain(line.split("==")[0]) for line in lines}
    required = {name for extra in extras for name in _required(extra, extras)}
    assert required - locked == set()


def _is_binary(name: str) -> bool:
    return b"\0" in (ROOT / name).read_bytes()[:8192]


def _words(names: Iterable[str]) -> set[str]:
    return {word for name in names if name.endswith(".py") for word in re.findall(r"\w+", _text(name))}


def _plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _required(extra: str, extras: dict[str, list[str]]) -> set[str]:
    """Names of the packages that an extra asks for, those of the extras it includes among them."""
    found: set[str] = set()
    for requirement in extras[extra]:
        name, _, included = re.match(r"([A-Za-z0-9._-]+)(\[([^]]*)\])?", requirement).groups()  # type: ignore[union-attr]
        if name == "facewire":
            found |= {package for part in included.split(",") for package in _required(part.strip(), extras)}
        else:
            found.add(_plain(name))
    return found
