"""One call between two pages with a fake camera and microphone, as far as it can be measured from outside.

    page A --UDP--> [counting link without impairments] --UDP--> page B
      set-up times, wire rates both ways and what the meter says of them, pictures, likeness with the source, the longest
      task, memory

Must not import Playwright. Invariant: rates are of packets on the link, headers counted, never the page's own word; the
page's word stands beside them.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import psutil

from experiments.browser.likeness import follows
from experiments.browser.link import PageLink, between_pages
from experiments.browser.pages import LISTENING, Guest, PageFailed
from experiments.browser.service import Service
from experiments.measures.growth import growth
from experiments.network.links import Link
from shared.signaling_messages import Role
from shared.transport.impairments import Impairment

CLEAN: Final = Link("pages", "nothing but counted", 0, Impairment(), Impairment())
LOBBY_S: Final = 12.0
"""How long the second person looks at the preview before joining."""
SETTLE_S: Final = 5.0
RATE_S: Final = 20.0
LOOKS: Final = 25
LOOK_MS: Final = 200
FACE_STD: Final = 25.0
"""Of a picture with a face; the waiting card has less."""
MEMORY_STEP_S: Final = 10.0
MEMORY_SETTLE_S: Final = 120.0
"""Engines and caches fill in the first two minutes; flat is what comes afterwards."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both pages of a call, and the link between them."""

    first: Guest
    second: Guest
    link: PageLink


def measure_call(browser: Any, service: Service, minutes: float) -> dict[str, Any]:
    """Everything of one call that lasts `minutes` after its set-up. Raises PageFailed."""
    with between_pages(CLEAN) as link:
        guests = [
            _guest(browser, service.link("measured"), link, side) for side in (Role.SENDER, Role.RECEIVER)
        ]
        pair = Pair(guests[0], guests[1], link)
        try:
            found = _set_up(pair)
            found |= _steady(pair)
            found["memory"] = _memory(pair, minutes)
        finally:
            for guest in guests:
                guest.context.close()
    found["troubles"] = [trouble for guest in guests for trouble in guest.troubles]
    return found


def _guest(browser: Any, address: str, link: PageLink, side: Role) -> Guest:
    context = browser.new_context()
    context.add_init_script(LISTENING)
    link.attach(context, side)
    guest = Guest(context, context.new_page())
    guest.page.goto(address)
    guest.says("Ready")
    return guest


def _set_up(pair: Pair) -> dict[str, Any]:
    """Seconds from the second person's joining to a call, from there to the face (as it was sent) and to a rebuilt one."""
    pair.first.join()
    pair.first.says("Waiting for the other person")
    pair.second.page.click("#allow")
    pair.second.wait(lambda: "Your camera" in pair.second.page.inner_text("#preview-note"))
    pair.second.page.wait_for_timeout(1000 * LOBBY_S)
    start_s = time.monotonic()
    pair.second.page.click("#join")
    for guest in (pair.second, pair.first):
        guest.says("Connected")
    established_s = time.monotonic()
    for guest in (pair.second, pair.first):
        guest.wait(lambda guest=guest: guest.spread() > FACE_STD, what="a face")  # type: ignore[misc]
    picture_s = time.monotonic()
    for guest in (pair.second, pair.first):
        guest.wait(lambda guest=guest: guest.number("fps") > 0, what="a picture that was rebuilt")  # type: ignore[misc]
    return {
        "established_s": round(established_s - start_s, 2),
        "first_picture_s": round(picture_s - established_s, 2),
        "first_rebuilt_s": round(time.monotonic() - established_s, 2),
    }


def _steady(pair: Pair) -> dict[str, Any]:
    first, second = pair.first, pair.second
    first.page.wait_for_timeout(1000 * SETTLE_S)
    for guest in (first, second):
        guest.page.evaluate("window.longest = 0")
    before, start_s = _bytes(pair.link), time.monotonic()
    told: list[tuple[float, float]] = []
    shown_fps: list[float] = []
    while time.monotonic() - start_s < RATE_S:
        first.page.wait_for_timeout(1000)
        told.append((first.number("up"), first.number("down")))
        shown_fps += [guest.number("fps") for guest in (first, second)]
    after, passed_s = _bytes(pair.link), time.monotonic() - start_s
    longest_ms = max(float(guest.page.evaluate("window.longest")) for guest in (first, second))
    counted = [8 * (late - early) / 1000 / passed_s for early, late in zip(before, after, strict=True)]
    meter = [statistics.mean(values) for values in zip(*told, strict=True)]
    like_db, moves_db = _likeness(first, second)
    return {
        "wire_kbps": {"first_to_second": round(counted[0], 2), "second_to_first": round(counted[1], 2)},
        "meter_off_percent": round(
            100 * max(abs(said / true - 1) for said, true in zip(meter, counted, strict=True)), 1
        ),
        "fps": round(statistics.mean(shown_fps), 1),
        "longest_task_ms": round(longest_ms, 1),
        "like_the_source_db": round(like_db, 2),
        "moves_with_it_db": round(moves_db, 2),
        "sender_ms": round(max(first.number("face-ms"), second.number("face-ms")), 1),
        "network": first.page.inner_text("#network"),
    }


def _likeness(seen: Guest, seer: Guest) -> tuple[float, float]:
    """How like one page's self view the other one's picture is, and how much it moves with it, dB; see `follows`."""
    sent, shown = [], []
    for _ in range(LOOKS):
        sent.append(seen.picture("self"))
        shown.append(seer.picture())
        seer.page.wait_for_timeout(LOOK_MS)
    return follows(np.stack(sent), shown)


def _bytes(link: PageLink) -> tuple[int, int]:
    there, back = link.counts()
    return there.offered_bytes, back.offered_bytes


def _memory(pair: Pair, minutes: float) -> dict[str, Any]:
    """Resident memory of all renderer processes, sampled over the call; growth is that of a line through what follows
    MEMORY_SETTLE_S."""
    samples: list[tuple[float, float]] = []
    start_s = time.monotonic()
    while (passed_s := time.monotonic() - start_s) < 60 * minutes:
        samples.append((passed_s, _renderers_mb()))
        pair.first.page.wait_for_timeout(1000 * MEMORY_STEP_S)
        for guest in (pair.first, pair.second):
            if "Connected" not in guest.status:
                raise PageFailed(f"the call ended after {passed_s:.0f} s: {guest.status}")
    settled = [sample for sample in samples if sample[0] >= min(MEMORY_SETTLE_S, 30 * minutes)]
    return {
        "minutes": minutes,
        "mb": [round(mb) for _, mb in samples],
        "growth_percent": None if len(settled) < 3 else round(100 * growth(settled), 2),
    }


def _renderers_mb() -> float:
    """Both pages' processes: those of this program's Chromium that draw and compute."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if "--type=renderer" in process.cmdline():
                total += process.memory_info().rss / 1e6
        except psutil.Error:
            continue
    return total
