"""Texts and tables of the report's page; names of files are hostile until they have been through here.

Must import the standard library only. Invariant: whatever a file or an encoder called itself comes out as harmless text: no
markup, no control or direction characters, no half characters that cannot be written as UTF-8, no formula of a spreadsheet.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

_HIDDEN: Final = frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff"
)
"""Marks that turn the direction of what stands around them, and line ends that only some programs see."""
TEXT_MAX: Final = 500
"""Characters of one name or reason; an encoder's whole log belongs elsewhere."""


def clean(text: str) -> str:
    """One line of at most TEXT_MAX characters that can be shown anywhere; what cannot be shown becomes U+FFFD."""
    line = " ".join(text.split())
    shown = "".join("\ufffd" if _bad(sign) else sign for sign in line[: TEXT_MAX + 1])
    return shown if len(shown) <= TEXT_MAX else shown[: TEXT_MAX - 1] + "…"


def html(text: str) -> str:
    """The text for an element's content or a quoted attribute."""
    return escape(clean(text), quote=True)


def cell_text(text: str) -> str:
    """The text for CSV: one that a spreadsheet would take for a formula gets an apostrophe before it."""
    shown = clean(text)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown


def json_for_script(value: Any) -> str:
    """JSON that may stand inside a script element: no `<`, `>` or `&` in it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: float | None, digits: int) -> str:
    """The number, or a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"


def kbps(value: float) -> str:
    """A rate that was asked for, without zeros that say nothing."""
    return f"{value:g}"


def attributes(values: Mapping[str, str]) -> str:
    """` name="value"` for each; names are ours, values are escaped."""
    return "".join(f' {name}="{html(value)}"' for name, value in values.items())


def data_table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    row_attributes: Sequence[Mapping[str, str]] = (),
    words: bool = False,
) -> str:
    """A table of plain texts with a caption; the first cell of a row heads it. words: the cells are sentences.

    row_attributes: of each row, or nothing. In a box that scrolls by itself, reachable with the keyboard.
    """
    top = "".join(f'<th scope="col">{html(cell)}</th>' for cell in head)
    marks = [attributes(each) for each in row_attributes] or [""] * len(rows)
    body = "".join(f"<tr{mark}>{_row(row)}</tr>" for mark, row in zip(marks, rows, strict=True))
    kind = "wide words" if words else "wide"
    return (
        f'<div class="{kind}" role="region" tabindex="0" aria-label="{html(caption)}"><table><caption>{html(caption)}'
        f"</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str]) -> str:
    return f'<th scope="row">{html(cells[0])}</th>' + "".join(f"<td>{html(cell)}</td>" for cell in cells[1:])


def _bad(sign: str) -> bool:
    return sign in _HIDDEN or unicodedata.category(sign) in ("Cc", "Cs", "Cn", "Co")
