"""How long the networks take in the browser, each alone: no call, no camera, nothing else on the page.

Must not import Playwright. Invariant: the page's own code opens and times them (`render/sizes.js`), in a page of its own
origin with its own policies; what is told is the median of warm pictures.
"""

from collections.abc import Sequence
from typing import Any, Final

SIZES: Final = ("nano", "lite")
THREADS: Final = (1, 2)
PICTURES: Final = 60
_TIMED: Final = """async ({ size, threads, pictures }) => {
  const [{ readManifest }, { loadCoding }, { openRenderer, timedMs }] = await Promise.all([
    import("/render/engine.js"), import("/call/coding.js"), import("/render/sizes.js"),
  ]);
  const renderer = await openRenderer(size, await readManifest(), await loadCoding(), threads);
  return timedMs(renderer, pictures);
}"""


def render_ms(browser: Any, address: str, sizes: Sequence[str] = SIZES) -> dict[str, dict[str, float]]:
    """Median ms a picture by size and number of threads. address: of the page."""
    found: dict[str, dict[str, float]] = {}
    for size in sizes:
        for threads in THREADS:
            # The engine takes its number of threads once a page.
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            given = {"size": size, "threads": threads, "pictures": PICTURES}
            found.setdefault(size, {})[str(threads)] = round(page.evaluate(_TIMED, given), 2)
            context.close()
    return found
