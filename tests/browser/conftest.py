"""Fixtures: Debian's Chromium with a fake camera and microphone, and the service whose page it opens.

Without Playwright, Chromium or the page's engine the tests skip, with what is missing. A page that breaks its content
security policy, or raises an error that it does not show, fails its test.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling.page import PageFolders, missing_part
from tests.browser.media import FakeMedia, make_media
from tests.browser.pages import LISTENING, Guest
from tests.browser.service import Service, start_service

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
Open = Callable[..., Guest]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for name in ("browser", "slow", "network", "e2e"):
                item.add_marker(getattr(pytest.mark, name))


@pytest.fixture(scope="session")
def playwright_api() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt install chromium, or set CHROMIUM")
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


def _launch(api: Any, arguments: list[str]) -> Any:
    # Chromium's own sandbox cannot start as root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    sound = "--autoplay-policy=no-user-gesture-required"
    return api.chromium.launch(executable_path=CHROMIUM, args=[*sandbox, sound, *arguments])


@pytest.fixture(scope="session")
def chromium(playwright_api: Any, media: FakeMedia) -> Iterator[Any]:
    """With a camera and a microphone that are allowed without asking."""
    browser = _launch(playwright_api, ["--use-fake-ui-for-media-stream", *media.arguments()])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def denying_chromium(playwright_api: Any) -> Iterator[Any]:
    """With devices that nobody allows."""
    browser = _launch(playwright_api, ["--use-fake-device-for-media-stream", "--deny-permission-prompts"])
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

    def open_link(link: str, browser: str = "chromium", before: str = "", **options: Any) -> Guest:
        """before: a script that runs ahead of the page's own."""
        context = request.getfixturevalue(browser).new_context(**options)
        context.add_init_script(LISTENING + before)
        guest = Guest(context, context.new_page())
        guests.append(guest)
        guest.page.goto(link)
        return guest

    yield open_link
    troubles = [trouble for guest in guests for trouble in guest.troubles]
    for guest in guests:
        guest.context.close()
    assert troubles == []
