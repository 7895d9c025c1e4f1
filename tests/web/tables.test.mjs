/** The coding tables as the page reads them: their identity, and files that must be refused. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { canonicalJson } from "../../signaling/web/codec/canonicalJson.js";
import { UserError } from "../../signaling/web/codec/errors.js";
import { MOTION_SYMBOL_MAX } from "../../signaling/web/codec/limits.js";
import { parseTables } from "../../signaling/web/codec/tables.js";
import { TABLES, TABLES_TEXT } from "./helpers.mjs";

test("the tables of this release are accepted and cannot be changed", () => {
  assert.equal(TABLES.identity, JSON.parse(TABLES_TEXT).identity);
  assert.throws(() => {
    TABLES.motion.step[0] = 1;
  }, TypeError);
});

test("canonical JSON sorts keys, drops spaces and keeps numbers and strings as they stand", () => {
  const text = '{ "b": [1.0, 1e-05, -2,\n {"z": "a \\" b", "y": null}], "a": {}, "identity": "x", "c": [] }';
  assert.equal(canonicalJson(text, "identity"), '{"a":{},"b":[1.0,1e-05,-2,{"y":null,"z":"a \\" b"}],"c":[]}');
});

test("tables that were changed after they were made are refused", async () => {
  const changed = JSON.parse(TABLES_TEXT);
  changed.motion.absolute[0] ^= 1;
  await assert.rejects(parseTables(JSON.stringify(changed)), UserError);
});

test("what is no table is refused", async () => {
  for (const text of ["", "[]", "null", "7", "{}", '{"format":2}', '{"format":1}', TABLES_TEXT.slice(0, 500)]) {
    await assert.rejects(parseTables(text), UserError, text.slice(0, 20));
  }
});

/** The tables after a change, with the identity that fits. */
async function withChange(change) {
  const file = JSON.parse(TABLES_TEXT);
  change(file);
  const text = JSON.stringify(file);
  const data = new TextEncoder().encode(canonicalJson(text, "identity"));
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", data)).toString("hex");
  return JSON.stringify({ ...file, identity: digest.slice(0, 8) });
}

test("tables with a field out of range are refused, whatever their identity", async () => {
  const changes = {
    nothing: () => {},
    "an empty ladder": (file) => (file.ladder = []),
    "a cdf that does not rise": (file) => (file.ladder[0].cdf[5] = file.ladder[0].cdf[4]),
    "six low bits": (file) => (file.ladder[0].low_bits = 6),
    "a step of zero": (file) => (file.shape.step[0] = 0),
    "a range past the format": (file) => (file.motion.maximum[0] = MOTION_SYMBOL_MAX + 1),
    "a rung above the ladder": (file) => (file.anchors.absolute[0] = file.ladder.length),
    "distances that fall": (file) => file.motion.distance_limits.reverse(),
    "a class too few": (file) => file.motion.delta.pop(),
    "half an activity": (file) => (file.motion.activity_shifts[0] = 0.5),
    "a sure mask": (file) => (file.mask.probability[0] = 127),
    "a mask of rate 0": (file) => (file.mask.rate = 0),
    "no anchors": (file) => delete file.anchors,
  };
  for (const [name, change] of Object.entries(changes)) {
    const text = await withChange(change);
    if (name === "nothing") await parseTables(text);
    else await assert.rejects(parseTables(text), UserError, name);
  }
});
