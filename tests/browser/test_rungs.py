"""A rung that one page pins is what the other sends from then on, and both say so; the voice goes on."""

from experiments.browser.pages import Guest
from experiments.browser.service import Service
from tests.browser.conftest import Open

LOUD = 0.01


def pin(listener: Guest, speaker: Guest, choice: str, rung: str) -> None:
    """Choose, and wait until both pages say so and the voice is heard."""
    listener.page.select_option("#rung", choice)
    listener.wait(lambda: listener.page.inner_text("#their-rung") == rung, what=f"{rung} is told")
    speaker.wait(lambda: speaker.page.inner_text("#own-rung") == rung, what=f"{rung} is sent")
    listener.page.wait_for_timeout(1500)  # what was on its way has been played
    listener.wait(lambda: listener.loudness() > LOUD, 10, f"the voice on the rung {rung}")


def test_a_page_sends_the_voice_alone_while_the_other_pins_it(service: Service, visit: Open) -> None:
    listener, speaker = visit(service.link("pin")), visit(service.link("pin"))
    for guest in (listener, speaker):
        guest.join()
    listener.says("Connected")
    listener.wait(lambda: listener.number("fps") > 0, what="a picture")
    pin(listener, speaker, "0", "voice")
    pin(listener, speaker, "", "motion")
    listener.wait(lambda: listener.number("fps") > 0, what="a picture again")
