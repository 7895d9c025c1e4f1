"""A page as a person sees it: its buttons, its words, its picture and its sound.

Must not import Playwright: pages and contexts are handed in. Invariant: waiting ends, with the page's own words when what was
waited for did not come.
"""

import base64
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

POLL_S = 0.2
LISTENING = """
// What a page sends to its loudspeaker can be measured: window.loudness() is its level at this moment, 0..1.
(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const ear = new AnalyserNode(target.context, { fftSize: 2048 });
      connect.call(this, ear);
      const heard = new Float32Array(2048);
      window.loudness = () => {
        ear.getFloatTimeDomainData(heard);
        return Math.sqrt(heard.reduce((sum, value) => sum + value * value, 0) / heard.length);
      };
    }
    return connect.call(this, target, ...rest);
  };
  // The longest task of the main thread.
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
  }).observe({ type: "longtask" });
})();
"""
_PICTURE = """(holder) => {
  const shown = document.querySelector(`#${holder} canvas, #${holder} video`);
  const copy = document.createElement("canvas");
  copy.width = copy.height = 256;
  copy.getContext("2d").drawImage(shown, 0, 0, 256, 256);
  return copy.toDataURL("image/png");
}"""


_SPREAD = """(holder) => {
  const shown = document.querySelector(`#${holder} canvas, #${holder} video`);
  const small = new OffscreenCanvas(16, 16).getContext("2d");
  small.drawImage(shown, 0, 0, 16, 16);
  const values = [...small.getImageData(0, 0, 16, 16).data].filter((_, at) => at % 4 !== 3);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}"""


class PageFailed(Exception):
    """The page did not become what was waited for."""


class Guest:
    """One page in a profile of its own."""

    def __init__(self, context: Any, page: Any) -> None:
        self.context, self.page = context, page
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("console", self._note)

    def _note(self, message: Any) -> None:
        # The page's own tokens are asked for by POST, and a refusal is an answer, not a trouble.
        refused = "the server responded with a status of 403" in message.text
        if message.type in ("error", "warning") and not refused:
            self.troubles.append(f"{message.type}: {message.text}")

    @property
    def status(self) -> str:
        """What the page says is going on."""
        return str(self.page.inner_text("#status"))

    @property
    def alert(self) -> str:
        """What the page says went wrong."""
        return str(self.page.inner_text("#alert"))

    @property
    def digits(self) -> str:
        """The security number, empty while there is none."""
        return str(self.page.inner_text("#digits"))

    def number(self, name: str) -> float:
        """A number of the meter, NaN while there is none."""
        first = self.page.inner_text(f"#{name}").split()[0]
        return float("nan") if first == "\u2013" else float(first)

    def join(self, devices: bool = True) -> None:
        """Press the buttons of somebody who joins; devices: with camera and microphone."""
        if devices:
            self.page.click("#allow")
            self.wait(lambda: "Your camera" in self.page.inner_text("#preview-note"))
            self.page.wait_for_timeout(500)
        self.page.click("#join")

    def says(self, words: str, within_s: float = 60) -> None:
        """Wait until the page says this."""
        self.wait(lambda: words in self.status, within_s, words)

    def wait(self, true: Callable[[], bool], within_s: float = 60, what: str = "") -> float:
        """Seconds until it is true. Raises PageFailed, with the page's words, when it does not become so."""
        start_s = time.monotonic()
        while not true():
            passed_s = time.monotonic() - start_s
            if "Something in this page failed" in self.status and "failed" not in what:
                raise PageFailed(f"the page failed: {self.alert}")
            if passed_s >= within_s:
                raise PageFailed(f"{what!r} did not come: {self.status!r} {self.alert!r}")
            self.page.wait_for_timeout(1000 * POLL_S)
        return time.monotonic() - start_s

    def picture(self, holder: str = "remote") -> NDArray[np.uint8]:
        """What a canvas shows, uint8 (256, 256, 3)."""
        url = self.page.evaluate(_PICTURE, holder)
        with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as image:
            return np.asarray(image.convert("RGB"))

    def spread(self, holder: str = "remote") -> float:
        """Standard deviation of what a canvas shows, made small: looking costs the page next to nothing."""
        return float(self.page.evaluate(_SPREAD, holder))

    def loudness(self) -> float:
        """Level of what goes to the loudspeaker at this moment, 0..1."""
        return float(self.page.evaluate("window.loudness ? window.loudness() : 0"))
