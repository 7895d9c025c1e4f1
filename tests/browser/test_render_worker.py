"""The picture's worker by itself (render/renderWorker.js): what is on show before anything moves, and what it does first."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.browser.service import Service
from shared.frames import Keyframe
from tests.browser.conftest import Open
from tests.models.runtime.faces import reference
from tests.receiver.keyframes import keyframe

WORK = """async ([keyframes, motion, ending]) => {
  const holder = document.body.appendChild(document.createElement("div"));
  holder.id = "rebuilt";
  const canvas = holder.appendChild(document.createElement("canvas")).transferControlToOffscreen();
  const worker = new Worker("/render/renderWorker.js", { type: "module" });
  const { port1, port2 } = new MessageChannel();
  const ready = new Promise((done, fail) => {
    worker.onmessage = ({ data }) => (data.type === "ready" ? done() : fail(data.message));
  });
  worker.postMessage({ type: "load", ears: false, threads: 1, size: "nano", device: "wasm" });
  worker.postMessage({ type: "open", canvas, port: port2 }, [canvas, port2]);
  await ready;
  const told = [];
  const expected = keyframes.length + (motion === null ? 0 : 1);
  const done = new Promise((all) => (port1.onmessage = ({ data }) => {
    told.push(data.type === "reference" ? data.keyframeId : data.type);
    if (told.length === expected) all();
  }));
  for (const one of keyframes) {
    const { image, shape, anchors, mask } = one;
    const arrays = { image: Uint8Array.from(image), shape: Int16Array.from(shape), anchors: Int16Array.from(anchors) };
    port1.postMessage({ type: "keyframe", keyframe: { ...one, ...arrays, mask: Uint8Array.from(mask) } });
  }
  if (motion !== null) {
    const values = Object.fromEntries(Object.entries(motion).map(([name, array]) => [name, Float32Array.from(array)]));
    const due = { mediaMs: 40, dueUs: 0, state: "fresh", keyframeId: 0, values, poseAgeMs: 0, voiceShare: 0 };
    port1.postMessage({ type: "show", due });
  }
  await done;
  if (ending) {
    port1.postMessage({ type: "reset" });
    await new Promise((go) => setTimeout(go, 500));
  }
  worker.terminate();
  return told;
}"""
STILL: dict[str, list[float]] = {
    "affine": [0.0] * 6,
    "expression": [0.0] * 16,
    "keypoints": [0.0] * 16,
    "codes": [0.0] * 8,
}


def _told(frame: Keyframe) -> dict[str, Any]:
    arrays: dict[str, NDArray[Any]] = {"shape": frame.shape, "anchors": frame.anchors, "mask": frame.mask}
    return {
        "keyframeId": frame.keyframe_id, "mediaMs": frame.media_ms, "format": frame.format.value,
        "widthPx": frame.width_px, "heightPx": frame.height_px, "image": list(frame.image),
        **{name: array.ravel().tolist() for name, array in arrays.items()},
    }  # fmt: skip


def test_the_first_keyframe_is_on_show_before_any_pose_has_come(service: Service, visit: Open) -> None:
    guest = visit(service.page)
    assert guest.page.evaluate(WORK, [[_told(keyframe(0))], None, False]) == [0]
    shown, sent = guest.picture("rebuilt").astype(float), reference(0).picture.astype(float)
    top = slice(0, 220)  # below it is the mark
    assert np.abs(shown[top] - sent[top]).mean() < 8
    assert guest.picture("rebuilt")[240:250, 6:60].std() > 40, "the mark says what it is"


def test_a_picture_that_is_ready_to_be_shown_does_not_wait_for_a_second_keyframe(
    service: Service, visit: Open
) -> None:
    keyframes = [_told(keyframe(number)) for number in (0, 1)]
    assert visit(service.page).page.evaluate(WORK, [keyframes, STILL, False]) == [0, "shown", 1]


def test_nobody_is_shown_once_another_connection_begins(service: Service, visit: Open) -> None:
    guest = visit(service.page)
    assert guest.page.evaluate(WORK, [[_told(keyframe(0))], None, True]) == [0]
    shown, sent = guest.picture("rebuilt").astype(float), reference(0).picture.astype(float)
    assert np.abs(shown - sent).mean() > 30 and guest.picture("rebuilt").std() < 30, "the waiting card"
