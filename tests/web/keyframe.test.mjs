/** Keyframe blobs and their parts: there and back, claims at the limit and one past it, every broken byte refused. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { crc32 } from "../../signaling/web/codec/crc32.js";
import { KeyframeAssembly } from "../../signaling/web/codec/keyframeAssembly.js";
import { packKeyframe, parseKeyframe } from "../../signaling/web/codec/keyframeBlob.js";
import { GALLERY_SIZE, KEYFRAME_IDLE_MS, KEYFRAMES_PENDING } from "../../signaling/web/codec/limits.js";
import { KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX } from "../../signaling/web/codec/limits.js";
import { Lcg, outcome, TABLES } from "./helpers.mjs";

const IMAGE_OVERHEAD_BYTES = 100;

function keyframe(change = {}) {
  const lcg = new Lcg(1);
  const around = (reach) => lcg.below(2 * reach + 1) - reach;
  const within = (plan) => Int16Array.from(plan.maximum, (most) => around(Math.min(most, 9)));
  return {
    keyframeId: 7,
    mediaMs: 2 ** 32 - 1,
    format: 1,
    widthPx: 256,
    heightPx: 128,
    image: lcg.bytes(1800),
    shape: within(TABLES.shape),
    anchors: within(TABLES.anchors),
    mask: Uint8Array.from({ length: 1024 }, (_, at) => (at % 32 > 8 && at > 300 ? 1 : 0)),
    ...change,
  };
}

function parts(blob, keyframeId = 7, size = 1100) {
  const count = Math.ceil(blob.length / size);
  const rest = { type: "KeyframePart", keyframeId, count, totalBytes: blob.length, crc32: crc32(blob) };
  return Array.from({ length: count }, (_, index) => {
    return { ...rest, index, payload: blob.subarray(index * size, (index + 1) * size) };
  });
}

const blob = packKeyframe(keyframe(), TABLES);

test("the checksum is zlib's", () => assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926));

test("what is packed is read back", () => assert.deepEqual(parseKeyframe(7, blob, TABLES), keyframe()));

test("a broken or missing byte is refused", () => {
  for (let at = 0; at < blob.length; at += 7) {
    const broken = blob.slice();
    broken[at] ^= 0x55;
    assert.equal(outcome(() => parseKeyframe(7, broken, TABLES)), "MalformedMessage", `byte ${at}`);
    assert.equal(outcome(() => parseKeyframe(7, blob.subarray(0, at), TABLES)), "MalformedMessage", `cut at ${at}`);
  }
});

test("claims may be as large as the limit", () => {
  const refused = (change) => outcome(() => parseKeyframe(7, packKeyframe(keyframe(change), TABLES), TABLES));
  assert.equal(refused({ widthPx: KEYFRAME_MAX_SIDE_PX, heightPx: 1 }).widthPx, KEYFRAME_MAX_SIDE_PX);
  for (const change of [
    { widthPx: KEYFRAME_MAX_SIDE_PX + 1 }, { heightPx: KEYFRAME_MAX_SIDE_PX + 1 }, { heightPx: 0 }, { format: 2 },
    { image: new Uint8Array() },
  ]) {
    assert.equal(refused(change), "MalformedMessage", JSON.stringify(change));
  }
});

test("a blob may be as large as the limit", () => {
  const overhead = packKeyframe(keyframe({ image: new Uint8Array(IMAGE_OVERHEAD_BYTES) }), TABLES).length;
  const most = KEYFRAME_MAX_BYTES - overhead + IMAGE_OVERHEAD_BYTES;
  const largest = packKeyframe(keyframe({ image: new Uint8Array(most).fill(1) }), TABLES);
  assert.equal(largest.length, KEYFRAME_MAX_BYTES);
  assert.equal(parseKeyframe(7, largest, TABLES).image.length, most);
  assert.throws(() => packKeyframe(keyframe({ image: new Uint8Array(most + 1).fill(1) }), TABLES), RangeError);
  const longer = Uint8Array.of(...largest, 0);
  assert.equal(outcome(() => parseKeyframe(7, longer, TABLES)), "MalformedMessage");
});

test("parts in any order, with repeats, make up the keyframe once", () => {
  const assembly = new KeyframeAssembly(TABLES);
  const [first, second] = parts(blob);
  assert.deepEqual([second, second, first, first, second].map((part) => assembly.add(part, 0) !== null), [
    false, false, true, false, false,
  ]);
  assert.deepEqual(assembly.held, [7]);
  assembly.forget(7);
  assert.deepEqual(assembly.held, []);
});

test("a keyframe that went quiet is asked for by its missing parts", () => {
  const assembly = new KeyframeAssembly(TABLES);
  assembly.add(parts(blob)[1], 1000);
  const idleUs = KEYFRAME_IDLE_MS * 1000;
  assert.equal(assembly.quietUs(1000), 1000 + idleUs);
  assert.equal(assembly.request(null, 999 + idleUs), null);
  assert.deepEqual(assembly.request(null, 1000 + idleUs), { keyframeId: 7, missing: 1 });
  assert.deepEqual(assembly.request(9, 1000), { keyframeId: 9, missing: 0xffff });
  assert.equal(assembly.request(7, 1000), null);
});

test("only so many keyframes are put together at once, and only so many are kept", () => {
  const assembly = new KeyframeAssembly(TABLES);
  const ids = Array.from({ length: KEYFRAMES_PENDING + 1 }, (_, id) => id);
  for (const id of ids) assembly.add(parts(blob, id)[0], 0);
  const complete = ids.reverse().map((id) => assembly.add(parts(blob, id)[1], 0) !== null);
  assert.deepEqual(complete, [true, true, false], "the one begun first was dropped");
  for (let id = 10; id < 11 + GALLERY_SIZE; id += 1) for (const part of parts(blob, id)) assembly.add(part, 0);
  assert.deepEqual(assembly.held, [11, 12, 13, 14]);
});

test("parts that do not add up are refused", () => {
  const [first, second] = parts(blob);
  const assembly = new KeyframeAssembly(TABLES);
  assembly.add(first, 0);
  const forged = { ...second, payload: second.payload.slice(1) };
  assert.equal(outcome(() => assembly.add(forged, 0)), "MalformedMessage");
  assert.deepEqual(assembly.held, []);
});
