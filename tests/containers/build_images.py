"""Builds the images of docker-compose.yml with buildah, runs them as compose would, and writes what came out.

    python -m tests.containers.build_images                                  all but the CUDA receiver; needs buildah and root
    python -m tests.containers.build_images --services signaling --base debootstrap      where no image registry is reached
    python -m tests.containers.build_images --ca-bundle FILE                 behind a proxy with a certificate of its own

OUT holds images.json: of each image its size, the largest packages in it, and each check with its time. Nothing is pushed; all of
it lies in STORAGE, which may be removed afterwards. Exit status: 0, 1 when a build or a check failed, 2 for what one can mend.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from shared.errors import UserError
from shared.provenance import commit, machine
from tests.containers.base_image import describe, make_base
from tests.containers.image_checks import CHECKS, Check, Image

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final = ("signaling", "receiver", "demo")
"""The CUDA receiver's wheels are gigabytes and say nothing without a card, so it is built only when it is named."""
_CA: Final = "/etc/ssl/certs/ca-certificates.crt"
_LARGEST: Final = 8


@dataclass(frozen=True, slots=True)
class Buildah:
    """The program with its storage. volumes: mounted while something is built."""

    storage: Path
    volumes: tuple[str, ...] = ()

    def __call__(self, words: Sequence[str]) -> str:
        """Runs one command, returns what it printed; raises UserError."""
        place = [
            "--storage-driver",
            "vfs",
            "--root",
            str(self.storage / "root"),
            "--runroot",
            str(self.storage / "run"),
        ]
        isolated = ["--isolation", "chroot"] if words[0] in ("run", "build") else []
        command = ["buildah", *place, words[0], *isolated, *words[1:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise UserError(
                f"buildah {words[0]} failed, for what it said above. "
                "Where no image registry is reached, --base debootstrap does without."
            )
        return done.stdout

    def mounts(self) -> list[str]:
        """The volumes as words of a command."""
        return [word for volume in self.volumes for word in ("--volume", volume)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        missing = why_not(options.base)
        if missing:
            raise UserError(missing)
        return _run(options)
    except UserError as error:
        print(f"images: {error}", file=sys.stderr)
        return 2


def why_not(base: str) -> str | None:
    """What keeps images from being built here, as a sentence; None when nothing does."""
    for program in (
        "buildah",
        "unshare",
        "setpriv",
        "ip",
        *(["debootstrap"] if base == "debootstrap" else []),
    ):
        if shutil.which(program) is None:
            return (
                f"{program} is not installed. On Debian: apt install buildah debootstrap iproute2 util-linux."
            )
    return None if os.geteuid() == 0 else "Namespaces and mounts need root: run it with sudo."


def service_of(name: str) -> dict[str, Any]:
    """A service of docker-compose.yml that is built here. Raises UserError."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    if "build" not in services.get(name, {}):
        ours = ", ".join(name for name, given in services.items() if "build" in given)
        raise UserError(f"There is no image of ours called {name}. Choose from {ours}.")
    return services[name]


def bases_of(dockerfile: str) -> list[str]:
    """Images that a Dockerfile begins its stages with, each once."""
    lines = (ROOT / dockerfile).read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(line.split()[1] for line in lines if line.startswith("FROM ")))


def _run(options: argparse.Namespace) -> int:
    storage: Path = options.storage.resolve()
    storage.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(storage, _volumes(storage, options.ca_bundle))
    file = options.out / "images.json"
    made = json.loads(file.read_text())["images"] if file.exists() else {}
    base = describe() if options.base == "debootstrap" else "as the Dockerfiles name them"
    for service in options.services.split(","):
        made[service] = _image(buildah, service, options.base, options.out)
        result = {"machine": machine(), "commit": commit(), "base": base, "images": made}
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    failed = [f"{name}: {check['name']}" for name in options.services.split(",")
              for check in made[name]["checks"] if not check["ok"]]  # fmt: skip
    print(
        f"images: {len(made)} in {file}; {'failed: ' + ', '.join(failed) if failed else 'all checks passed'}"
    )
    return 1 if failed else 0


def _image(buildah: Buildah, service: str, base: str, out: Path) -> dict[str, Any]:
    build = service_of(service)["build"]
    dockerfile, arguments = build["dockerfile"], build.get("args", {})
    if base == "debootstrap":
        make_base(buildah.storage, buildah, bases_of(dockerfile), buildah.volumes)
    name, begun = f"localhost/facewire-{service}", time.monotonic()
    given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    pull = ["--pull-never"] if base == "debootstrap" else []
    # The format of Docker: the other one has no health check.
    buildah(["build", "--format", "docker", "--quiet", *pull, *buildah.mounts(), *given,
             "--file", str(ROOT / dockerfile), "--tag", name, str(ROOT)])  # fmt: skip
    seconds = time.monotonic() - begun
    container = buildah(["from", "--pull-never", name]).strip()
    try:
        root = Path(buildah(["mount", container]).strip())
        config = json.loads(buildah(["inspect", "--type", "image", name]))["Docker"]["config"]
        checks = list(
            _told(
                service,
                CHECKS[service.removesuffix("-gpu")](
                    Image(root, config, service_of(service).get("command", []), out / service)
                ),
            )
        )
        packages = _packages(root)
        return {
            "dockerfile": dockerfile,
            "build_s": round(seconds, 1),
            "unpacked_mb": _megabytes(root),
            "ours_mb": _megabytes(root / "opt/facewire"),
            "largest_mb": dict(sorted(packages.items(), key=lambda row: -row[1])[:_LARGEST]),
            "checks": [asdict(check) for check in checks],
        }
    finally:
        buildah(["rm", container])


def _told(service: str, checks: Sequence[Check]) -> Sequence[Check]:
    for check in checks:
        print(
            f"{service:10} {'ok    ' if check.ok else 'FAILED'} {check.seconds:6.1f} s  {check.name}  {check.said}",
            flush=True,
        )
    return checks


def _packages(root: Path) -> dict[str, float]:
    folders = (root / "opt/facewire/lib").glob("python3.*/site-packages/*")
    return {folder.name: _megabytes(folder) for folder in folders if folder.is_dir()}


def _megabytes(folder: Path) -> float:
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return round(sum(file.lstat().st_size for file in files) / 1e6, 1)


def _volumes(storage: Path, bundle: Path | None) -> tuple[str, ...]:
    """Certificates for pip and npm, mounted while something is built, never copied into an image."""
    if bundle is None:
        return ()
    if not bundle.is_file():
        raise UserError(f"There is no file {bundle}. Give --ca-bundle a PEM file with certificates.")
    (storage / "pip.conf").write_text(f"[global]\ncert = {_CA}\n", encoding="utf-8")
    (storage / "npmrc").write_text(f"cafile={_CA}\n", encoding="utf-8")
    places = (
        (bundle.resolve(), _CA),
        (storage / "pip.conf", "/etc/pip.conf"),
        (storage / "npmrc", "/page/.npmrc"),
    )
    return tuple(f"{source}:{target}:ro" for source, target in places)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.containers.build_images",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--services", default=",".join(SERVICES), help="whose images (default: %(default)s)")
    parser.add_argument("--base", choices=("pull", "debootstrap"), default="pull",
                        help="where FROM images come from; debootstrap: Debian 12 stands in for them")  # fmt: skip
    parser.add_argument(
        "--ca-bundle", type=Path, metavar="FILE", help="PEM file that pip and npm trust while building"
    )
    parser.add_argument(
        "--storage", type=Path, default=Path("out/images/storage"), help="default: %(default)s"
    )
    parser.add_argument("--out", type=Path, default=Path("out/images"), help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
