/** How long the codec takes in node: `node tests/web/bench.mjs`. Prints the median of ROUNDS in microseconds. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Decoder } from "../../signaling/web/codec/decoder.js";
import { drivingPoints, parseMeshBasis, pointsFromShape } from "../../signaling/web/codec/meshBasis.js";
import { decodeMotion, dequantiseMotion, encodeMotion } from "../../signaling/web/codec/motionCode.js";
import { Playout } from "../../signaling/web/codec/playout.js";
import { messageBytes } from "../../signaling/web/codec/wire.js";
import { Lcg, ROOT, TABLES } from "./helpers.mjs";

const ROUNDS = 31;
const BUNDLES = 250;
const BUNDLE_MS = 80;

/** A head that moves by up to a symbol a frame: 46 symbols for each of `count` frames. */
function walk(count) {
  const lcg = new Lcg(7);
  const { minimum, maximum } = TABLES.motion;
  const rows = [new Int16Array(minimum.length)];
  while (rows.length < count) {
    rows.push(rows.at(-1).map((old, i) => Math.min(maximum[i], Math.max(minimum[i], old + lcg.below(3) - 1))));
  }
  return rows;
}

const rows = walk(2 * BUNDLES);
const voice = new Uint8Array(90);
const coded = Array.from({ length: BUNDLES }, (_, i) => {
  return encodeMotion(rows.slice(2 * i, 2 * i + 2), i ? rows[2 * i - 1] : null, 1, TABLES);
});
const messages = coded.map((bytes, i) => {
  const mediaMs = i * BUNDLE_MS;
  const section = { keyframeId: i ? null : 0, mediaMs, stepMs: 40, count: 2, baseDistanceMs: i ? 40 : 0, coded: bytes };
  const packet = { mediaMs, durationMs: BUNDLE_MS, data: voice };
  return messageBytes({ type: "Bundle", seq: i, voice: [packet], motion: [section], ack: null });
});
const file = readFileSync(join(ROOT, "shared", "coding", "mesh_basis.safetensors"));
const basis = parseMeshBasis(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const reference = pointsFromShape(new Int16Array(70), TABLES, basis);

const WORK = {
  "encode the motion of a bundle": () => {
    for (let i = 1; i < BUNDLES; i += 1) encodeMotion(rows.slice(2 * i, 2 * i + 2), rows[2 * i - 1], 1, TABLES);
  },
  "decode the motion of a bundle": () => {
    for (let i = 1; i < BUNDLES; i += 1) decodeMotion(coded[i], 2, rows[2 * i - 1], 1, TABLES);
  },
  "receive a bundle (parse, decode, acknowledge)": () => {
    const decoder = new Decoder(TABLES);
    messages.forEach((data, i) => {
      decoder.receive(data, i * BUNDLE_MS * 1000);
      decoder.poll(i * BUNDLE_MS * 1000);
    });
    if (decoder.stats.motionFrames !== 2 * BUNDLES) throw new Error("bundles were lost");
  },
  "play a bundle (two pictures, one packet)": () => {
    const playout = new Playout(TABLES);
    playout.addKeyframe(0);
    for (let i = 0; i < BUNDLES; i += 1) {
      const nowUs = i * BUNDLE_MS * 1000;
      playout.pushVoice({ mediaMs: i * BUNDLE_MS, durationMs: BUNDLE_MS, data: voice }, nowUs);
      for (const k of [0, 1]) {
        playout.pushMotion({ mediaMs: i * BUNDLE_MS + k * 40, keyframeId: 0, symbols: rows[2 * i + k] }, nowUs);
        playout.pictureAt(nowUs + k * 40_000);
        playout.voiceAt(nowUs + k * 40_000);
      }
    }
  },
  "driving mesh of two frames": () => {
    for (const row of rows) drivingPoints(reference, dequantiseMotion(row, TABLES), basis);
  },
};

const bytesEach = coded.reduce((sum, one) => sum + one.length, 0) / BUNDLES;
console.log(`node ${process.version}, ${bytesEach.toFixed(1)} coded bytes a bundle of two frames`);
for (const [name, work] of Object.entries(WORK)) {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return ((performance.now() - start) * 1000) / BUNDLES;
  });
  const sorted = times.slice().sort((one, other) => one - other);
  console.log(`${name}: ${sorted[ROUNDS >> 1].toFixed(1)} us a bundle (first round ${times[0].toFixed(1)})`);
}
