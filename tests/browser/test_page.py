"""The page without a call: what it says, what it asks for, and what it never does."""

from typing import Any

import pytest

from experiments.browser.service import Service
from shared.signaling_messages import Role
from tests.browser.conftest import Open


def test_without_an_invitation_the_page_offers_to_start_a_call(service: Service, visit: Open) -> None:
    guest = visit(service.page)
    guest.says("no invitation")
    assert guest.page.is_visible("#start") and not guest.page.is_visible("#join")


def test_the_token_leaves_the_address_before_anything_else(service: Service, visit: Open) -> None:
    guest = visit(service.link("address"))
    guest.says("Ready")
    assert guest.page.url == service.page


def test_a_denied_camera_is_said_and_one_may_join_without(service: Service, visit: Open) -> None:
    guest = visit(service.link("denied"), browser="denying_chromium")
    guest.page.click("#allow")
    guest.wait(lambda: "does not let this page use" in guest.alert)
    assert "Allow it at the address bar, or join without" in guest.alert
    assert guest.page.get_attribute("#alert", "role") == "alert"
    guest.page.click("#join")
    guest.says("Waiting for the other person")
    assert guest.page.is_disabled("#mute") and guest.page.is_disabled("#camera-off")


def test_an_invitation_of_another_server_is_refused_in_words(service: Service, visit: Open) -> None:
    guest = visit(f"{service.page}#room=r&role=peer&token=a.b.c")
    guest.join(devices=False)
    guest.says("This link is not valid here")


def test_names_from_elsewhere_never_become_markup(service: Service, visit: Open) -> None:
    guest = visit(f"{service.page}#room=%3Cimg%20src%3Dx%3E&role=peer&token=x")
    guest.says("no invitation")
    assert guest.page.locator("img").count() == 0


def test_everything_is_reached_by_keyboard_and_named(service: Service, visit: Open) -> None:
    guest = visit(service.link("keyboard", Role.PEER))
    guest.says("Ready")
    seen = set()
    for _ in range(8):
        guest.page.keyboard.press("Tab")
        seen.add(guest.page.evaluate("document.activeElement.id"))
    assert {"allow", "join", "camera", "microphone"} <= seen
    nameless = guest.page.evaluate(
        "[...document.querySelectorAll('button, select, input, canvas, svg, video')]"
        ".filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length)).map((one) => one.id)"
    )
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_sideways(
    service: Service, visit: Open, scheme: Any
) -> None:
    guest = visit(
        service.link(f"phone-{scheme}"), viewport={"width": 360, "height": 740}, color_scheme=scheme
    )
    guest.says("Ready")
    assert guest.page.evaluate("document.documentElement.scrollWidth") <= 360
    dark = guest.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 26)"
    assert dark == (scheme == "dark")
