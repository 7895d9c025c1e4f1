/** A session and what a peer may make it do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { KEYFRAME_RATE_BURST, KEYFRAME_RATE_PER_S } from "../../../signaling/web/call/limits.js";
import { CallSession } from "../../../signaling/web/call/session.js";
import { crc32 } from "../../../signaling/web/codec/crc32.js";
import { packKeyframe } from "../../../signaling/web/codec/keyframeBlob.js";
import { messageBytes } from "../../../signaling/web/codec/wire.js";
import { TABLES } from "../helpers.mjs";

const SECOND_US = 1_000_000;
const IMAGE = Uint8Array.from({ length: 300 }, (_, at) => at);

/** The one part of a keyframe. */
function part(keyframeId) {
  const blob = packKeyframe({
    keyframeId,
    mediaMs: 40 * keyframeId,
    format: 1,
    widthPx: 256,
    heightPx: 256,
    image: IMAGE,
    shape: new Int16Array(TABLES.shape.maximum.length),
    anchors: new Int16Array(TABLES.anchors.maximum.length),
    mask: new Uint8Array(1024),
  }, TABLES);
  const whole = { index: 0, count: 1, totalBytes: blob.length, crc32: crc32(blob), payload: blob };
  return messageBytes({ type: "KeyframePart", keyframeId, ...whole });
}

test("keyframes past the rate are refused and cost nothing", () => {
  const prepared = [];
  const nothing = () => {};
  const hooks = { send: nothing, show: nothing, hear: nothing, play: nothing, control: nothing, digits: nothing, end: nothing };
  const keyframe = ({ keyframeId }) => prepared.push(keyframeId);
  const session = new CallSession({ tables: TABLES, identity: "tables" }, "model", { ...hooks, keyframe }, 0, null);
  for (let id = 0; id <= KEYFRAME_RATE_BURST; id += 1) session.received(part(id), 0);
  assert.equal(prepared.length, KEYFRAME_RATE_BURST, "at the limit, and one past it");
  session.received(part(KEYFRAME_RATE_BURST + 1), SECOND_US / KEYFRAME_RATE_PER_S);
  assert.equal(prepared.at(-1), KEYFRAME_RATE_BURST + 1, "a second later there is room for one more");
  session.received(part(KEYFRAME_RATE_BURST), SECOND_US / KEYFRAME_RATE_PER_S);
  assert.equal(prepared.length, KEYFRAME_RATE_BURST + 1);
});
