/** A session and what a peer may make it do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { KEYFRAME_RATE_BURST, KEYFRAME_RATE_PER_S } from "../../../signaling/web/call/limits.js";
import { CallSession } from "../../../signaling/web/call/session.js";
import { packControl, parseControl } from "../../../signaling/web/codec/control.js";
import { crc32 } from "../../../signaling/web/codec/crc32.js";
import { Channel, Rung } from "../../../signaling/web/codec/frames.js";
import { packKeyframe } from "../../../signaling/web/codec/keyframeBlob.js";
import { messageBytes, parse } from "../../../signaling/web/codec/wire.js";
import { TABLES } from "../helpers.mjs";

const SECOND_US = 1_000_000;
const NAMES = ["send", "show", "hear", "play", "keyframe", "video", "control", "plan", "digits", "end"];
/** What a session does to the world: nothing. */
const HOOKS = Object.fromEntries(NAMES.map((name) => [name, () => {}]));
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
  const keyframe = ({ keyframeId }) => prepared.push(keyframeId);
  const session = new CallSession({ tables: TABLES, identity: "tables" }, "model", { ...HOOKS, keyframe }, 0, null);
  for (let id = 0; id <= KEYFRAME_RATE_BURST; id += 1) session.received(part(id), 0);
  assert.equal(prepared.length, KEYFRAME_RATE_BURST, "at the limit, and one past it");
  session.received(part(KEYFRAME_RATE_BURST + 1), SECOND_US / KEYFRAME_RATE_PER_S);
  assert.equal(prepared.at(-1), KEYFRAME_RATE_BURST + 1, "a second later there is room for one more");
  session.received(part(KEYFRAME_RATE_BURST), SECOND_US / KEYFRAME_RATE_PER_S);
  assert.equal(prepared.length, KEYFRAME_RATE_BURST + 1);
});

/** What a session says of its own rung when the other end pins these, one a second. */
function pinnedCall(rungs) {
  const [controls, plans] = [[], []];
  const send = ({ channel, data }) => channel === Channel.CTL && controls.push(parseControl(parse(data).payload));
  const coding = { tables: TABLES, identity: "tables" };
  const session = new CallSession(coding, "model", { ...HOOKS, send, plan: (ms) => plans.push(ms) }, 0, null);
  const told = () => controls.splice(0).filter(({ kind }) => kind === "media_config").map(({ rung }) => rung);
  session.tick(0);
  const rows = [{ told: told(), moves: session.takeSenderState().moves, rung: session.stats.rung }];
  rungs.forEach((rung, at) => {
    session.received(messageBytes({ type: "ControlFrame", payload: packControl({ kind: "pin", rung }) }), (at + 1) * SECOND_US);
    session.tick((at + 1) * SECOND_US);
    rows.push({ told: told(), moves: session.takeSenderState().moves, rung: session.stats.rung });
  });
  return { rows, plans };
}

test("a pinned rung is taken at once, told to the other end and in the numbers of the call, and freed again", () => {
  const { rows, plans } = pinnedCall([Rung.VOICE, Rung.VIDEO]);
  assert.deepEqual(rows, [
    { told: [Rung.MOTION], moves: true, rung: Rung.MOTION },
    { told: [Rung.VOICE], moves: false, rung: Rung.VOICE },
    { told: [Rung.MOTION], moves: true, rung: Rung.MOTION },
  ]);
  assert.deepEqual(plans, [100, 80], "voice packets follow the plan");
});
