/** Control messages: caps at the limit and one past it, wrong types, and msgpack that would grow. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { packControl, parseControl } from "../../signaling/web/codec/control.js";
import {
  CONTROL_MAX_ITEMS,
  CONTROL_MAX_STRING_BYTES,
  MESSAGE_MAX_BYTES,
} from "../../signaling/web/codec/limits.js";
import { bytes, outcome } from "./helpers.mjs";

const BYE = "a46b696e64a3627965"; // "kind": "bye"
const REASON = "a6726561736f6e"; // "reason"
const read = (digits) => outcome(() => parseControl(bytes(digits)));
const hexByte = (value) => value.toString(16).padStart(2, "0");

test("unknown kinds and keys are ignored", () => {
  assert.equal(read("81a46b696e64a564616e6365"), null);
  assert.deepEqual(read(`83${BYE}${REASON}a178a46d6f6f649101`), { kind: "bye", reason: "x" });
  assert.deepEqual(read(`83${BYE}${REASON}a178c4047b7d5b5d01`), { kind: "bye", reason: "x" });
});

test("what JavaScript would call the same is not", () => {
  const pin = (rung) => read(`82a46b696e64a370696ea472756e67${rung}`);
  assert.deepEqual(pin("03"), { kind: "pin", rung: 3 });
  assert.deepEqual(pin("cd0003"), { kind: "pin", rung: 3 });
  assert.deepEqual(pin("c0"), { kind: "pin", rung: null });
  for (const rung of ["04", "ff", "c3", "a133", "ca40400000", "cb4008000000000000", "90"]) {
    assert.equal(pin(rung), "MalformedMessage", rung);
  }
});

test("keys that mean something to JavaScript are only keys", () => {
  const key = "a95f5f70726f746f5f5f"; // "__proto__"
  assert.deepEqual(read(`83${BYE}${REASON}a178${key}8101`.replace(/8101$/, "80")), { kind: "bye", reason: "x" });
  assert.equal(read(`81a46b696e64${key}`), null);
});

test("strings may be as long as the limit", () => {
  const bye = (size) => ({ kind: "bye", reason: "x".repeat(size) });
  assert.deepEqual(parseControl(packControl(bye(CONTROL_MAX_STRING_BYTES))), bye(CONTROL_MAX_STRING_BYTES));
  assert.throws(() => packControl(bye(CONTROL_MAX_STRING_BYTES + 1)), RangeError);
  assert.equal(read(`82${BYE}${REASON}da0101${"78".repeat(257)}`), "MalformedMessage");
});

test("lists and maps may be as long as the limit", () => {
  for (const size of [CONTROL_MAX_ITEMS, CONTROL_MAX_ITEMS + 1]) {
    const list = `83${BYE}${REASON}a178a165dc00${hexByte(size)}${"00".repeat(size)}`;
    const entries = Array.from({ length: size - 2 }, (_, i) => `a2${Buffer.from(`${10 + i}`).toString("hex")}00`);
    const map = `de00${hexByte(size)}${BYE}${REASON}a178${entries.join("")}`;
    const expected = size === CONTROL_MAX_ITEMS ? { kind: "bye", reason: "x" } : "MalformedMessage";
    assert.deepEqual(read(list), expected);
    assert.deepEqual(read(map), expected);
  }
  const features = Array(CONTROL_MAX_ITEMS).fill("f");
  const hello = { kind: "hello", protocol: 1, model: "", tables: "", features };
  assert.deepEqual(parseControl(packControl(hello)), hello);
  assert.throws(() => packControl({ ...hello, features: [...features, "f"] }), RangeError);
});

test("a payload may be as long as the limit", () => {
  const hello = (size) => ({
    kind: "hello",
    protocol: 1,
    model: "a".repeat(256),
    tables: "b".repeat(256),
    features: ["c".repeat(256), "d".repeat(256), "e".repeat(size)],
  });
  const room = MESSAGE_MAX_BYTES - 1 - packControl(hello(32)).length;
  const longest = hello(room + 32);
  assert.equal(packControl(longest).length, MESSAGE_MAX_BYTES - 1);
  assert.deepEqual(parseControl(packControl(longest)), longest);
  assert.throws(() => packControl(hello(room + 33)), RangeError);
});

test("values out of range are not written", () => {
  const config = { kind: "media_config", fpsX10: 250, bundleMs: 80, voiceFrameMs: 80, rung: 1 };
  packControl(config);
  for (const wrong of [{ fpsX10: 601 }, { fpsX10: 2.5 }, { bundleMs: 39 }, { voiceFrameMs: 121 }, { rung: 4 }]) {
    assert.throws(() => packControl({ ...config, ...wrong }), RangeError, JSON.stringify(wrong));
  }
});

test("hostile msgpack is refused", () => {
  for (const digits of [
    "", "81", "ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff01", "c7040561626364",
    "d6ff00000001", "c700ff", "91".repeat(1100), "81a46b696e64a2fffe", "819001", "81c00100", "c1", "8080", "90", "c0",
  ]) {
    assert.equal(read(digits), "MalformedMessage", digits.slice(0, 20));
  }
});
