/** The mouth that follows the voice against Python's, and the voice branch's own graph. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { parseMeshBasis } from "../../../signaling/web/codec/meshBasis.js";
import { graphOf } from "../../../signaling/web/render/engine.js";
import { lipsOnly, VoiceMouth } from "../../../signaling/web/render/mouth.js";
import { VoiceFeatures } from "../../../signaling/web/render/voiceFeatures.js";
import { ROOT } from "../helpers.mjs";
import { differences, PYTHON, WEB } from "./helpers.mjs";

const ENGINE = join(WEB, "node_modules", "onnxruntime-web", "dist", "ort.node.min.mjs");
const { pictures, silence } = PYTHON.mouth;

function basis() {
  const file = readFileSync(join(ROOT, "shared", "coding", "mesh_basis.safetensors"));
  return parseMeshBasis(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
}

test("the mouth moves as Python's does, to a hundred-thousandth of a face's width", () => {
  const mouth = new VoiceMouth(lipsOnly(basis()));
  for (const { media_ms: mediaMs, share, voice, before, after } of pictures) {
    mouth.follow(Float32Array.from(voice), mediaMs);
    const { expression } = mouth.move({ expression: Float32Array.from(before) }, share);
    const { most } = differences(expression, after);
    assert.ok(most < 1e-5, `${most} at ${mediaMs} ms`);
  }
});

test("motion that says how the mouth moves is left alone", () => {
  const mouth = new VoiceMouth(lipsOnly(basis()));
  const values = { expression: new Float32Array(16) };
  mouth.follow(Float32Array.from(pictures[0].voice), 0);
  assert.equal(mouth.move(values, 0), values);
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
