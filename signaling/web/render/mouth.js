/**
 * The mouth from the voice, where motion does not say how it moves: on the voice rung and while motion is missing
 * (receiver/mouth.py).
 *
 *     voice branch --expression (16)--> less what values hold of it --> lips only --> smoothed --> values.expression + mouth
 *                                       (voiceAnchor.js)
 *
 * The branch was trained on the lips alone: what its expression does to the rest of a face means nothing. So it is replaced by
 * the expression that moves the lips like it and everything else as little as possible (least squares on the mesh basis).
 *
 * Must not import engines. Invariant: the mouth moves continuously.
 */

import { PICTURE_STEP_MS } from "../call/limits.js";
import { EXPRESSION, MESH_POINTS } from "../codec/motionLayout.js";

/** @import { MeshBasis } from "../codec/meshBasis.js" */
/** @import { MotionValues } from "../codec/motionLayout.js" */

/** Time constant of the mouth: half of it is over with each picture. */
const SMOOTHING_MS = 40;
/** So near to where it should be, an expression is there. */
const ARRIVED = 1e-3;
/** How much a move of the rest of the face counts against the same move of the lips. */
const STILLNESS = 0.02;
/** Outer and inner lips in the 468 points of the face mesh. */
const LIPS = [
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14, 317,
  402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
];

/** One call's mouth. */
export class VoiceMouth {
  #lipsOnly;
  #now = new Float32Array(EXPRESSION);
  /** @type {number | null} */
  #mediaMs = null;

  /** @param {Float64Array} lips What `lipsOnly` gives. */
  constructor(lips) {
    this.#lipsOnly = lips;
  }

  /**
   * Move towards how the voice wants the mouth at mediaMs on top of motion's values.
   * @param {Float32Array} expression 16.
   * @param {number} mediaMs
   */
  follow(expression, mediaMs) {
    const target = new Float32Array(EXPRESSION).map((_, column) =>
      expression.reduce((sum, value, row) => sum + value * this.#lipsOnly[row * EXPRESSION + column], 0),
    );
    const pastMs = this.#mediaMs === null ? PICTURE_STEP_MS : Math.max(0, mediaMs - this.#mediaMs);
    const share = 1 - Math.exp(-pastMs / SMOOTHING_MS);
    const now = this.#now;
    const arrived = target.every((value, i) => Math.abs(value - now[i]) < ARRIVED);
    this.#now = arrived ? target : now.map((value, i) => value + share * (target[i] - value));
    this.#mediaMs = mediaMs;
  }

  /**
   * Values with the mouth on top.
   * @param {MotionValues} values
   * @returns {MotionValues}
   */
  move(values) {
    return Object.freeze({ ...values, expression: values.expression.map((value, i) => value + this.#now[i]) });
  }
}

/**
 * 16 x 16: expression @ this moves the lips as the expression does, their common shift left out.
 * @param {MeshBasis} basis
 */
export function lipsOnly({ expression }) {
  const rows = Array.from({ length: EXPRESSION }, (_, row) => rowOf(expression, row));
  const size = EXPRESSION * EXPRESSION;
  const wanted = new Float64Array(size);
  const wholeLeft = new Float64Array(size);
  for (let at = 0; at < size; at += 1) {
    const [one, other] = [rows[Math.floor(at / EXPRESSION)], rows[at % EXPRESSION]];
    wanted[at] = dot(one.lips, other.lips);
    wholeLeft[at] = wanted[at] + STILLNESS * dot(one.rest, other.rest);
  }
  return transposed(solved(wholeLeft, wanted));
}

/**
 * One row of the basis: its lips without their common shift, and the rest of the face.
 * @param {Float32Array} expression
 * @param {number} row
 */
function rowOf(expression, row) {
  const at = (/** @type {number} */ point, /** @type {number} */ axis) => expression[2 * (row * MESH_POINTS + point) + axis];
  const isLip = new Set(LIPS);
  const others = Array.from({ length: MESH_POINTS }, (_, point) => point).filter((point) => !isLip.has(point));
  const lips = [0, 1].flatMap((axis) => {
    const mean = LIPS.reduce((sum, point) => sum + at(point, axis), 0) / LIPS.length;
    return LIPS.map((point) => at(point, axis) - mean);
  });
  return { lips, rest: [0, 1].flatMap((axis) => others.map((point) => at(point, axis))) };
}

/** @param {readonly number[]} one @param {readonly number[]} other */
function dot(one, other) {
  return one.reduce((sum, value, i) => sum + value * other[i], 0);
}

/**
 * X of left X = right, 16 x 16 each, left symmetric and positive definite: Gauss-Jordan, which then needs no pivoting.
 * @param {Float64Array} left
 * @param {Float64Array} right
 */
function solved(left, right) {
  const [a, x] = [Float64Array.from(left), Float64Array.from(right)];
  for (let pivot = 0; pivot < EXPRESSION; pivot += 1) {
    const by = a[pivot * EXPRESSION + pivot];
    for (let row = 0; row < EXPRESSION; row += 1) {
      if (row === pivot) continue;
      const factor = a[row * EXPRESSION + pivot] / by;
      for (let column = 0; column < EXPRESSION; column += 1) {
        a[row * EXPRESSION + column] -= factor * a[pivot * EXPRESSION + column];
        x[row * EXPRESSION + column] -= factor * x[pivot * EXPRESSION + column];
      }
    }
  }
  return x.map((value, at) => value / a[Math.floor(at / EXPRESSION) * (EXPRESSION + 1)]);
}

/** @param {Float64Array} matrix 16 x 16. */
function transposed(matrix) {
  return matrix.map((_, at) => matrix[(at % EXPRESSION) * EXPRESSION + Math.floor(at / EXPRESSION)]);
}
