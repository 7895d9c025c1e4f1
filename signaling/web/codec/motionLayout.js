/**
 * Where each number of the motion code, shape code and anchors stands (shared/coding/motion_layout.py).
 *
 * Must not import anything. Invariant: the order and the counts here *are* the bitstream; changing them is a new
 * protocol version.
 */

export const MESH_POINTS = 468;
export const AFFINE = 6;
export const EXPRESSION = 16;
export const KEYPOINTS = 8;
export const CODES = 8;
export const ANCHOR_SYMBOLS = 2 * KEYPOINTS + CODES;
export const SYMBOLS = AFFINE + EXPRESSION + ANCHOR_SYMBOLS;
export const SHAPE_COEFFICIENTS = 64;
export const SHAPE_SYMBOLS = AFFINE + SHAPE_COEFFICIENTS;
export const MASK_SIDE = 32;

/**
 * One frame's motion code in real numbers, relative to its reference. affine: 6, (a, b, tx, c, d, ty) in -1..1
 * picture coordinates. expression: 16. keypoints: 8 x 2 (x first), difference to the reference's keypoints. codes: 8,
 * difference.
 * @typedef {Readonly<{affine: Float32Array, expression: Float32Array, keypoints: Float32Array,
 *   codes: Float32Array}>} MotionValues
 */

/**
 * The parts of 46 numbers, as views into the same memory.
 * @param {Float32Array} vector 46 numbers in the order of the bitstream.
 * @returns {MotionValues}
 */
export function motionValues(vector) {
  const keypointsAt = AFFINE + EXPRESSION;
  const codesAt = keypointsAt + 2 * KEYPOINTS;
  return Object.freeze({
    affine: vector.subarray(0, AFFINE),
    expression: vector.subarray(AFFINE, keypointsAt),
    keypoints: vector.subarray(keypointsAt, codesAt),
    codes: vector.subarray(codesAt, SYMBOLS),
  });
}

/**
 * The 46 numbers in the order of the bitstream.
 * @param {MotionValues} values
 */
export function motionVector(values) {
  const vector = new Float32Array(SYMBOLS);
  vector.set(values.affine, 0);
  vector.set(values.expression, AFFINE);
  vector.set(values.keypoints, AFFINE + EXPRESSION);
  vector.set(values.codes, AFFINE + EXPRESSION + 2 * KEYPOINTS);
  return vector;
}
