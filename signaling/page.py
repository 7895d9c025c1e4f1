"""The files of the page: what of this installation is served, and what is missing for it.

Imports no codec. Invariant: only what is listed here is served; weights only if the manifest names them; a page that
could not work is not served, a sentence says what is missing.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

_PROJECT: Final = Path(__file__).parents[1]
WEB_FOLDER: Final = _PROJECT / "signaling" / "web"
FOLDERS: Final = ("call", "codec", "face", "ort", "page", "render", "sound")
"""What of the web folder is served; its tools (node_modules, package.json) are not anybody's business."""
FILES: Final = ("icon.svg", "page.css")
CODING_FILES: Final = ("mesh_basis.safetensors", "motion_tables.json")
ENGINE: Final = "ort/ort-wasm-simd-threaded.wasm"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class PageFolders:
    """Where the page's parts lie. web: its code. coding: tables of the bitstream. weights: networks."""

    web: Path = WEB_FOLDER
    coding: Path = _PROJECT / "shared" / "coding"
    weights: Path = _PROJECT / "models" / "weights"


def missing_part(folders: PageFolders) -> str | None:
    """What keeps the page from being served, as a sentence; None when it is all there."""
    if not (folders.web / "index.html").is_file():
        return "The web page is not part of this installation."
    if not (folders.web / ENGINE).is_file():
        return "The web page's engine is not here yet: run `make web` (it needs npm), then start again."
    if not (folders.weights / MANIFEST).is_file():
        return "The networks (models/weights) are not part of this installation."
    return None


def add_page(app: web.Application, folders: PageFolders) -> None:
    """Routes of everything the page loads from its own origin."""

    async def page(_: web.Request) -> web.StreamResponse:
        if missing := missing_part(folders):
            text = f"{missing} The signaling service itself is running at /ws.\n"
            return web.Response(text=text, status=404)
        return web.FileResponse(folders.web / "index.html")

    app.router.add_get("/", page)
    for name in FOLDERS:
        if (folders.web / name).is_dir():
            app.router.add_static(f"/{name}", folders.web / name)
    listed = {f"/{name}": folders.web / name for name in FILES}
    listed |= {f"/coding/{name}": folders.coding / name for name in CODING_FILES}
    listed |= {f"/weights/{name}": folders.weights / name for name in _weight_names(folders.weights)}
    for route, path in listed.items():
        if path.is_file():
            app.router.add_get(route, _file(path))


def _weight_names(folder: Path) -> list[str]:
    try:
        return [MANIFEST, *json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path)

    return answer
