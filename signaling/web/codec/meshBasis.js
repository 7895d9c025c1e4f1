/**
 * The face mesh in few numbers, on the receiving side: the reference's own mesh from its shape code, and the driving
 * mesh from pose and expression (shared/coding/mesh_basis.py).
 *
 * Must import the layout, the quantiser and the file reader only. Invariant: finite symbols give finite points. Sums
 * are taken in doubles and rounded once, Python's in single precision in an order of its own: points agree to 1e-5,
 * not to the last bit; no byte of the protocol depends on them here. Points are 468 x 2 numbers, x first, in -1..1.
 */

import { UserError } from "./errors.js";
import { AFFINE, EXPRESSION, MESH_POINTS, SHAPE_COEFFICIENTS } from "./motionLayout.js";
import { dequantise } from "./quantiser.js";
import { readHalfTensors } from "./safetensors.js";

/** @import { CodingTables } from "./tables.js" */

const NUMBERS = 2 * MESH_POINTS;
/** Keeps the width of a mesh above zero. */
const WIDTH_MIN = 1e-6;

/**
 * expression: 16 rows of 936. shape: 64 rows of 936. mean: 468 x 2, the mean face.
 * @typedef {Readonly<{expression: Float32Array, shape: Float32Array, mean: Float32Array}>} MeshBasis
 */

/**
 * The basis of this protocol version.
 * @param {ArrayBuffer} file shared/coding/mesh_basis.safetensors.
 * @returns {MeshBasis}
 * @throws {UserError} It is not that file.
 */
export function parseMeshBasis(file) {
  const arrays = readHalfTensors(file);

  /** @param {string} name @param {number} size */
  function array(name, size) {
    const found = arrays.get(name);
    if (found === undefined || found.length !== size) {
      throw new UserError(`The mesh basis cannot be used: ${name} is not ${size} numbers.`);
    }
    return found;
  }

  return Object.freeze({
    expression: array("expression", EXPRESSION * NUMBERS),
    shape: array("shape", SHAPE_COEFFICIENTS * NUMBERS),
    mean: array("mean", NUMBERS),
  });
}

/**
 * The reference mesh of 70 shape symbols.
 * @param {Int16Array} symbols
 * @param {CodingTables} tables
 * @param {MeshBasis} basis
 */
export function pointsFromShape(symbols, tables, basis) {
  const values = dequantise(symbols, tables.shape);
  return shapePoints(values.subarray(0, AFFINE), values.subarray(AFFINE), basis);
}

/**
 * The reference mesh of an affine (6) and shape coefficients (64): (I + L)(m + S s - c) + c + t.
 * @param {Float32Array} affine
 * @param {Float32Array} coefficients
 * @param {MeshBasis} basis
 */
export function shapePoints(affine, coefficients, basis) {
  return applyAffine(withOffset(basis.mean, coefficients, basis.shape, 1), affine, centroid(basis.mean));
}

/**
 * The driving mesh that a receiver builds: (I + L)(r + w B e - c) + c + t.
 * @param {Float32Array} reference The reference mesh r; c is its centroid, w its width.
 * @param {Readonly<{affine: Float32Array, expression: Float32Array}>} values
 * @param {MeshBasis} basis
 */
export function drivingPoints(reference, values, basis) {
  const moved = withOffset(reference, values.expression, basis.expression, meshWidth(reference));
  return applyAffine(moved, values.affine, centroid(reference));
}

/**
 * Points plus `scale` times a combination of the basis' rows.
 * @param {Float32Array} points
 * @param {Float32Array} coefficients
 * @param {Float32Array} rows
 * @param {number} scale
 */
function withOffset(points, coefficients, rows, scale) {
  const moved = new Float64Array(points);
  for (let row = 0; row < coefficients.length; row += 1) {
    const factor = coefficients[row] * scale;
    for (let at = 0; at < NUMBERS; at += 1) moved[at] += factor * rows[row * NUMBERS + at];
  }
  return moved;
}

/** @param {Float64Array} points @param {Float32Array} affine @param {readonly [number, number]} center */
function applyAffine(points, affine, [centerX, centerY]) {
  const [a, b, tx, c, d, ty] = affine;
  const moved = new Float32Array(NUMBERS);
  for (let at = 0; at < NUMBERS; at += 2) {
    const x = points[at] - centerX;
    const y = points[at + 1] - centerY;
    moved[at] = (1 + a) * x + b * y + centerX + tx;
    moved[at + 1] = c * x + (1 + d) * y + centerY + ty;
  }
  return moved;
}

/** @param {Float32Array} points @returns {readonly [number, number]} */
function centroid(points) {
  let x = 0;
  let y = 0;
  for (let at = 0; at < NUMBERS; at += 2) {
    x += points[at];
    y += points[at + 1];
  }
  return [x / MESH_POINTS, y / MESH_POINTS];
}

/**
 * The horizontal extent of a mesh: the unit of expression.
 * @param {Float32Array} points
 */
function meshWidth(points) {
  let left = Infinity;
  let right = -Infinity;
  for (let at = 0; at < NUMBERS; at += 2) {
    left = Math.min(left, points[at]);
    right = Math.max(right, points[at]);
  }
  return right - left + WIDTH_MIN;
}
