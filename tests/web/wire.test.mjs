/** Messages against tests/golden/wire: read to the same fields, written to the same bytes, the same ones refused. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { packControl, parseControl } from "../../signaling/web/codec/control.js";
import { KEYFRAME_PART_PAYLOAD_BYTES, MESSAGE_MAX_BYTES } from "../../signaling/web/codec/limits.js";
import { messageBytes, parse, PROTOCOL_VERSION } from "../../signaling/web/codec/wire.js";
import { controlFromPython, fromPython, golden, hex, message, outcome, plain, ROOT } from "./helpers.mjs";

const { protocol_version: version, messages } = golden("wire", "messages.json");
const contents = (file) => new Uint8Array(readFileSync(join(ROOT, "tests", "golden", "wire", file)));

test("this is the version of the golden files", () => assert.equal(PROTOCOL_VERSION, version));

for (const { file, message: described, control, error } of messages) {
  const data = contents(file);
  if (error !== undefined) {
    test(`${file} is refused`, () => assert.equal(outcome(() => parse(data)), error));
  } else if (control !== undefined) {
    test(`${file} is read and written`, () => {
      const expected = controlFromPython(control);
      assert.deepEqual(parseControl(parse(data).payload), expected);
      const payload = packControl(expected);
      assert.equal(hex(messageBytes({ type: "ControlFrame", payload })), hex(data));
    });
  } else if (typeof described.type === "number") {
    test(`${file} is ignored`, () => assert.deepEqual(parse(data), { type: "Unknown", code: described.type }));
  } else {
    test(`${file} is read and written`, () => {
      const expected = fromPython(described);
      assert.deepEqual(plain(parse(data)), expected);
      assert.equal(hex(messageBytes(message(expected))), hex(data));
    });
  }
}

test("a message may be as long as the limit", () => {
  const control = new Uint8Array(MESSAGE_MAX_BYTES).fill(0x13);
  assert.equal(parse(control).payload.length, MESSAGE_MAX_BYTES - 1);
  assert.equal(outcome(() => parse(new Uint8Array(MESSAGE_MAX_BYTES + 1).fill(0x13))), "MalformedMessage");
});

test("a keyframe part may carry as much as the limit", () => {
  const part = { type: "KeyframePart", keyframeId: 0, index: 0, count: 2, totalBytes: 1500, crc32: 2 ** 32 - 1 };
  const carrying = (size) => messageBytes({ ...part, payload: new Uint8Array(size) });
  assert.equal(parse(carrying(KEYFRAME_PART_PAYLOAD_BYTES)).crc32, 2 ** 32 - 1);
  assert.equal(outcome(() => parse(carrying(KEYFRAME_PART_PAYLOAD_BYTES + 1))), "MalformedMessage");
});

test("what has no place in a message is not written", () => {
  const voice = (mediaMs, durationMs, size) => ({ mediaMs, durationMs, data: new Uint8Array(size) });
  const section = { keyframeId: 0, mediaMs: 0, stepMs: 40, count: 1, baseDistanceMs: 0, coded: new Uint8Array() };
  const bundle = { type: "Bundle", seq: 0, voice: [voice(0, 20, 1)], motion: [], ack: null };
  messageBytes(bundle);
  for (const wrong of [
    { seq: 65_536 },
    { voice: [voice(0, 30, 1)] },
    { voice: [voice(0, 20, 401)] },
    { voice: [voice(0, 20, 0)] },
    { voice: [voice(0, 20, 1), voice(180, 20, 1)] },
    { voice: [voice(0, 20, 1), voice(30, 20, 1)] },
    { motion: [{ ...section, stepMs: 50 }] },
    { motion: [{ ...section, count: 9 }] },
    { motion: [{ ...section, mediaMs: 512 }] },
    { motion: [{ ...section, keyframeId: null, baseDistanceMs: 30 }] },
    { motion: [{ ...section, keyframeId: null, baseDistanceMs: 5120 }] },
  ]) {
    assert.throws(() => messageBytes({ ...bundle, ...wrong }), RangeError, JSON.stringify(wrong));
  }
});
