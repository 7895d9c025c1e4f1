// face/pace.js: fewer pictures where they take too long, and back only with room to spare.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../../../signaling/web/face/pace.js";

const after = (pace, ms, pictures) => {
  for (let i = 0; i < pictures; i += 1) pace.spent(ms);
  return pace.stepMs;
};

test("a camera whose pictures are quick is looked at every 40 ms", () => {
  assert.equal(after(new Pace(), 25, 100), 40);
});

test("one that takes long is looked at half as often, after some pictures and not after one", () => {
  const pace = new Pace();
  assert.equal(after(pace, 60, 11), 40);
  assert.equal(after(pace, 60, 1), 80);
});

test("what is between calm and busy changes nothing; calm brings the pictures back", () => {
  const pace = new Pace();
  after(pace, 60, 12);
  assert.equal(after(pace, 20, 100), 80);
  assert.equal(after(pace, 10, 100), 40);
});
