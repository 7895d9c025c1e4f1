"""The page in a call, as people see it: wide, dark, and on a phone. FACEWIRE_PAGE_IMAGES=docs/images keeps the pictures there."""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from experiments.browser.service import Service
from shared.signaling_messages import Role
from tests.browser.conftest import Open

CALL_S = 60
SETTLE_MS = 4000
"""For the meter to have numbers, and its line a shape."""
REDRAWN_MS = 700
FACE_SPREAD = 25.0
DARK_MAX, LIGHT_MIN = 60, 200
"""Brightness of a page's background, 0..255."""
VIEWS: Final[tuple[tuple[str, dict[str, int], Any], ...]] = (
    ("page", {"width": 1280, "height": 720}, "light"),
    ("page-dark", {"width": 1280, "height": 720}, "dark"),
    ("page-phone", {"width": 360, "height": 740}, "light"),
)
PICTURE_PLACE = """() => {
  const { left, top, right, bottom } = document.querySelector("#remote canvas").getBoundingClientRect();
  return [left, top, right, bottom];
}"""


def test_in_a_call_the_face_is_in_the_window_whatever_its_width_and_colours(
    service: Service, visit: Open, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("FACEWIRE_PAGE_IMAGES", tmp_path))
    guest = visit(service.link("pictures", Role.RECEIVER))
    guest.join(devices=False)
    guest.says("Waiting for the other person")
    sender = service.sender("pictures", CALL_S)
    guest.says("Connected")
    guest.wait(lambda: guest.spread() > FACE_SPREAD, what="a face")
    guest.page.wait_for_timeout(SETTLE_MS)
    for name, size, scheme in VIEWS:
        guest.page.set_viewport_size(size)
        guest.page.emulate_media(color_scheme=scheme)
        guest.page.evaluate("scrollTo(0, 0)")
        guest.page.wait_for_timeout(REDRAWN_MS)
        left, top, right, bottom = guest.page.evaluate(PICTURE_PLACE)
        assert guest.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert left >= 0 and right <= size["width"] and 0 <= top < bottom
        assert top + (bottom - top) / 2 < size["height"], "half of the face at least, without scrolling"
        guest.page.screenshot(path=folder / f"{name}.png")
        with Image.open(folder / f"{name}.png") as image:
            shown = np.asarray(image.convert("RGB"))
        assert shown.shape[:2] == (size["height"], size["width"])
        corner = shown[-4:, :4].mean()
        assert corner < DARK_MAX if scheme == "dark" else corner > LIGHT_MIN
        assert shown[int(max(top, 0)) : int(bottom), int(left) : int(right)].std() > FACE_SPREAD
    sender.terminate()
