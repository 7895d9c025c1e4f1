"""Camera and microphone of the page: what happens when they cannot be had, or come too late."""

import pytest

from experiments.browser.service import Service
from tests.browser.conftest import Open

NO_CAMERA = """
// A computer with a microphone and without a camera.
(() => {
  const open = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = function (wishes) {
    if (wishes.video) return Promise.reject(new DOMException("none", "NotFoundError"));
    return open.call(this, wishes);
  };
})();
"""
SLOW_TO_ALLOW = """
// The person takes two seconds to allow the devices; what was given is remembered.
(() => {
  const open = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function (wishes) {
    await new Promise((go) => setTimeout(go, 2000));
    window.given = await open.call(this, wishes);
    return window.given;
  };
})();
"""


def test_who_was_refused_may_try_again(service: Service, visit: Open) -> None:
    guest = visit(service.link("refused"), browser="denying_chromium")
    for _ in range(2):
        guest.page.evaluate("document.querySelector('#alert').textContent = ''")
        guest.page.click("#allow")
        guest.wait(lambda: "does not let this page use" in guest.alert, what="the refusal, told anew")


def test_without_a_camera_the_microphone_is_used_alone_and_the_page_says_so(
    service: Service, visit: Open
) -> None:
    guest = visit(service.link("deaf"), before=NO_CAMERA)
    guest.page.click("#allow")
    guest.wait(lambda: "The microphone alone is used" in guest.alert)
    assert "No such camera or microphone was found" in guest.alert
    guest.page.click("#join")
    guest.says("Waiting for the other person")
    assert guest.page.is_enabled("#mute") and guest.page.is_disabled("#camera-off")


def test_what_is_open_is_what_is_chosen(service: Service, visit: Open) -> None:
    guest = visit(service.link("chosen"))
    guest.page.click("#allow")
    guest.wait(lambda: guest.page.locator("#camera option").count() > 1)
    for name in ("camera", "microphone"):
        options = guest.page.locator(f"#{name} option").all_inner_texts()
        assert options[-1] == f"no {name}" and f"any {name}" not in options
        assert guest.page.input_value(f"#{name}") not in ("", "none")


def test_devices_that_are_allowed_after_hanging_up_are_closed_again(service: Service, visit: Open) -> None:
    guest = visit(service.link("late"), before=SLOW_TO_ALLOW)
    guest.page.click("#allow")
    guest.page.click("#join")
    guest.says("Loading")
    guest.page.click("#hang-up")
    guest.says("You left the call")
    guest.wait(lambda: guest.page.evaluate("window.given !== undefined"), what="the late answer")
    ended = "window.given.getTracks().every(({ readyState }) => readyState === 'ended')"
    guest.wait(lambda: guest.page.evaluate(ended), 5, "closed devices")
    guest.page.wait_for_timeout(1000)
    assert "You left the call" in guest.status, "and nobody joined behind the person's back"


@pytest.mark.parametrize("press", ["mute", "camera-off"])
def test_hanging_up_brings_a_person_who_uses_the_keyboard_to_what_follows(
    service: Service, visit: Open, press: str
) -> None:
    guest = visit(service.link(f"keys-{press}"))
    guest.join()
    guest.says("Waiting for the other person")
    guest.page.click(f"#{press}")
    guest.page.focus("#hang-up")
    guest.page.keyboard.press("Enter")
    guest.says("You left the call")
    assert guest.page.evaluate("document.activeElement.id") == "ended-title"
    assert guest.page.get_attribute(f"#{press}", "aria-pressed") == "false", "the next call begins anew"
