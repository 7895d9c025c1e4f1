"""axe-core on the page in every state that people meet: nothing serious, nothing critical."""

import pytest

from experiments.browser.service import Service
from tests.browser.accessibility import complaints
from tests.browser.conftest import Open


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_start_page_has_no_serious_fault(service: Service, visit: Open, scheme: str) -> None:
    guest = visit(service.page, color_scheme=scheme)
    guest.says("no invitation")
    assert complaints(guest) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_call_and_its_end_have_no_serious_fault(service: Service, visit: Open, scheme: str) -> None:
    guests = [visit(service.link(f"axe-{scheme}"), color_scheme=scheme) for _ in range(2)]
    for guest in guests:
        guest.join(devices=False)
    guest.wait(lambda: bool(guest.digits), what="a call")
    assert complaints(guest) == []
    guests[0].page.click("#hang-up")
    guest.says("hung up")
    assert complaints(guest) == []


def test_a_page_that_warns_has_no_serious_fault(service: Service, visit: Open) -> None:
    guest = visit(service.link("axe-denied"), browser="denying_chromium")
    guest.page.click("#allow")
    guest.wait(lambda: bool(guest.alert), what="a warning")
    assert complaints(guest) == []


def test_faults_are_found_where_there_are_some(service: Service, visit: Open) -> None:
    guest = visit(service.page)
    guest.page.evaluate("document.getElementById('start').textContent = ''")
    assert any(line.startswith("button-name") for line in complaints(guest))
