/** The sending state machine against Python's: the same calls, message by message. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "../../../signaling/web/codec/wire.js";
import { Encoder } from "../../../signaling/web/call/encoder.js";
import { bytes, hex, symbols, TABLES } from "../helpers.mjs";
import { PYTHON } from "./helpers.mjs";

const KEYFRAME = { shape: Int16Array, anchors: Int16Array };

function frame({ media_ms: mediaMs, keyframe_id: keyframeId, symbols: row }) {
  return { mediaMs, keyframeId, symbols: symbols(row) };
}

function packet({ media_ms: mediaMs, duration_ms: durationMs, data }) {
  return { mediaMs, durationMs, data: bytes(data) };
}

function keyframe(value) {
  const { keyframe_id: keyframeId, media_ms: mediaMs, width_px: widthPx, height_px: heightPx, format } = value;
  const rows = Object.fromEntries(Object.entries(KEYFRAME).map(([name, kind]) => [name, kind.from(value[name])]));
  return { keyframeId, mediaMs, format, widthPx, heightPx, image: bytes(value.image), mask: bytes(value.mask), ...rows };
}

function replayed(tape) {
  const encoder = new Encoder(TABLES);
  encoder.pushControl({ kind: "hello", protocol: 1, model: "m", tables: "t", features: [] });
  encoder.pushControl({ kind: "bye", reason: "end" });
  let polls = 0;
  for (const [kind, value, ...rest] of tape) {
    if (kind === "motion") encoder.pushMotion(frame(value));
    else if (kind === "voice") encoder.pushVoice(packet(value));
    else if (kind === "keyframe") encoder.pushKeyframe(keyframe(value));
    else if (kind === "own-ack") encoder.pushAck(parse(bytes(value)), rest[0]);
    else if (kind === "ack") {
      encoder.receiveAck(parse(bytes(value)), rest[0]);
      const arrivals = encoder.takeArrivals();
      assert.deepEqual(arrivals.map((one) => [one.number, one.sentUs, one.arrivedUs, one.sizeBytes]), rest[1]);
    } else {
      const sent = encoder.poll(value).map(({ channel, data }) => [channel, hex(data)]);
      const state = [encoder.usableKeyframeIds, encoder.takeKeyframeWish()];
      assert.deepEqual([sent, encoder.nextPollUs(value), ...state], rest, `at ${value} us`);
      polls += sent.length;
    }
  }
  return polls;
}

for (const [name, tape] of Object.entries(PYTHON.encoder)) {
  test(`a call through the link "${name}" is sent as Python sends it`, () => {
    assert.ok(replayed(tape) > 80);
  });
}

test("an acknowledgement of the future is refused and changes nothing", () => {
  const encoder = new Encoder(TABLES);
  const report = { highestSeq: 5, history: 0, ageMs: 0, jitterMs: 0, arrivalTicks: 0, gapsTicks: [] };
  const ack = { type: "Ack", report, newestMotionMs: null, keyframesHeld: [], request: null };
  const wishes = { wantsKeyframe: true, basesLost: false, wantsIntra: [] };
  assert.throws(() => encoder.receiveAck({ ...ack, ...wishes }, 1000), { name: "MalformedMessage" });
  assert.equal(encoder.takeKeyframeWish(), false);
});
