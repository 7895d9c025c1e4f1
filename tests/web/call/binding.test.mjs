/** Keyframes bound to a connection: the tags are Python's, and what is not bound is found in time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { binding, KeyframeBinding } from "../../../signaling/web/call/keyframeBinding.js";
import { KEYFRAME_BOUND_MAX_MS } from "../../../signaling/web/call/limits.js";
import { parseKeyframe } from "../../../signaling/web/codec/keyframeBlob.js";
import { bytes, golden, TABLES } from "../helpers.mjs";

const ENDS = golden("authentication", "digits.json");
const ROWS = golden("authentication", "binding.json").map((row) => ({
  ...row,
  keyframe: parseKeyframe(row.keyframe_id, bytes(row.blob), TABLES),
  a: [bytes(ENDS[row.ends].fingerprint_a), bytes(ENDS[row.ends].nonce_a)],
  b: [bytes(ENDS[row.ends].fingerprint_b), bytes(ENDS[row.ends].nonce_b)],
}));
const LIMIT_US = KEYFRAME_BOUND_MAX_MS * 1000;

function made(said = []) {
  const one = new KeyframeBinding(TABLES, (message) => said.push(message));
  one.expected = true;
  return one;
}

test("tags are those of Python", async () => {
  assert.equal(ROWS.length, 3);
  for (const { a, b, keyframe, tag } of ROWS) assert.equal(await binding(a, b, keyframe, TABLES), tag);
});

test("what is bound before it came or after is accepted", async () => {
  const said = [];
  const [{ a, b, keyframe }, later] = ROWS;
  const [sender, receiver] = [made(said), made()];
  await sender.sent(keyframe);
  assert.deepEqual(said, [], "it is on its way already");
  await receiver.came(keyframe, 0);
  await Promise.all([sender.known(a, b), receiver.known(b, a), sender.sent(later.keyframe)]);
  for (const message of said) await receiver.take(message);
  await receiver.came(later.keyframe, 0);
  assert.equal(said.length, 2);
  assert.equal(receiver.overdue(10 * LIMIT_US), false);
});

test("what is not bound, or bound in another call, is found at its limit and not before", async () => {
  const [{ a, b, keyframe, keyframe_id: keyframeId, tag }, other] = ROWS;
  for (const recorded of ["0".repeat(32), await binding(other.a, b, keyframe, TABLES), await binding(b, a, keyframe, TABLES)]) {
    const receiver = made();
    await receiver.known(b, a);
    await receiver.came(keyframe, 1000);
    await receiver.take({ kind: "keyframe_bound", keyframeId, tag: recorded });
    assert.equal(receiver.overdue(1000 + LIMIT_US), false);
    assert.equal(receiver.overdue(1001 + LIMIT_US), true);
    await receiver.came({ ...keyframe, mediaMs: keyframe.mediaMs + 40 }, LIMIT_US);
    assert.equal(receiver.overdue(1001 + LIMIT_US), true, "another one of its name has no more time");
    await receiver.came(keyframe, LIMIT_US);
    await receiver.take({ kind: "keyframe_bound", keyframeId, tag });
    assert.equal(receiver.overdue(1001 + LIMIT_US), false);
  }
});

test("a peer of before is not expected to bind", async () => {
  const receiver = made();
  receiver.expected = false;
  await receiver.came(ROWS[0].keyframe, 0);
  assert.equal(receiver.overdue(10 * LIMIT_US), false);
});
