/**
 * The motion code of one bundle: 1 to 8 frames of 46 symbols, predicted from an acknowledged frame or absolute
 * (shared/coding/motion_code.py).
 *
 * Must import the coding modules below it only. Invariant: decode(encode(x)) equals x for symbols inside the tables'
 * ranges; decoding garbage does bounded work, raises MalformedMessage only, and returns symbols inside the ranges.
 * Format: shared/coding/README.md, section 5.
 */

import { MalformedMessage, UserError } from "./errors.js";
import { clamp } from "./integers.js";
import { BUNDLE_MAX_MOTION_FRAMES } from "./limits.js";
import { motionValues, motionVector, SYMBOLS } from "./motionLayout.js";
import { checkedSymbols, dequantise, quantise } from "./quantiser.js";
import { RangeDecoder, RangeEncoder } from "./rangeCoder.js";
import { decodeValue, encodeValue, valueCost } from "./valueCode.js";

/** @import { MotionValues } from "./motionLayout.js" */
/** @import { CodingTables, DeltaPlan } from "./tables.js" */

/** Unit of distance between frames. */
const FRAME_MS = 40;
const NOTHING = new Int16Array(SYMBOLS);

/**
 * 46 symbols of motion values; values past a range are clamped.
 * @param {MotionValues} values
 * @param {CodingTables} tables
 * @param {Int16Array | null} previous Symbols of the frame before, relative to the same keyframe (`quantise`).
 * @throws {UserError} NaN and infinities.
 */
export function quantiseMotion(values, tables, previous = null) {
  return quantise(motionVector(values), tables.motion, previous);
}

/**
 * Values of 46 symbols, which are clamped to their ranges first.
 * @param {Int16Array} symbols
 * @param {CodingTables} tables
 */
export function dequantiseMotion(symbols, tables) {
  return motionValues(dequantise(symbols, tables.motion));
}

/**
 * How far two frames are apart on the media clock, in units of 40 ms: rounded half up, at least 1.
 * @param {number} oneMs
 * @param {number} otherMs
 */
export function frameDistance(oneMs, otherMs) {
  return Math.max(1, Math.floor((Math.abs(otherMs - oneMs) + FRAME_MS / 2) / FRAME_MS));
}

/**
 * Code the symbols of 1 to BUNDLE_MAX_MOTION_FRAMES frames. The bytes do not say how many frames they hold nor what
 * they were predicted from: the bundle's header does.
 * @param {readonly Int16Array[]} frames
 * @param {Int16Array | null} base Symbols of a frame that the receiver is known to have; null: absolute.
 * @param {number} distance `frameDistance` between the base and the first frame.
 * @param {CodingTables} tables
 * @throws {UserError} No or too many frames, or symbols outside their ranges.
 */
export function encodeMotion(frames, base, distance, tables) {
  if (frames.length < 1 || frames.length > BUNDLE_MAX_MOTION_FRAMES) {
    throw new UserError(`A bundle holds 1 to ${BUNDLE_MAX_MOTION_FRAMES} motion frames, not ${frames.length}.`);
  }
  const rows = (base === null ? frames : [base, ...frames]).map((row) => checkedSymbols(row, tables.motion));
  const encoder = new RangeEncoder();
  if (base === null) encodeRow(encoder, rows[0], tables.motion.absolute, 0, tables);
  if (rows.length > 1) {
    const deltas = rows.slice(1).map((row, i) => row.map((symbol, j) => symbol - rows[i][j]));
    const rungs = deltas.map((_, i) => deltaRungs(i === 0 && base !== null ? distance : 1, tables.delta));
    const activity = chooseActivity(deltas, rungs, tables);
    encoder.encode(activity, tables.delta.activityCdf);
    deltas.forEach((row, i) => encodeRow(encoder, row, rungs[i], tables.delta.activityShifts[activity], tables));
  }
  return encoder.finish();
}

/**
 * The `count` frames in `data`, 46 symbols each, inside the tables' ranges.
 * @param {Uint8Array} data
 * @param {number} count
 * @param {Int16Array | null} base Symbols of the frame that the bundle was predicted from; null: absolute.
 * @param {number} distance `frameDistance` between that frame and the bundle's first.
 * @param {CodingTables} tables
 * @throws {MalformedMessage} Bytes that `encodeMotion` could not have written. Bytes altered on the way may still
 *   decode, to other symbols (DTLS is what protects them).
 */
export function decodeMotion(data, count, base, distance, tables) {
  if (!(count >= 1 && count <= BUNDLE_MAX_MOTION_FRAMES)) {
    throw new MalformedMessage(`motion: ${count} frames in one bundle`);
  }
  const decoder = new RangeDecoder(data);
  /** @type {Int16Array[]} */
  const frames = [];
  if (base === null) frames.push(decodeRow(decoder, NOTHING, tables.motion.absolute, 0, tables));
  if (frames.length < count) {
    const shift = tables.delta.activityShifts[decoder.decode(tables.delta.activityCdf)];
    let previous = base ?? frames[0];
    let rungs = deltaRungs(base === null ? 1 : distance, tables.delta);
    while (frames.length < count) {
      previous = decodeRow(decoder, previous, rungs, shift, tables);
      frames.push(previous);
      rungs = tables.delta.rungs[0];
    }
  }
  decoder.finish();
  return frames;
}

/**
 * 46 rungs, before the activity's shift, for a difference against a frame `distance` frames of 40 ms away.
 * @param {number} distance
 * @param {DeltaPlan} plan
 */
function deltaRungs(distance, plan) {
  const found = plan.distanceLimits.findIndex((limit) => distance <= limit);
  return plan.rungs[found < 0 ? plan.distanceLimits.length : found];
}

/**
 * The activity with the lowest price, the lowest index among equals.
 * @param {readonly Int16Array[]} deltas
 * @param {readonly (readonly number[])[]} rungs
 * @param {CodingTables} tables
 */
function chooseActivity(deltas, rungs, tables) {
  const prices = tables.delta.activityShifts.map((shift, activity) =>
    deltas.reduce(
      (price, row, i) => price + rowCost(row, rungs[i], shift, tables),
      tables.delta.activityCosts[activity],
    ),
  );
  return prices.indexOf(Math.min(...prices));
}

/** @param {Int16Array} row @param {readonly number[]} rungs @param {number} shift @param {CodingTables} tables */
function rowCost(row, rungs, shift, tables) {
  return row.reduce((price, value, i) => price + valueCost(value, rungAt(rungs[i] + shift, tables)), 0);
}

/**
 * @param {RangeEncoder} encoder
 * @param {Int16Array} row
 * @param {readonly number[]} rungs
 * @param {number} shift
 * @param {CodingTables} tables
 */
function encodeRow(encoder, row, rungs, shift, tables) {
  row.forEach((value, i) => encodeValue(encoder, value, rungAt(rungs[i] + shift, tables)));
}

/**
 * @param {RangeDecoder} decoder
 * @param {Int16Array} previous
 * @param {readonly number[]} rungs
 * @param {number} shift
 * @param {CodingTables} tables
 */
function decodeRow(decoder, previous, rungs, shift, tables) {
  const { minimum, maximum } = tables.motion;
  const row = new Int16Array(SYMBOLS);
  for (let i = 0; i < SYMBOLS; i += 1) {
    const value = previous[i] + decodeValue(decoder, rungAt(rungs[i] + shift, tables));
    row[i] = clamp(value, minimum[i], maximum[i]);
  }
  return row;
}

/** @param {number} index @param {CodingTables} tables */
function rungAt(index, tables) {
  return tables.ladder[clamp(index, 0, tables.ladder.length - 1)];
}
