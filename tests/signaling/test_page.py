"""signaling.page: what of an installation is served, and what is said when a part is missing."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from signaling.page import ENGINE, PageFolders, missing_part
from tests.signaling.bench import Bench

pytestmark = pytest.mark.network
Start = Callable[[Path], Awaitable[Bench]]
ROOT = Path(__file__).resolve().parents[2]


def page_folder(folder: Path, *, engine: bool = True) -> Path:
    """A page with a module, a tool that is nobody's business, and perhaps its engine."""
    for name, text in {
        "index.html": "<!doctype html><title>page</title>",
        "page.css": "p { color: red }",
        "codec/app.js": "export {};",
        "node_modules/tool.js": "export {};",
        "package.json": "{}",
        **({ENGINE: "\0asm", "ort/ort.wasm.min.mjs": "export {};"} if engine else {}),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


async def test_without_a_page_a_plain_sentence_says_so(bench: Bench) -> None:
    async with bench.client.get("/") as response:
        assert response.status == 404
        assert (await response.text()).startswith("The web page is not part of this installation.")


async def test_without_its_engine_the_page_says_how_to_get_it(start_bench: Start, tmp_path: Path) -> None:
    bench = await start_bench(page_folder(tmp_path / "web", engine=False))
    async with bench.client.get("/") as response:
        assert response.status == 404 and "make web" in await response.text()


def test_without_networks_the_page_is_not_served(tmp_path: Path) -> None:
    folders = PageFolders(page_folder(tmp_path / "web"), weights=tmp_path)
    assert "models/weights" in str(missing_part(folders))


async def test_a_page_is_served_as_it_is_and_nothing_beside_it(start_bench: Start, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("private")
    bench = await start_bench(page_folder(tmp_path / "web"))
    for path, kind in (
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/codec/app.js", "/javascript"),
        ("/ort/ort.wasm.min.mjs", "/javascript"),
        (f"/{ENGINE}", "application/wasm"),
    ):
        async with bench.client.get(path) as response:
            assert response.status == 200 and response.content_type.endswith(kind)
    for path in (
        "/node_modules/tool.js",
        "/package.json",
        "/../private",
        "/%2e%2e/private",
        "/..%2fprivate",
        "/codec/../../private",
        "/sub/../../private",
    ):
        async with bench.client.get(path) as response:
            assert response.status in (403, 404)


async def test_tables_and_networks_are_served_and_nothing_beside_them(bench: Bench) -> None:
    for path in (
        "/coding/motion_tables.json",
        "/coding/mesh_basis.safetensors",
        "/weights/manifest.json",
        "/weights/analyser/analyser.onnx",
    ):
        async with bench.client.get(path) as response:
            assert response.status == 200
    for path in (
        "/coding/tables.py",
        "/weights/__init__.py",
        "/weights/priors/conversion.json",
        "/weights/../training/step.py",
    ):
        async with bench.client.get(path) as response:
            assert response.status == 404


async def test_every_network_of_the_manifest_is_served(bench: Bench) -> None:
    names = json.loads((ROOT / "models" / "weights" / "manifest.json").read_text())["files"]
    for name in names:
        async with bench.client.head(f"/weights/{name}") as response:
            assert response.status == 200, name


async def test_what_is_unchanged_is_not_sent_again(bench: Bench) -> None:
    async with bench.client.get("/coding/motion_tables.json") as response:
        tag = response.headers["ETag"]
    async with bench.client.get("/coding/motion_tables.json", headers={"If-None-Match": tag}) as response:
        assert response.status == 304
