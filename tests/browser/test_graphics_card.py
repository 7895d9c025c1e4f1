"""The networks on a graphics card (WebGPU), here one that Chromium imitates on the processor: right pictures, and the way back.

Speed is not looked at, nor is a call made: an imitated card takes minutes for what WebAssembly does in a second, which is why a
page takes one only when told to. A real card was not at hand.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from experiments.browser.chromium import ALLOWING, launch
from experiments.browser.media import FakeMedia
from experiments.browser.service import Service

IMITATED = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
LEVELS_MAX = 1.5
"""Half of what a page accepts (CARD_LEVELS_MAX): float32 on the card against int8 on the processor."""
OPENED = """async ({ device }) => {
  const [{ readManifest }, { loadCoding }, { Networks }] = await Promise.all([
    import("/render/engine.js"), import("/call/coding.js"), import("/render/networks.js"),
  ]);
  const networks = await Networks.open(await readManifest(), await loadCoding(), { threads: 1, size: "nano", device });
  const opened = networks.device;
  const left = await networks.leaveCard();
  return { opened, left, then: networks.device, again: await networks.leaveCard() };
}"""
APART = """async (size) => {
  const [{ readManifest }, { loadCoding }, { levelsApart, openRenderer }] = await Promise.all([
    import("/render/engine.js"), import("/call/coding.js"), import("/render/sizes.js"),
  ]);
  const [manifest, coding] = [await readManifest(), await loadCoding()];
  const opened = [];
  for (const device of ["wasm", "webgpu"]) opened.push(await openRenderer(size, manifest, coding, 1, device));
  return levelsApart(...opened);
}"""

CAMERA = """async (device) => {
  const [{ readManifest }, { openCameraNetworks }] = await Promise.all([
    import("/render/engine.js"), import("/face/cameraNetworks.js"),
  ]);
  const warnings = [];
  console.warn = (...words) => warnings.push(words.join(" "));
  const networks = await openCameraNetworks(await readManifest(), 1, device);
  const image = { data: new Float32Array(192 * 192 * 3).fill(0.5), dims: [1, 192, 192, 3] };
  const { presence_logit: presence } = await networks.mesh.run({ image });
  return { presence: presence.data[0], names: Object.keys(networks), warnings };
}"""


@pytest.fixture(scope="module")
def with_card(playwright_api: Any, media: FakeMedia) -> Iterator[Any]:
    browser = launch(playwright_api, [*ALLOWING, *IMITATED, *media.arguments()])
    page = browser.new_page()
    page.goto("chrome://version")
    offered = page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())")
    page.close()
    if not offered:
        browser.close()
        pytest.skip("this Chromium imitates no graphics card")
    yield browser
    browser.close()


@pytest.fixture
def card_page(with_card: Any, service: Service) -> Iterator[Any]:
    context = with_card.new_context()
    page = context.new_page()
    page.goto(service.page)
    yield page
    context.close()


def test_a_card_gives_the_processors_picture(card_page: Any) -> None:
    apart = card_page.evaluate(APART, "nano")
    print(f"\n{apart:.2f} levels apart")
    assert 0 < apart < LEVELS_MAX


def test_an_imitated_card_is_taken_only_when_asked_for_and_left_when_it_fails(card_page: Any) -> None:
    assert card_page.evaluate(OPENED, {"device": None})["opened"] == "wasm"
    asked = card_page.evaluate(OPENED, {"device": "webgpu"})
    assert asked == {"opened": "webgpu", "left": True, "then": "wasm", "again": False}


def test_without_a_card_the_page_goes_on_with_the_processor(chromium: Any, service: Service) -> None:
    page = chromium.new_page()
    page.goto(service.page)
    assert page.evaluate(OPENED, {"device": "webgpu"})["opened"] == "wasm"
    page.close()


@pytest.mark.slow
def test_the_cameras_networks_on_a_card_give_the_processors_numbers(card_page: Any) -> None:
    """Minutes: the imitated card translates the shaders of three networks."""
    on_processor, on_card = [card_page.evaluate(CAMERA, device) for device in ("wasm", "webgpu")]
    assert on_card["names"] == ["detector", "mesh", "segmentation", "analyser"]
    assert on_card["warnings"] == [], "all three agreed"
    assert on_card["presence"] == pytest.approx(on_processor["presence"], rel=0.01)
