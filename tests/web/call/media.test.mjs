/** Picture and sound arithmetic against OpenCV's and numpy's results, as Python's sender and receiver get them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { cut, warped } from "../../../signaling/web/face/image.js";
import { regionTensor } from "../../../signaling/web/face/roi.js";
import { downTo16k, logMel } from "../../../signaling/web/render/logMel.js";
import { rgbFromYuv, yuvFromRgb } from "../../../signaling/web/render/yuv.js";
import { Concealer } from "../../../signaling/web/sound/conceal.js";
import { Rates, sparkline, wireBytes } from "../../../signaling/web/page/meter.js";
import { invitationOf, linkTo } from "../../../signaling/web/page/invitation.js";
import { base64, differences, floats, PYTHON } from "./helpers.mjs";

const { size, picture: text, cuts, roi, region, letterbox, step } = PYTHON.image;
const PICTURE = { data: base64(text), width: size[0], height: size[1], channels: 3 };

test("cuts are OpenCV's, to two levels", () => {
  for (const { crop: [xPx, yPx, sidePx], rgb } of cuts) {
    const { most, mean } = differences(cut(PICTURE, { xPx, yPx, sidePx }, 256), base64(rgb));
    assert.ok(most <= 2 && mean < 0.3, `${sidePx}: ${most}, ${mean}`);
  }
});

test("turned regions and letterboxes are OpenCV's, to its own rounding of places to 1/32 pixel", () => {
  const [centerX, centerY, sidePx, angleRad] = roi;
  const turned = differences(regionTensor(PICTURE, { centerX, centerY, sidePx, angleRad }, 192), floats(region));
  assert.ok(turned.most < 0.05 && turned.mean < 0.003, JSON.stringify(turned));
  const [scale, left, top] = step;
  const matrix = [scale, 0, -left * scale, 0, scale, -top * scale];
  const boxed = warped(PICTURE, matrix, 128, { scale: 1 / 127.5, shift: -1, black: true });
  const fitted = differences(boxed, floats(letterbox));
  assert.ok(fitted.most < 0.1 && fitted.mean < 0.006, JSON.stringify(fitted));
});

test("log-mel columns are numpy's", () => {
  const pcm = Float32Array.from(PYTHON.sound.pcm, (value) => value / 32768);
  const columns = logMel(downTo16k(pcm));
  assert.equal(columns.length, PYTHON.sound.columns.length);
  columns.forEach((column, i) => assert.ok(differences(column, PYTHON.sound.columns[i]).most < 1e-3));
});

test("a picture goes to 4:2:0 and back with little loss, in both matrices and ranges", () => {
  const smooth = new Uint8ClampedArray(64 * 64 * 3).map((_, i) => 60 + ((i / 3) % 64) + (i % 3) * 40);
  for (const [matrix, fullRange] of [[6, true], [6, false], [1, true], [1, false]]) {
    const planes = yuvFromRgb(smooth, 64, 64, matrix, fullRange);
    const [y, u, v] = [planes.subarray(0, 4096), planes.subarray(4096, 5120), planes.subarray(5120)];
    const { most } = differences(rgbFromYuv({ y, u, v }, 64, 64, matrix, fullRange), smooth);
    assert.ok(most <= 4, `${matrix} ${fullRange}: ${most}`);
  }
});

test("concealment goes on with the pitch, fades to silence, and never is louder than the voice", () => {
  const tone = Float32Array.from({ length: 4800 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 150 * i) / 48_000));
  const concealer = new Concealer();
  concealer.hear(tone);
  const made = concealer.conceal(960);
  const expected = Float32Array.from({ length: 960 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 150 * (4800 + i)) / 48_000));
  assert.ok(differences(made.subarray(0, 240), expected.subarray(0, 240)).mean < 0.05);
  let last = made;
  for (let i = 0; i < 20; i += 1) last = concealer.conceal(960);
  assert.ok(Math.max(...made.map(Math.abs)) <= 0.51 && last.every((value) => value === 0));
  assert.equal(concealer.hear(tone).length, tone.length);
});

test("the meter counts every packet's headers", () => {
  const rates = new Rates();
  const counters = { sentBytes: 1000, sentPackets: 10, gotBytes: 2000, gotPackets: 20 };
  assert.equal(rates.look(counters, 0), null);
  const later = { sentBytes: 2000, sentPackets: 20, gotBytes: 4000, gotPackets: 40 };
  assert.deepEqual(rates.look(later, 1000), { upKbps: 8 * 1.28, downKbps: 8 * 2.56 });
  assert.deepEqual(wireBytes(counters), { sent: 1280, got: 2560 });
  assert.equal(sparkline([0, 1, 2], 59, 10), "0.0,10.0 1.0,5.0 2.0,0.0");
});

test("an invitation is read from the fragment only, and checked", () => {
  const link = linkTo("https://call.test/?size=nano#x", { room: "r-1", role: "peer", token: "a.b.c" });
  assert.equal(link, "https://call.test/#room=r-1&role=peer&token=a.b.c");
  assert.deepEqual({ ...invitationOf(new URL(link).hash) }, { room: "r-1", role: "peer", token: "a.b.c" });
  for (const fragment of ["", "#room=r", "#room=a/b&token=t", "#room=r&token=t&role=king", "#room=r&token=%3Cb%3E"]) {
    assert.equal(invitationOf(fragment), null, fragment);
  }
});
