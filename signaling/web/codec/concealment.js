/**
 * Motion that did not come: a damped continuation of the head, an expression that eases to its mean
 * (shared/core/concealment.py, where the formulas and their measured constants stand).
 *
 * Must import the coding modules only. Invariant: at age 0 the estimate is the last pose, number for number; every number
 * is made of the same products and sums, in the same order, as in Python.
 */

import {
  BASE_UNIT_MS,
  EXPRESSION_EASE_MS,
  EXPRESSION_MEAN_POSES,
  HEAD_CONCEAL_MAX_MS,
  HEAD_DAMPING_MS,
  INTERPOLATE_MAX_GAP_MS,
} from "./limits.js";
import { dequantiseMotion } from "./motionCode.js";
import { AFFINE, CODES, EXPRESSION, motionValues, motionVector, SYMBOLS } from "./motionLayout.js";

/** @import { MotionFrame } from "./frames.js" */
/** @import { MotionValues } from "./motionLayout.js" */
/** @import { CodingTables } from "./tables.js" */

/**
 * A motion code as 46 numbers, and the share of the mouth, 0..1, that the voice should move.
 * @typedef {Readonly<{vector: Float64Array, voiceShare: number}>} Estimate
 */

/** A share of what was that is left when easing is over: less than a quantiser step. */
const SETTLED = 0.01;
/** 1 where a number of the motion code belongs to the head, 0 where it belongs to the expression. */
const HEAD = Float64Array.from({ length: SYMBOLS }, (_, i) =>
  i < AFFINE || (i >= AFFINE + EXPRESSION && i < SYMBOLS - CODES) ? 1 : 0,
);

/** What the received poses of one keyframe say about the time after the last of them. */
export class DampedMotion {
  #tables;
  /** @type {number | null} */
  #keyframeId = null;
  #last = new Float64Array(SYMBOLS);
  #lastMs = 0;
  #velocity = new Float64Array(SYMBOLS);
  #mean = new Float64Array(SYMBOLS);
  #poses = 0;

  /** @param {CodingTables} tables */
  constructor(tables) {
    this.#tables = tables;
  }

  /**
   * The next pose in order of media time; one of another keyframe starts anew, its numbers are others.
   * @param {MotionFrame} frame
   */
  received(frame) {
    const vector = vectorOf(dequantiseMotion(frame.symbols, this.#tables));
    if (frame.keyframeId !== this.#keyframeId) {
      this.#keyframeId = frame.keyframeId;
      this.#poses = 0;
      this.#mean = vector;
    }
    const gapMs = frame.mediaMs - this.#lastMs;
    const moves = this.#poses > 0 && gapMs <= INTERPOLATE_MAX_GAP_MS ? 1 : 0;
    const last = this.#last;
    this.#velocity = vector.map((value, i) => ((value - last[i]) / Math.max(gapMs, BASE_UNIT_MS)) * HEAD[i] * moves);
    this.#last = vector;
    this.#lastMs = frame.mediaMs;
    this.#poses += 1;
    const count = Math.min(this.#poses, EXPRESSION_MEAN_POSES);
    this.#mean = this.#mean.map((mean, i) => mean + (vector[i] - mean) / count);
  }

  /**
   * The pose ageMs (0 or more) after the last one.
   * @param {number} ageMs
   * @returns {Estimate}
   */
  at(ageMs) {
    const wayMs = HEAD_DAMPING_MS * (1 - decay(Math.min(ageMs, HEAD_CONCEAL_MAX_MS), HEAD_DAMPING_MS));
    const left = decay(ageMs, EXPRESSION_EASE_MS);
    const gone = 1 - (left >= SETTLED ? left : 0);
    const [velocity, mean] = [this.#velocity, this.#mean];
    const vector = this.#last.map((last, i) => last + velocity[i] * wayMs + (mean[i] - last) * (gone * (1 - HEAD[i])));
    return Object.freeze({ vector, voiceShare: gone });
  }
}

/**
 * What is left after ageMs of something that fades with this time constant: 1 at first. Powers by repeated squaring,
 * lowest bit first: the order is part of the result.
 * @param {number} ageMs
 * @param {number} constantMs
 */
export function decay(ageMs, constantMs) {
  let left = 1;
  let power = 1 - 1 / constantMs;
  for (let rest = ageMs; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) left *= power;
    power *= power;
  }
  return left;
}

/**
 * The 46 numbers in the order of the bitstream.
 * @param {MotionValues} values
 */
export function vectorOf(values) {
  return Float64Array.from(motionVector(values));
}

/**
 * The motion code of 46 numbers, in single precision.
 * @param {Float64Array} vector
 */
export function valuesOf(vector) {
  return motionValues(Float32Array.from(vector));
}
