"""Pictures and films on the report's page: strips only of clips that may be shown, films only by the path of this machine.

    clips[].strip, cells[].strip (PNG or JPEG below the folder) --> data: URLs inside the page
    clips[].path, cells[].film --> <video> with a local address, nothing of it in the page

Must import the standard library and this package only. Invariant: no picture of a clip whose `may_show` is not true gets into the
page; no file outside the folder is read; an address is always a local one, whatever a file was called.
"""

import base64
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from experiments.rates.content import Cell, Clip, Content
from experiments.rates.markup import html, kbps

STRIP_MAX_BYTES: Final = 2 << 20
"""A strip of six pictures of 256 px is 50 to 500 kB; a larger file is something else."""
_KINDS: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")


def strip_sections(content: Content, folder: Path) -> Iterable[str]:
    """Strips of the clips that may be shown: the original, then each arm at each rate."""
    for place, clip in enumerate(content.clips):
        if not clip.may_show:
            continue
        cells = [cell for cell in content.cells if cell.clip == clip.name and cell.strip]
        named = [("original", clip.strip), *((_cell_name(cell), cell.strip) for cell in cells)]
        rows = "".join(_strip(f"{clip.name}: {name}", name, folder, file) for name, file in named if file)
        if rows:
            yield f'<div data-clip="{place}"><h3>{html(clip.name)}</h3>{rows}</div>'


def player_sections(content: Content) -> Iterable[str]:
    """Players of a clip side by side: the original and each arm whose film was kept."""
    for place, clip in enumerate(content.clips):
        films = [
            _player(_cell_name(cell), cell.film)
            for cell in content.cells
            if cell.clip == clip.name and cell.film
        ]
        if films:
            original = [_player("original", clip.path)] if clip.path else []
            yield (
                f'<details data-clip="{place}"><summary>{html(clip.name)}</summary><div class="players">'
                f'<button type="button" class="together" hidden>play all from the start</button>'
                f"{''.join([*original, *films])}</div></details>"
            )


def local_url(path: str) -> str:
    """A file: or relative address of a path. Can name no host: leading slashes, schemes and backslashes mean nothing in it."""
    if path.startswith("/"):
        return "file:///" + _quoted(path.lstrip("/"))
    if _DRIVE.match(path):
        return f"file:///{path[0]}:/" + _quoted(path[3:].replace("\\", "/").lstrip("/"))
    return "./" + _quoted(path)


def data_url(folder: Path, name: str) -> str:
    """A picture below the folder as a data: URL. Raises ValueError, with the reason, when it is not one that may be shown."""
    root, path = folder.resolve(), (folder / name).resolve()
    if not path.is_relative_to(root):
        raise ValueError("it is not in the folder of the results")
    try:
        with path.open("rb") as stream:
            data = stream.read(STRIP_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    if len(data) > STRIP_MAX_BYTES:
        raise ValueError(f"it has more than {STRIP_MAX_BYTES} bytes")
    kind = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), None)
    if kind is None:
        raise ValueError("it is neither PNG nor JPEG")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def may_show_any(clips: Iterable[Clip]) -> bool:
    """Whether any clip's pictures may be in the page."""
    return any(clip.may_show for clip in clips)


def _strip(alternative: str, name: str, folder: Path, file: str) -> str:
    try:
        image = f'<img alt="{html(alternative)}" src="{data_url(folder, file)}">'
    except ValueError as error:
        image = f'<span class="dim">no picture: {html(str(error))}</span>'
    return f"<figure><figcaption>{html(name)}</figcaption>{image}</figure>"


def _player(name: str, path: str | None) -> str:
    address = escape(local_url(path or ""), quote=True)
    return (
        f'<figure><video controls muted playsinline preload="none" src="{address}" aria-label="{html(name)}"></video>'
        f"<figcaption>{html(name)}</figcaption></figure>"
    )


def _cell_name(cell: Cell) -> str:
    return f"{cell.arm}, {kbps(cell.target_kbps)} kbit/s asked, {cell.kbps:.1f} taken"


def _quoted(path: str) -> str:
    # Bytes of a name that are not UTF-8 stand in it as lone halves (os.fsdecode); other lone halves mean nothing.
    try:
        return quote(path.encode("utf-8", "surrogateescape"), safe="/")
    except UnicodeEncodeError:
        return quote(path.encode("utf-8", "replace"), safe="/")
