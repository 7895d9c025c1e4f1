"""Debian's Chromium under Playwright: where it is and how it is started.

Must not import Playwright at its top: programs that only look for the browser need not have it. Invariant: nothing is downloaded.
"""

import os
import shutil
from collections.abc import Sequence
from typing import Any, Final

NO_CHROMIUM: Final = "no Chromium here: apt install chromium, or set CHROMIUM"
ALLOWING: Final = ("--use-fake-ui-for-media-stream",)
"""Camera and microphone are allowed without asking."""
OWN_ADDRESSES: Final = ("--disable-features=WebRtcHideLocalIpsWithMdns",)
"""Candidates name addresses, which a link that stands between two pages has to know."""


def find_chromium() -> str | None:
    """The browser's path, None where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def launch(api: Any, arguments: Sequence[str]) -> Any:
    """Playwright's browser; api: of `sync_playwright`."""
    # Chromium's own sandbox cannot start as root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    sound = "--autoplay-policy=no-user-gesture-required"
    return api.chromium.launch(executable_path=find_chromium(), args=[*sandbox, sound, *arguments])
