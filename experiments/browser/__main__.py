"""Command line: `python -m experiments.browser --out FILE.json [--minutes 10]`, what the page reaches in headless Chromium.

Invariant: each network is timed alone before the call; a mark that is missed is written as missed, and the program ends all
the same.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from experiments.browser.call import measure_call
from experiments.browser.chromium import ALLOWING, NO_CHROMIUM, OWN_ADDRESSES, find_chromium, launch
from experiments.browser.marks import judged
from experiments.browser.media import make_media
from experiments.browser.networks import render_ms, sender_ms
from experiments.browser.pages import PageFailed
from experiments.browser.service import start_service
from shared.errors import UserError
from shared.provenance import commit, machine
from signaling.page import PageFolders, missing_part

EXIT_USER: Final = 2
MINUTES_MAX: Final = 24 * 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 when the call failed, 2 for what one can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.browser",
        description="Measures the page: two of them call each other in headless Chromium on this machine, with the project's own "
        "sample as camera and microphone. Leave the machine alone meanwhile.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of the call, for its memory (default 10)"
    )
    options = parser.parse_args(arguments)
    if not 0 < options.minutes <= MINUTES_MAX:
        parser.error(f"--minutes is above 0 and at most {MINUTES_MAX:g}")
    try:
        result = measure(options.minutes)
    except PageFailed as error:
        print(error, file=sys.stderr)
        return 1
    except UserError as error:
        print(error, file=sys.stderr)
        return EXIT_USER
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for mark in result["marks"]:
        print(
            f"{mark['name']}: {mark['found']:g}, wanted at most {mark['most']:g}: {'kept' if mark['kept'] else 'missed'}"
        )
    return 0


def measure(minutes: float) -> dict[str, Any]:
    """Everything as JSON holds it. Raises UserError for a missing part, PageFailed for a call that did not come about."""
    if find_chromium() is None:
        raise UserError(f"There is {NO_CHROMIUM}.")
    if missing := missing_part(PageFolders()):
        raise UserError(missing)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise UserError("Playwright is not installed: pip install 'facewire[test-browser]'.") from error
    with tempfile.TemporaryDirectory(prefix="facewire-browser-") as folder, sync_playwright() as api:
        media, service = make_media(Path(folder)), start_service(Path(folder))
        try:
            browser = launch(api, [*ALLOWING, *OWN_ADDRESSES, *media.arguments()])
            render = render_ms(browser, service.page)
            sender = sender_ms(browser, service)
            call = measure_call(browser, service, minutes)
            version = browser.version
            browser.close()
        finally:
            service.stop()
    return {
        "machine": machine(), "commit": commit(), "browser": f"Chromium {version}",
        "render_ms": render, "sender_ms": sender, "call": call, "marks": judged(render, sender, call),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
