/** When a call becomes an ordinary one: only between two pages, and only where one of them lacks a part. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { sameCertificates } from "../../../signaling/web/page/fingerprints.js";
import { featuresOf, lacksPart, takesTracks, wayOut } from "../../../signaling/web/page/ordinary.js";

const PARTS = ["picture", "voice", "camera", "microphone"];
const WHOLE = Object.fromEntries(["connection", "secure", "tracks", "isolated", ...PARTS].map((part) => [part, true]));
const PYTHON = [["video"], []];
const able = featuresOf(WHOLE, "peer");
const lacking = featuresOf({ ...WHOLE, microphone: false }, "peer");

test("a part counts only for the role that needs it", () => {
  const lacks = (role) => PARTS.filter((part) => lacksPart({ ...WHOLE, [part]: false }, role));
  assert.deepEqual(lacks("peer"), PARTS);
  assert.deepEqual(lacks("receiver"), ["picture", "voice"]);
  assert.deepEqual(lacks("sender"), ["camera", "microphone"]);
});

test("who lacks a part asks for tracks, if the browser has any", () => {
  assert.deepEqual([able, lacking], [["video", "tracks"], ["video", "tracks", "tracks-only"]]);
  assert.deepEqual([able, lacking].map(takesTracks), [false, true]);
  assert.deepEqual(featuresOf({ ...WHOLE, tracks: false, camera: false }, "peer"), ["video"]);
  assert.deepEqual(featuresOf({ ...WHOLE, picture: false }, "peer"), ["tracks", "tracks-only"], "nor are pictures shown");
  assert.deepEqual(featuresOf(WHOLE, "sender"), ["tracks"]);
});

test("who lacks nothing is asked, the other waits, two that lack a part begin", () => {
  assert.equal(wayOut(able, lacking), "ask");
  assert.equal(wayOut(lacking, able), "wait");
  assert.equal(wayOut(lacking, lacking), "agreed");
  assert.equal(wayOut(able, able), "none");
});

test("a program is never offered tracks, and a page without them neither", () => {
  for (const other of [...PYTHON, ["tracks-only"]]) {
    for (const own of [able, lacking]) {
      assert.equal(wayOut(own, other), "none");
      assert.equal(wayOut(other, own), "none");
    }
  }
});

test("a description with another certificate is another connection's", () => {
  const line = (name) => `a=fingerprint:sha-256 ${name}\r\n`;
  assert.ok(sameCertificates(line("AB:CD"), `v=0\r\n${line("ab:cd")}m=audio\r\n${line("AB:CD")}`));
  for (const other of ["", line("AB:CE"), line("AB:CD") + line("AB:CE")]) {
    assert.ok(!sameCertificates(line("AB:CD"), other), other);
  }
});
