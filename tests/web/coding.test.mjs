/** The coder against tests/golden/coding: the same bytes and numbers as Python's, bit for bit. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { MalformedMessage, UserError } from "../../signaling/web/codec/errors.js";
import { MOTION_DELTA_MAX } from "../../signaling/web/codec/limits.js";
import { decodeMask, encodeMask } from "../../signaling/web/codec/maskCode.js";
import {
  decodeMotion,
  dequantiseMotion,
  encodeMotion,
  frameDistance,
  quantiseMotion,
} from "../../signaling/web/codec/motionCode.js";
import { motionValues, motionVector, SYMBOLS } from "../../signaling/web/codec/motionLayout.js";
import { AdaptiveBit, RangeDecoder, RangeEncoder } from "../../signaling/web/codec/rangeCoder.js";
import { decodeSymbols, encodeSymbols } from "../../signaling/web/codec/shapeCode.js";
import { decodeValue, encodeValue } from "../../signaling/web/codec/valueCode.js";
import { bytes, hex, outcome, symbols, TABLES, vectors } from "./helpers.mjs";

const contexts = () => [new AdaptiveBit(), new AdaptiveBit(), new AdaptiveBit()];

test("range coder steps become the golden bytes", () => {
  for (const { name, steps, hex: expected } of vectors("range_coder")) {
    const encoder = new RangeEncoder();
    const adaptive = contexts();
    for (const [kind, value, how] of steps) {
      if (kind === "table") encoder.encode(value, how);
      else if (kind === "bits") encoder.encodeBits(value, how);
      else encoder.encodeAdaptive(value, adaptive[how]);
    }
    assert.equal(hex(encoder.finish()), expected, name);
  }
});

test("the golden bytes become range coder steps", () => {
  for (const { name, steps, hex: digits } of vectors("range_coder")) {
    const decoder = new RangeDecoder(bytes(digits));
    const adaptive = contexts();
    const read = ([kind, , how]) => {
      if (kind === "table") return decoder.decode(how);
      return kind === "bits" ? decoder.decodeBits(how) : decoder.decodeAdaptive(adaptive[how]);
    };
    assert.deepEqual(steps.map(read), steps.map(([, value]) => value), name);
    decoder.finish();
  }
});

test("a symbol or value that has no place is refused", () => {
  const encoder = new RangeEncoder();
  for (const symbol of [-1, 1, NaN]) assert.throws(() => encoder.encode(symbol, [0, 32768]), UserError);
  for (const [value, bits] of [[2, 1], [-1, 3], [0, 13]]) {
    assert.throws(() => encoder.encodeBits(value, bits), UserError);
  }
  for (const value of [MOTION_DELTA_MAX + 1, -MOTION_DELTA_MAX - 1, NaN]) {
    assert.throws(() => encodeValue(encoder, value, TABLES.ladder[0]), UserError);
  }
});

test("bytes after the end of a stream are refused, and so is a zero at its end", () => {
  const encoder = new RangeEncoder();
  encoder.encodeBits(5, 3);
  const data = encoder.finish();
  for (const tail of [[0], [1], [1, 2, 3, 4, 5]]) {
    const decoder = new RangeDecoder(Uint8Array.of(...data, ...tail));
    decoder.decodeBits(3);
    assert.throws(() => decoder.finish(), MalformedMessage);
  }
});

test("values on every rung", () => {
  for (const { rung, values, hex: expected } of vectors("values")) {
    const encoder = new RangeEncoder();
    for (const value of values) encodeValue(encoder, value, TABLES.ladder[rung]);
    assert.equal(hex(encoder.finish()), expected, `rung ${rung}`);
    const decoder = new RangeDecoder(bytes(expected));
    assert.deepEqual(values.map(() => decodeValue(decoder, TABLES.ladder[rung])), values, `rung ${rung}`);
  }
});

test("motion of a bundle", () => {
  for (const { base, distance, frames, hex: expected } of vectors("motion")) {
    assert.equal(hex(encodeMotion(frames.map(symbols), symbols(base), distance, TABLES)), expected);
    const decoded = decodeMotion(bytes(expected), frames.length, symbols(base), distance, TABLES);
    assert.deepEqual(decoded.map((row) => Array.from(row)), frames);
  }
});

test("garbage becomes the same frames as in Python, or is refused", () => {
  for (const { hex: digits, count, base, distance, frames } of vectors("motion_garbage")) {
    const decode = () => decodeMotion(bytes(digits), count, symbols(base), distance, TABLES);
    const got = outcome(() => decode().map((row) => Array.from(row)));
    assert.deepEqual(got, frames ?? "MalformedMessage", digits);
  }
});

test("a bundle holds one to eight frames", () => {
  const still = new Int16Array(SYMBOLS);
  for (const count of [1, 8]) {
    const data = encodeMotion(Array(count).fill(still), null, 1, TABLES);
    assert.equal(decodeMotion(data, count, null, 1, TABLES).length, count);
  }
  for (const count of [0, 9]) {
    assert.throws(() => encodeMotion(Array(count).fill(still), null, 1, TABLES), UserError);
    assert.throws(() => decodeMotion(new Uint8Array(), count, null, 1, TABLES), MalformedMessage);
  }
});

test("symbols outside their range, or too few, cannot be coded", () => {
  const wide = Int16Array.from(TABLES.motion.maximum);
  encodeMotion([wide], null, 1, TABLES);
  wide[3] += 1;
  for (const row of [wide, new Int16Array(SYMBOLS - 1)]) {
    assert.throws(() => encodeMotion([row], null, 1, TABLES), UserError);
  }
});

test("the distance of frames is rounded half up and at least one", () => {
  const distances = [0, 19, 20, 59, 60, 100, 5100].map((apart) => frameDistance(1000, 1000 + apart));
  assert.deepEqual(distances, [1, 1, 1, 1, 2, 3, 128]);
  assert.equal(frameDistance(1100, 1000), 3);
});

test("shape and anchors", () => {
  for (const name of ["shape", "anchors"]) {
    for (const { symbols: row, hex: expected } of vectors(name)) {
      assert.equal(hex(encodeSymbols(symbols(row), TABLES[name], TABLES.ladder)), expected, name);
      assert.deepEqual(Array.from(decodeSymbols(bytes(expected), TABLES[name], TABLES.ladder)), row, name);
    }
  }
});

test("masks", () => {
  for (const { name, rows, hex: expected } of vectors("mask")) {
    const mask = Uint8Array.from(rows.join(""), Number);
    assert.equal(hex(encodeMask(mask, TABLES)), expected, name);
    assert.deepEqual(decodeMask(bytes(expected), TABLES), mask, name);
  }
});

test("only zeros and ones in 32 rows are a mask", () => {
  assert.throws(() => encodeMask(new Uint8Array(1023), TABLES), UserError);
  assert.throws(() => encodeMask(new Uint8Array(1024).fill(2), TABLES), UserError);
});

test("values become symbols, and symbols values", () => {
  for (const { values, previous, symbols: expected, dequantised } of vectors("quantiser")) {
    const got = quantiseMotion(motionValues(Float32Array.from(values)), TABLES, symbols(previous));
    assert.deepEqual(Array.from(got), expected);
    assert.deepEqual(Array.from(motionVector(dequantiseMotion(got, TABLES))), dequantised);
  }
});

test("numbers that are not finite are refused", () => {
  for (const number of [NaN, Infinity, -Infinity]) {
    const vector = new Float32Array(SYMBOLS);
    vector[9] = number;
    assert.throws(() => quantiseMotion(motionValues(vector), TABLES), UserError);
  }
});
