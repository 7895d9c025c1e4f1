/** The mouth that follows the voice against Python's, and the voice branch's own graph. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { parseMeshBasis } from "../../../signaling/web/codec/meshBasis.js";
import { graphOf } from "../../../signaling/web/render/engine.js";
import { lipsOnly, VoiceMouth } from "../../../signaling/web/render/mouth.js";
import { VoiceAnchor } from "../../../signaling/web/render/voiceAnchor.js";
import { VoiceFeatures } from "../../../signaling/web/render/voiceFeatures.js";
import { ROOT } from "../helpers.mjs";
import { differences, PYTHON, WEB } from "./helpers.mjs";

const ENGINE = join(WEB, "node_modules", "onnxruntime-web", "dist", "ort.node.min.mjs");
const { anchors, pictures, silence } = PYTHON.mouth;

function basis() {
  const file = readFileSync(join(ROOT, "shared", "coding", "mesh_basis.safetensors"));
  return parseMeshBasis(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
}

test("the mouth moves as Python's does, to a hundred-thousandth of a face's width", () => {
  const mouth = new VoiceMouth(lipsOnly(basis()));
  for (const { media_ms: mediaMs, voice, before, after } of pictures) {
    mouth.follow(Float32Array.from(voice), mediaMs);
    const { expression } = mouth.move({ expression: Float32Array.from(before) });
    const { most } = differences(expression, after);
    assert.ok(most < 1e-5, `${most} at ${mediaMs} ms`);
  }
});

test("a picture holds as much of the voice as in Python", async () => {
  const anchor = new VoiceAnchor();
  const said = (mediaMs) => Float32Array.from({ length: 16 }, (_, i) => mediaMs / 1000 / (i + 1));
  for (const { media_ms: mediaMs, keyframe_id: keyframeId, state, values, age_ms: poseAgeMs, share, keyframe_ms: keyframeMs, held } of anchors) {
    const due = { mediaMs, dueUs: 0, state, keyframeId, values: values ? {} : null, poseAgeMs, voiceShare: share };
    const { most } = differences(await anchor.held(due, keyframeMs, said(mediaMs), async (otherMs) => said(otherMs)), held);
    assert.ok(most < 1e-6, `${most} at ${mediaMs} ms`);
  }
});

test("the branch hears silence as Python's does", { skip: existsSync(ENGINE) ? false : "make web first" }, async () => {
  const ort = await import(pathToFileURL(ENGINE).href);
  ort.env.wasm.numThreads = 1;
  const file = new Uint8Array(readFileSync(join(ROOT, "models", "weights", "voice", "voice.onnx")));
  const graph = graphOf(ort, await ort.InferenceSession.create(file, { executionProviders: ["wasm"] }));
  const ears = await VoiceFeatures.of(graph);
  assert.equal(await ears.listen(0), null, "nobody has spoken");
  assert.ok(differences(ears.silence.expression, silence.expression).most < 1e-4);
  assert.ok(differences(ears.silence.features, silence.features).most < 1e-4);
});
