/** What a page reads from strangers, against Python's readers: signaling messages and AV1 headers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "../../../signaling/web/page/signalingMessages.js";
import { parseSequenceHeader } from "../../../signaling/web/render/av1Header.js";
import { packetDurationMs } from "../../../signaling/web/sound/opusPacket.js";
import { bytes, outcome } from "../helpers.mjs";
import { PYTHON } from "./helpers.mjs";

/** Python knows a limit apart from other mistakes; a page need not. */
const REFUSED = ["MalformedMessage", "LimitExceeded"];
/** Only services get these. */
const FOR_SERVICES = ["join"];

test("signaling messages are taken and refused as in Python", () => {
  let [taken, refused] = [0, 0];
  for (const { data, outcome: expected } of PYTHON.signaling) {
    const got = outcome(() => parse(data));
    if (typeof expected === "string") {
      assert.ok(REFUSED.includes(expected));
      assert.equal(got, "MalformedMessage", data);
      refused += 1;
    } else if (!FOR_SERVICES.includes(expected.type)) {
      assert.deepEqual({ ...got }, expected, data);
      taken += 1;
    }
  }
  assert.ok(taken > 100 && refused > 100, `${taken} taken, ${refused} refused`);
});

test("AV1 headers are read and refused as in Python", () => {
  let read = 0;
  for (const { data, outcome: expected } of PYTHON.av1) {
    const got = outcome(() => parseSequenceHeader(bytes(data)));
    if (typeof expected === "string") assert.equal(got, expected, data);
    else {
      read += 1;
      assert.equal(typeof got, "object", data);
      const { widthPx, heightPx, bitDepth, mono, matrix, fullRange } = got;
      assert.deepEqual(
        [widthPx, heightPx, bitDepth, mono ? 0 : 420, matrix, fullRange],
        [expected.width_px, expected.height_px, expected.bit_depth, expected.chroma, expected.matrix, expected.full_range],
      );
    }
  }
  assert.ok(read > 50, `${read} read`);
});

test("Opus packets last what their first bytes say, 20 to 120 ms", () => {
  assert.equal(packetDurationMs(Uint8Array.of((11 << 3) | 0, 1)), 60);
  assert.equal(packetDurationMs(Uint8Array.of((10 << 3) | 1, 1)), 80);
  assert.equal(packetDurationMs(Uint8Array.of((31 << 3) | 3, 6)), 120);
  for (const packet of [[], [(31 << 3) | 3, 7], [(16 << 3) | 0], [(11 << 3) | 3]]) {
    assert.throws(() => packetDurationMs(Uint8Array.from(packet)), { name: "MalformedMessage" });
  }
  assert.throws(() => packetDurationMs(new Uint8Array(401)), { name: "MalformedMessage" });
});
