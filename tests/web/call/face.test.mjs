/** Face tracking and motion encoding against Python's, picture by picture, with the shipped networks in onnxruntime-web. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { parseMeshBasis } from "../../../signaling/web/codec/meshBasis.js";
import { PICTURE_SIZE_PX } from "../../../signaling/web/call/limits.js";
import { faceExtent, SteadyCrop, toCrop } from "../../../signaling/web/face/crop.js";
import { cut } from "../../../signaling/web/face/image.js";
import { MotionEncoder, personMask } from "../../../signaling/web/face/motionEncoder.js";
import { FaceTracker } from "../../../signaling/web/face/tracker.js";
import { graphOf } from "../../../signaling/web/render/engine.js";
import { ROOT, TABLES } from "../helpers.mjs";
import { base64, differences, PYTHON, WEB } from "./helpers.mjs";

const ENGINE = join(WEB, "node_modules", "onnxruntime-web", "dist", "ort.node.min.mjs");
const SIDE = PICTURE_SIZE_PX;

async function open(name) {
  const ort = await import(pathToFileURL(ENGINE).href);
  ort.env.wasm.numThreads = 1;
  const file = readFileSync(join(ROOT, "models", "weights", name));
  return graphOf(ort, await ort.InferenceSession.create(new Uint8Array(file), { executionProviders: ["wasm"] }));
}

test("the sample's face gives Python's mesh, crop, mask and symbols", { skip: existsSync(ENGINE) ? false : "make web first" }, async () => {
  const names = ["priors/face_detector", "priors/face_mesh", "priors/segmentation", "analyser/analyser.int8"];
  const [detector, mesh, segmentation, analyser] = await Promise.all(names.map((name) => open(`${name}.onnx`)));
  const file = readFileSync(join(ROOT, "shared", "coding", "mesh_basis.safetensors"));
  const basisFile = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
  const coding = { tables: TABLES, basis: parseMeshBasis(basisFile), basisFile, identity: "" };
  const [tracker, crops, coder] = [new FaceTracker(detector, mesh), new SteadyCrop(), new MotionEncoder(analyser, coding)];
  let [reference, away, symbolsSeen] = [null, 0, 0];
  for (const expected of PYTHON.face) {
    const picture = { data: base64(expected.picture), width: SIDE, height: SIDE, channels: 3 };
    const face = await tracker.update(picture);
    assert.ok(face !== null);
    const landmarks = differences(face.landmarks, expected.landmarks);
    assert.ok(landmarks.most < 0.6 && landmarks.mean < 0.06, JSON.stringify(landmarks));
    const { crop } = crops.update(SIDE, SIDE, faceExtent(face.landmarks));
    assert.deepEqual([crop.xPx, crop.yPx, crop.sidePx], expected.crop);
    const rgb = cut(picture, crop, SIDE);
    const view = { rgb, landmarks: toCrop(face.landmarks, crop), mask: await personMask(segmentation, rgb) };
    assert.ok(differences(view.mask, expected.mask).mean < 0.005);
    reference ??= await coder.makeReference(view);
    assert.ok(differences(reference.shape, expected.shape).most <= 2);
    assert.ok(differences(reference.anchors, expected.anchors).most <= 1);
    const symbols = differences(await coder.encode(view, reference, null), expected.symbols);
    assert.ok(symbols.most <= 3, JSON.stringify(symbols));
    away += symbols.mean * expected.symbols.length;
    symbolsSeen += expected.symbols.length;
  }
  assert.ok(away / symbolsSeen < 0.25, `symbols are ${away / symbolsSeen} steps away in the mean`);
});
