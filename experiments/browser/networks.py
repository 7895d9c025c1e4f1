"""How long the networks take in the browser, each alone: the picture's without a call, the camera's in one that nobody renders.

Must not import Playwright. Invariant: the page's own code opens and times them (`render/sizes.js`), in a page of its own
origin with its own policies; what is told is the median of warm pictures.
"""

import statistics
from collections.abc import Sequence
from typing import Any, Final

from experiments.browser.pages import LISTENING, Guest
from experiments.browser.service import Service
from shared.signaling_messages import Role

CALL_S: Final = 60.0
SETTLE_S: Final = 5.0
LOOKS: Final = 10
SIZES: Final = ("nano", "lite")
THREADS: Final = (1, 2)
PICTURES: Final = 60
CORES_OF_THREADS: Final = {1: 2, 2: 4}
"""Cores that the page is told of, so that its workers take so many threads (`page/threads.js`)."""
_CORES: Final = "Object.defineProperty(navigator, 'hardwareConcurrency', { value: %d })"
_TIMED: Final = """async ({ size, threads, pictures }) => {
  const [{ readManifest }, { loadCoding }, { openRenderer, timedMs }] = await Promise.all([
    import("/render/engine.js"), import("/call/coding.js"), import("/render/sizes.js"),
  ]);
  const renderer = await openRenderer(size, await readManifest(), await loadCoding(), threads);
  return timedMs(renderer, pictures);
}"""


def sender_ms(browser: Any, service: Service) -> dict[str, float]:
    """Mean ms that a page spends on a picture of the camera in a call, while nobody on this machine rebuilds one, by threads."""
    return {str(threads): _sender_ms(browser, service, threads) for threads in THREADS}


def _sender_ms(browser: Any, service: Service, threads: int) -> float:
    room = f"sender-{threads}"
    context = browser.new_context()
    context.add_init_script(LISTENING)
    context.add_init_script(_CORES % CORES_OF_THREADS[threads])
    guest = Guest(context, context.new_page())
    guest.page.goto(service.link(room, Role.SENDER))
    receiver = service.receiver(room, None, CALL_S)
    try:
        guest.join()
        guest.says("Connected")
        guest.page.wait_for_timeout(1000 * SETTLE_S)
        told = []
        for _ in range(LOOKS):
            guest.page.wait_for_timeout(1000)
            told.append(guest.number("face-ms"))
        return round(statistics.median(told), 1)
    finally:
        context.close()
        receiver.terminate()


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
