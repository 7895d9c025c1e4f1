/**
 * From a tracked mesh to the numbers that travel: pose, expression, and the reference's own shape
 * (shared/coding/mesh_motion.py and mesh_basis.py, the sender's half).
 *
 * Must import the coder's modules only. Invariant: the expression is fitted to what the *rounded* pose leaves over, and
 * both are relative to the reference mesh as the receiver decodes it. Sums are taken in doubles, Python's partly in
 * single precision: numbers agree to 1e-4, so a symbol may differ by one where a number lies on a step's border.
 */

import { dequantiseMotion, quantiseMotion } from "../codec/motionCode.js";
import { AFFINE, CODES, EXPRESSION, KEYPOINTS, MESH_POINTS, SHAPE_SYMBOLS } from "../codec/motionLayout.js";
import { dequantise, quantise } from "../codec/quantiser.js";
import { readHalfTensors } from "../codec/safetensors.js";

/** @import { CodingTables } from "../codec/tables.js" */

const NUMBERS = 2 * MESH_POINTS;
const WIDTH_MIN = 1e-6;

/** Fits meshes, 468 x 2 in -1..1, with the basis of this protocol version. */
export class MeshFit {
  #tables;
  #mean;
  #expression;
  #shape;
  #weights;
  #rigid;

  /** @param {ArrayBuffer} basisFile shared/coding/mesh_basis.safetensors. @param {CodingTables} tables */
  constructor(basisFile, tables) {
    const arrays = readHalfTensors(basisFile);
    const array = (/** @type {string} */ name) => arrays.get(name) ?? new Float32Array(0);
    this.#tables = tables;
    this.#mean = array("mean");
    this.#expression = array("expression");
    this.#shape = array("shape");
    this.#weights = array("weights");
    this.#rigid = array("rigid");
  }

  /**
   * The shape symbols (70) of a reference mesh.
   * @param {Float32Array} points
   */
  shapeFromPoints(points) {
    const values = new Float64Array(SHAPE_SYMBOLS);
    values.set(fitAffine(this.#mean, points, this.#rigid));
    const rounded = dequantise(quantise(values, this.#tables.shape), this.#tables.shape).subarray(0, AFFINE);
    values.set(rounded);
    const rest = undoAffine(points, rounded, centroid(this.#mean)).map((value, at) => value - this.#mean[at]);
    values.set(project(rest, this.#shape, this.#weights), AFFINE);
    return quantise(values, this.#tables.shape);
  }

  /**
   * Pose (6), already rounded, and expression (16) of a mesh relative to a decoded reference mesh.
   * @param {Float32Array} reference
   * @param {Float32Array} points
   */
  poseAndExpression(reference, points) {
    const still = {
      affine: Float32Array.from(fitAffine(reference, points, this.#rigid)),
      expression: new Float32Array(EXPRESSION),
      keypoints: new Float32Array(2 * KEYPOINTS),
      codes: new Float32Array(CODES),
    };
    const { affine } = dequantiseMotion(quantiseMotion(still, this.#tables), this.#tables);
    const width = meshWidth(reference);
    const undone = undoAffine(points, affine, centroid(reference));
    const rest = undone.map((value, at) => (value - reference[at]) / width);
    return { affine, expression: Float32Array.from(project(rest, this.#expression, this.#weights)) };
  }
}

/**
 * (a, b, tx, c, d, ty), weighted least squares of target = (I + L)(source - centroid) + centroid + t.
 * @param {Float32Array} source
 * @param {Float32Array} target
 * @param {Float32Array} weights
 */
export function fitAffine(source, target, weights) {
  const [centerX, centerY] = centroid(source);
  const normal = new Float64Array(9);
  const right = new Float64Array(6);
  for (let point = 0; point < MESH_POINTS; point += 1) {
    const row = [source[2 * point] - centerX, source[2 * point + 1] - centerY, 1];
    const [x, y] = [target[2 * point] - centerX, target[2 * point + 1] - centerY];
    for (let i = 0; i < 3; i += 1) {
      const weighted = weights[point] * row[i];
      for (let j = 0; j < 3; j += 1) normal[3 * i + j] += weighted * row[j];
      right[2 * i] += weighted * x;
      right[2 * i + 1] += weighted * y;
    }
  }
  const [m, n] = [solve3(normal, [right[0], right[2], right[4]]), solve3(normal, [right[1], right[3], right[5]])];
  return [m[0] - 1, m[1], m[2], n[0], n[1] - 1, n[2]];
}

/**
 * Cramer's rule.
 * @param {Float64Array} matrix 3 x 3, row by row.
 * @param {readonly number[]} right
 */
function solve3([a, b, c, d, e, f, g, h, i], [x, y, z]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    (x * (e * i - f * h) - b * (y * i - f * z) + c * (y * h - e * z)) / determinant,
    (a * (y * i - f * z) - x * (d * i - f * g) + c * (d * z - y * g)) / determinant,
    (a * (e * z - y * h) - b * (d * z - y * g) + x * (d * h - e * g)) / determinant,
  ];
}

/**
 * The points that the affine would have moved here.
 * @param {Float32Array} points
 * @param {ArrayLike<number>} affine
 * @param {readonly [number, number]} center
 */
function undoAffine(points, affine, [centerX, centerY]) {
  const [a, b, tx, c, d, ty] = Array.from(affine);
  const determinant = (1 + a) * (1 + d) - b * c;
  const undone = new Float64Array(NUMBERS);
  for (let at = 0; at < NUMBERS; at += 2) {
    const [x, y] = [points[at] - centerX - tx, points[at + 1] - centerY - ty];
    undone[at] = ((1 + d) * x - b * y) / determinant + centerX;
    undone[at + 1] = ((1 + a) * y - c * x) / determinant + centerY;
  }
  return undone;
}

/**
 * Weighted least-squares coefficients; the rows are orthonormal under the weights.
 * @param {Float64Array} rest
 * @param {Float32Array} rows
 * @param {Float32Array} weights
 */
function project(rest, rows, weights) {
  const weighted = rest.map((value, at) => value * weights[at >> 1]);
  return Float64Array.from({ length: rows.length / NUMBERS }, (_, row) =>
    weighted.reduce((sum, value, at) => sum + value * rows[row * NUMBERS + at], 0),
  );
}

/** @param {Float32Array} points @returns {readonly [number, number]} */
function centroid(points) {
  let [x, y] = [0, 0];
  for (let at = 0; at < NUMBERS; at += 2) {
    x += points[at];
    y += points[at + 1];
  }
  return [x / MESH_POINTS, y / MESH_POINTS];
}

/** @param {Float32Array} points The horizontal extent of a mesh: the unit of expression. */
function meshWidth(points) {
  let [left, right] = [Infinity, -Infinity];
  for (let at = 0; at < NUMBERS; at += 2) {
    left = Math.min(left, points[at]);
    right = Math.max(right, points[at]);
  }
  return right - left + WIDTH_MIN;
}
