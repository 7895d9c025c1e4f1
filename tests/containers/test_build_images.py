"""The program that builds and runs the images: what it reads of the repository, and, where buildah is, the real thing."""

import json
from pathlib import Path

import pytest

from shared.errors import UserError
from tests.containers.build_images import ROOT, SERVICES, bases_of, main, service_of, why_not
from tests.containers.image_checks import CHECKS

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def test_an_image_is_built_as_its_service_says() -> None:
    assert service_of("demo")["build"] == {
        "context": ".", "dockerfile": "receiver/Dockerfile", "args": {"ROLE": "demo"},
    }  # fmt: skip
    assert tuple(CHECKS) == SERVICES


@pytest.mark.parametrize("name", ["redis", "nobody"])
def test_a_service_that_is_not_ours_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UserError, match="Choose from signaling, receiver"):
        service_of(name)


def test_a_stand_in_is_made_for_each_image_that_a_dockerfile_begins_with() -> None:
    assert bases_of("signaling/Dockerfile") == ["node:22-bookworm-slim", "python:3.12-slim-bookworm"]
    assert (
        bases_of("receiver/Dockerfile")
        == bases_of("receiver/Dockerfile.cuda")
        == ["python:3.12-slim-bookworm"]
    )


def test_a_machine_without_the_programs_is_told_which_and_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["--services", "signaling"]) == 2
    assert "buildah is not installed. On Debian: apt install buildah" in capsys.readouterr().err


def test_the_published_sizes_are_of_images_that_passed_every_check() -> None:
    result = json.loads((ROOT / "experiments/results/images.json").read_text(encoding="utf-8"))
    assert tuple(result["images"]) == SERVICES
    assert [
        check for image in result["images"].values() for check in image["checks"] if not check["ok"]
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_built_for_real_and_does_its_work(service: str, tmp_path: Path) -> None:
    missing = why_not("debootstrap")
    if missing:
        pytest.skip(missing)
    trusted = ["--ca-bundle", str(BUNDLE)] if BUNDLE.is_file() else []
    # Storage is kept between services: the base is bootstrapped once.
    storage = tmp_path.parent / "image_storage"
    places = ["--storage", str(storage), "--out", str(tmp_path)]
    assert main(["--services", service, "--base", "debootstrap", *trusted, *places]) == 0
