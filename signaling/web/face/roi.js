/**
 * Turned square regions of a picture: where a face network looks, and the way back from its coordinates
 * (sender/face/roi.py).
 *
 * Must import picture arithmetic only. Invariant: `toPicture` undoes `regionTensor` exactly (up to interpolation).
 * Points are 3 numbers each, x first.
 */

import { warped } from "./image.js";

/** @import { Picture } from "./image.js" */

/**
 * angleRad: clockwise on the screen, 0 for an upright face.
 * @typedef {Readonly<{centerX: number, centerY: number, sidePx: number, angleRad: number}>} Roi
 */
/** @typedef {Readonly<{left: number, top: number, right: number, bottom: number}>} Box */

/**
 * Square about a box, `scale` times its longer side, turned so that start -> end is level.
 * @param {Box} box
 * @param {readonly [number, number]} start
 * @param {readonly [number, number]} end
 * @param {number} scale
 * @returns {Roi}
 */
export function enclosingRoi({ left, top, right, bottom }, start, end, scale) {
  return {
    centerX: (left + right) / 2,
    centerY: (top + bottom) / 2,
    sidePx: scale * Math.max(right - left, bottom - top),
    angleRad: Math.atan2(end[1] - start[1], end[0] - start[0]),
  };
}

/**
 * Bounding box of points.
 * @param {ArrayLike<number>} points
 * @param {number} stride Numbers a point.
 * @returns {Box}
 */
export function boxOf(points, stride) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < points.length; at += stride) {
    left = Math.min(left, points[at]);
    right = Math.max(right, points[at]);
    top = Math.min(top, points[at + 1]);
    bottom = Math.max(bottom, points[at + 1]);
  }
  return { left, top, right, bottom };
}

/**
 * The region as network input, size x size x 3 in 0..1; the picture's edge is repeated.
 * @param {Picture} picture
 * @param {Roi} roi
 * @param {number} size
 */
export function regionTensor(picture, roi, size) {
  return warped(picture, toPictureMatrix(roi, size), size, { scale: 1 / 255, shift: 0 });
}

/**
 * Points of a region in the picture's pixels; depth is scaled with the region.
 * @param {Float32Array} points n x 3.
 * @param {Roi} roi
 * @param {number} size
 */
export function toPicture(points, roi, size) {
  const [a, b, c, d, e, f] = toPictureMatrix(roi, size);
  const result = new Float32Array(points.length);
  for (let at = 0; at < points.length; at += 3) {
    const [x, y] = [points[at], points[at + 1]];
    result[at] = a * x + b * y + c;
    result[at + 1] = d * x + e * y + f;
    result[at + 2] = points[at + 2] * (roi.sidePx / size);
  }
  return result;
}

/** @param {Roi} roi @param {number} size */
function toPictureMatrix({ centerX, centerY, sidePx, angleRad }, size) {
  const step = sidePx / size;
  const [cos, sin] = [Math.cos(angleRad) * step, Math.sin(angleRad) * step];
  const half = size / 2;
  return [cos, -sin, centerX - half * cos + half * sin, sin, cos, centerY - half * sin - half * cos];
}
