/** Thumbnails and video that a peer sends: order, shelf and header check against Python's, and what is shown when. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { checkInterFrame } from "../../../signaling/web/render/av1Header.js";
import { PictureShelf } from "../../../signaling/web/render/pictureShelf.js";
import { UnitOrder } from "../../../signaling/web/render/unitOrder.js";
import { bytes, outcome } from "../helpers.mjs";
import { PYTHON } from "./helpers.mjs";

const { order: rows, shelf: looks, inter } = PYTHON.pictures;

test("units are handed out in Python's order, and a gap ends what rests on it", () => {
  const order = new UnitOrder();
  for (const [unitId, mediaMs, intra, ready, broken] of rows) {
    const handedOut = order.take({ unitId, mediaMs, intra }).map((unit) => unit.unitId);
    assert.deepEqual([handedOut, order.broken], [ready, broken], `unit ${unitId} of ${mediaMs} ms`);
  }
  const [broke, several] = [rows.filter((row) => row[4]).length, rows.filter((row) => row[3].length > 1).length];
  assert.ok(broke > 10 && several > 3, `${broke} without a start, ${several} times several`);
});

test("the picture of a time is Python's", () => {
  const shelf = new PictureShelf();
  looks.forEach(([mediaMs, askedMs, expected], place) => {
    shelf.put({ mediaMs, sidePx: 2, rgb: new Uint8ClampedArray(12) });
    const found = place % 2 ? shelf.newest(askedMs) : shelf.nearest(askedMs + 15);
    assert.equal(found?.mediaMs ?? null, expected, `asked for ${askedMs} ms`);
  });
});

test("a picture that does not stand alone is one frame or refused, as in Python", () => {
  const taken = inter.filter(({ data, outcome: expected }) => {
    assert.equal(outcome(() => checkInterFrame(bytes(data))) ?? null, expected, data);
    return expected === null;
  });
  assert.ok(taken.length > 5 && inter.length - taken.length > 50, `${taken.length} of ${inter.length} taken`);
});
