/** The choice of a reference and the policy of keyframes against Python's, picture by picture. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { parseMeshBasis, pointsFromShape } from "../../../signaling/web/codec/meshBasis.js";
import { KeyframePolicy } from "../../../signaling/web/face/keyframePolicy.js";
import { ReferenceChoice } from "../../../signaling/web/face/referenceChoice.js";
import { ROOT, TABLES } from "../helpers.mjs";
import { floats, PYTHON } from "./helpers.mjs";

const { pictures, references } = PYTHON.references;

function basis() {
  const file = readFileSync(join(ROOT, "shared", "coding", "mesh_basis.safetensors"));
  return parseMeshBasis(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
}

/** References by id. */
function gallery() {
  const mesh = basis();
  const entries = references.map(({ keyframe_id: keyframeId, crop: [xPx, yPx, sidePx], shape, provisional }) => {
    const code = { points: pointsFromShape(Int16Array.from(shape), TABLES, mesh) };
    return [keyframeId, { keyframeId, crop: { xPx, yPx, sidePx }, code, provisional }];
  });
  return new Map(entries);
}

test("every picture is coded against the reference that Python takes, and keyframes come when Python's do", () => {
  const [choice, policy, known] = [new ReferenceChoice(), new KeyframePolicy(), gallery()];
  for (const expected of pictures) {
    const landmarks = floats(expected.landmarks);
    const usable = expected.usable.map((keyframeId) => known.get(keyframeId));
    const chosen = choice.choose(usable, landmarks)?.keyframeId ?? null;
    const { wantsAnother } = choice;
    const kind = policy.decide(expected.media_ms, landmarks, expected.reasons);
    assert.deepEqual(
      [chosen, wantsAnother, kind, policy.beginsAnew],
      [expected.chosen, expected.wants_another, expected.kind, expected.begins_anew],
      `at ${expected.media_ms} ms`,
    );
    if (kind !== null && policy.beginsAnew) choice.beginAnew();
  }
});

test("the scenario has what it is about: returns to earlier references, and four of them", () => {
  const chosen = pictures.map((picture) => picture.chosen).filter((keyframeId) => keyframeId !== null);
  const returns = chosen.filter((keyframeId, at) => at > 0 && keyframeId < chosen[at - 1]);
  assert.ok(returns.length >= 3, `${returns.length} returns`);
  assert.ok(pictures.some(({ usable }) => usable.length === 4));
  assert.ok(pictures.some(({ kind, begins_anew: anew }) => kind === "full" && !anew), "one for its worth");
  assert.ok(new Set(chosen).size >= 5);
});
