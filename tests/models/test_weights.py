import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import weights
from models.weights import (
    WEIGHTS_DIR,
    WeightFile,
    bundle_digest,
    int8_or_whole,
    open_verified,
    read_manifest,
    sha256_of,
    use_weights,
    verify,
)
from shared.errors import UserError

LARGEST_REPOSITORY_BYTES = 60_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.onnx").write_bytes(b"weights")
    return tmp_path


def listed(folder: Path) -> dict[str, WeightFile]:
    path = folder / "net.onnx"
    return {"net.onnx": WeightFile("net.onnx", sha256_of(path), path.stat().st_size, "MIT", "a test")}


def test_the_right_bytes_are_opened(folder: Path) -> None:
    assert verify("net.onnx", folder, listed(folder)) == folder / "net.onnx"


def test_altered_bytes_are_refused(folder: Path) -> None:
    files = listed(folder)
    (folder / "net.onnx").write_bytes(b"weightS")
    with pytest.raises(UserError, match="not the ones in the manifest"):
        verify("net.onnx", folder, files)


def test_a_missing_file_is_named(folder: Path) -> None:
    files = listed(folder)
    (folder / "net.onnx").unlink()
    with pytest.raises(UserError, match="listed but missing"):
        verify("net.onnx", folder, files)


@pytest.mark.parametrize("name", ["other.onnx", "../net.onnx", ""])
def test_a_file_that_is_not_listed_is_never_opened(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match="There are no weights named"):
        verify(name, folder, listed(folder))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": []}', '{"files": {"a": {}}}', '{"files": {"a": 3}}', '{"files": 3}']
)
def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    if text == '{"files": []}':
        text = ""
    with pytest.raises(UserError, match="list of weights"):
        read_manifest(tmp_path / "manifest.json")


def test_a_missing_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="list of weights"):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.model
def test_every_listed_file_is_there_and_right() -> None:
    files = read_manifest()
    assert files
    for name, entry in files.items():
        assert open_verified(name).stat().st_size == entry.bytes
        assert entry.licence and entry.run


@pytest.mark.model
def test_every_weight_file_is_listed() -> None:
    found = {path.relative_to(WEIGHTS_DIR).as_posix() for path in WEIGHTS_DIR.rglob("*.onnx")}
    assert found == set(read_manifest())


@pytest.mark.model
def test_all_weights_together_stay_small() -> None:
    assert sum(entry.bytes for entry in read_manifest().values()) < LARGEST_REPOSITORY_BYTES


def test_a_bundle_is_named_by_all_its_files_in_order() -> None:
    first, second = sorted(read_manifest())[:2]
    assert len({bundle_digest([first]), bundle_digest([first, second]), bundle_digest([second, first])}) == 3


def test_the_manifest_keeps_its_form_when_written_anew(tmp_path: Path) -> None:
    from models.export.manifest import write_manifest

    (tmp_path / "lite").mkdir()
    (tmp_path / "lite" / "render.onnx").write_bytes(b"one")
    (tmp_path / "priors").mkdir()
    (tmp_path / "priors" / "mesh.onnx").write_bytes(b"two")
    path = write_manifest({"lite": "run 7"}, tmp_path)
    files = read_manifest(path)
    assert files["lite/render.onnx"].run == "run 7"
    assert files["lite/render.onnx"].sha256 == sha256_of(tmp_path / "lite" / "render.onnx")
    assert "Apache-2.0" in files["priors/mesh.onnx"].licence
    before = json.loads(path.read_text())
    write_manifest({}, tmp_path)
    assert json.loads(path.read_text()) == before, "what is known about a file is kept"
    shutil.rmtree(tmp_path / "lite")
    write_manifest({}, tmp_path)
    assert set(read_manifest(path)) == {"priors/mesh.onnx"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """Another `lite` in a folder of its own; what the process uses is put back."""
    from models.export.manifest import write_manifest

    (tmp_path / "lite").mkdir()
    (tmp_path / "lite" / "render.onnx").write_bytes(b"mine")
    write_manifest({"lite": "my run"}, tmp_path)
    yield tmp_path
    weights._own.clear()
    open_verified.cache_clear()


def test_ones_own_weights_go_before_the_shipped_ones_with_their_whole_group(own: Path) -> None:
    shipped = read_manifest()
    use_weights(own)
    assert open_verified("lite/render.onnx") == own / "lite" / "render.onnx"
    assert {name for name in read_manifest() if name.startswith("lite/")} == {"lite/render.onnx"}
    assert open_verified("analyser/analyser.onnx") == WEIGHTS_DIR / "analyser" / "analyser.onnx"
    assert bundle_digest(["lite/render.onnx"]) != sha256_of(own / "lite" / "render.onnx")
    assert read_manifest()["voice/voice.onnx"] == shipped["voice/voice.onnx"]


def test_the_int8_copy_is_preferred_where_there_is_one() -> None:
    assert int8_or_whole("a/b.onnx", {"a/b.onnx", "a/b.int8.onnx"}) == "a/b.int8.onnx"
    assert int8_or_whole("a/b.onnx", {"a/b.onnx", "c/b.int8.onnx"}) == "a/b.onnx"


def test_an_int8_copy_that_is_new_is_of_the_run_of_its_original(own: Path) -> None:
    from models.export.manifest import write_manifest

    (own / "lite" / "render.int8.onnx").write_bytes(b"smaller")
    write_manifest({}, own)
    assert read_manifest(own / "manifest.json")["lite/render.int8.onnx"].run == "my run"


def test_ones_own_weights_are_verified_too(own: Path) -> None:
    use_weights(own)
    (own / "lite" / "render.onnx").write_bytes(b"other")
    with pytest.raises(UserError, match="not the ones in the manifest"):
        open_verified("lite/render.onnx")


def test_a_folder_without_a_manifest_changes_nothing(own: Path) -> None:
    before = read_manifest()
    with pytest.raises(UserError, match=r"no weights in .*models\.export"):
        use_weights(own / "lite")
    assert read_manifest() == before


def test_a_folder_with_a_broken_manifest_changes_nothing(own: Path) -> None:
    before = read_manifest()
    (own / "lite" / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="list of weights"):
        use_weights(own / "lite")
    assert read_manifest() == before
