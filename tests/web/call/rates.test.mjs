/** Rate control and the choice of a rung against Python's, on a link that narrows, loses, falls silent and frees itself. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Encoder } from "../../../signaling/web/call/encoder.js";
import { Ladder, wireKbps } from "../../../signaling/web/call/ladder.js";
import { RateControl } from "../../../signaling/web/call/rateControl.js";
import { RateFollower } from "../../../signaling/web/call/rateFollower.js";
import { Rung } from "../../../signaling/web/codec/frames.js";
import { TABLES } from "../helpers.mjs";
import { PYTHON } from "./helpers.mjs";

/** Python's `**` and its sums may round the last bit in another way. */
const SHARE = 1e-9;
const { tape, costs, rtt_ms: rttMs } = PYTHON.rates;

function planOf([rung, bundleMs, motionFps, redundancy]) {
  return { rung, bundleMs, motionFps, redundancy };
}

function near(got, wanted, what) {
  assert.ok(Math.abs(got - wanted) <= SHARE * Math.max(1, Math.abs(wanted)), `${got}, not ${wanted}: ${what}`);
}

function arrivalOf([number, sentUs, arrivedUs, sizeBytes]) {
  return { number, sentUs, arrivedUs, sizeBytes };
}

test("the estimate and the plans are Python's, step by step", () => {
  const [ladder, control] = [new Ladder(), new RateControl(20)];
  for (const [kind, told, ...rest] of tape) {
    if (kind === "pin") ladder.pin(told);
    else if (kind === "reduced") control.reduced(told);
    else if (kind === "feedback") {
      const [loss, nowUs, [estimate, received, queue], flags] = rest;
      control.feedback(told.map(arrivalOf), loss, rttMs, nowUs);
      const { estimateKbps, receivedKbps, queueMs, congested, limited } = control.state;
      near(estimateKbps, estimate, `estimate at ${nowUs} us`);
      near(receivedKbps, received, `received at ${nowUs} us`);
      near(queueMs, queue, `queue at ${nowUs} us`);
      assert.deepEqual([congested, limited], flags, `at ${nowUs} us`);
    } else assert.deepEqual(ladder.decide(control.state, told), planOf(rest[0]), `at ${told} us`);
  }
});

test("plans cost what they cost in Python", () => {
  for (const [plan, once, repeated] of costs) {
    assert.equal(wireKbps(planOf(plan)), once);
    assert.equal(wireKbps(planOf(plan), true), repeated);
  }
});

test("the scenario goes down to voice and comes back, repeats aside", () => {
  const decided = tape.filter(([kind]) => kind === "decide").map(([, nowUs, plan]) => ({ nowUs, ...planOf(plan) }));
  const rungAt = (ms) => decided.findLast(({ nowUs }) => nowUs <= ms * 1000)?.rung;
  assert.deepEqual([7000, 74_000, 79_000].map(rungAt), [Rung.MOTION, Rung.VOICE, Rung.MOTION]);
  const narrow = decided.filter(({ nowUs }) => nowUs > 8e6 && nowUs < 30e6);
  assert.ok(narrow.some(({ rung }) => rung === Rung.VOICE), "a thin link has room for the voice only");
  assert.equal(decided.find(({ nowUs }) => nowUs >= 44e6)?.bundleMs, 80, "back to where it began");
  assert.ok(new Set(decided.map(({ bundleMs }) => bundleMs)).size >= 3);
});

test("the other end hears of a new rung at once", () => {
  const encoder = new Encoder(TABLES);
  const follower = new RateFollower(encoder);
  assert.deepEqual([follower.mediaConfig.bundleMs, follower.mediaConfig.voiceFrameMs], [80, 80]);
  assert.equal(follower.update(0), null);
  follower.pin(Rung.VOICE);
  assert.equal(follower.update(1000)?.rung, Rung.VOICE);
  assert.equal(encoder.poll(1000).length, 1, "one control message");
  assert.deepEqual([follower.voicePacketMs, follower.wantsMotion(40)], [100, false]);
  follower.pin(null);
  assert.equal(follower.update(2000), null, "going up takes its time");
  assert.equal(follower.update(1_000_000)?.rung, Rung.MOTION);
  assert.deepEqual([40, 80, 120, 160].map((mediaMs) => follower.wantsMotion(mediaMs)), [true, true, true, true]);
});
