"""Fixtures: Debian's Chromium with a fake camera and microphone, and the service whose page it opens.

Without Playwright, Chromium or the page's engine the tests skip, with what is missing. A page that breaks its content
security policy, or raises an error that it does not show, fails its test.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.browser.chromium import ALLOWING, NO_CHROMIUM, find_chromium, launch
from experiments.browser.link import PageLink
from experiments.browser.media import FakeMedia, make_media
from experiments.browser.pages import LISTENING, Guest
from experiments.browser.service import Service, start_service
from shared.signaling_messages import Role
from signaling.page import PageFolders, missing_part

Open = Callable[..., Guest]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for name in ("browser", "slow", "network", "e2e"):
                item.add_marker(getattr(pytest.mark, name))


@pytest.fixture(scope="session")
def playwright_api() -> Iterator[Any]:
    if find_chromium() is None:
        pytest.skip(NO_CHROMIUM)
    if missing := missing_part(PageFolders()):
        pytest.skip(missing)
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: make test-browser"
    )
    with sync_api.sync_playwright() as api:
        yield api


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> FakeMedia:
    return make_media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def chromium(playwright_api: Any, media: FakeMedia) -> Iterator[Any]:
    """With a camera and a microphone that are allowed without asking."""
    browser = launch(playwright_api, [*ALLOWING, *media.arguments()])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def denying_chromium(playwright_api: Any) -> Iterator[Any]:
    """With devices that nobody allows."""
    browser = launch(playwright_api, ["--use-fake-device-for-media-stream", "--deny-permission-prompts"])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start_service(tmp_path_factory.mktemp("service"))
    yield running
    running.stop()


@pytest.fixture
def visit(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens links, each in a browser profile of its own; what went wrong in a page fails the test at its end."""
    guests: list[Guest] = []

    def open_link(
        link: str,
        browser: str = "chromium",
        before: str = "",
        impaired: tuple[PageLink, Role] | None = None,
        **options: Any,
    ) -> Guest:
        """before: a script that runs ahead of the page's own. impaired: what its packets pass, and on which side."""
        context = request.getfixturevalue(browser).new_context(**options)
        context.add_init_script(LISTENING + before)
        if impaired is not None:
            impaired[0].attach(context, impaired[1])
        guest = Guest(context, context.new_page())
        guests.append(guest)
        guest.page.goto(link)
        return guest

    yield open_link
    troubles = [trouble for guest in guests for trouble in guest.troubles]
    for guest in guests:
        guest.context.close()
    assert troubles == []
