/**
 * Motion between two frames, for playout that shows more frames than were sent (shared/coding/interpolate.py).
 *
 * Must import errors and the layout only. Invariant: at 0 and 1 the result is exactly the earlier and the later frame.
 * Every product and sum is rounded to single precision, as numpy does, so that both ends show the same numbers.
 */

import { UserError } from "./errors.js";
import { clamp } from "./integers.js";

/** @import { MotionValues } from "./motionLayout.js" */

/**
 * Values at `fraction` of the way (0: earlier, 1: later; clamped), linear in every number. Both must be relative to the
 * same keyframe.
 * @param {MotionValues} earlier
 * @param {MotionValues} later
 * @param {number} fraction
 * @returns {MotionValues}
 * @throws {UserError} The fraction is NaN.
 */
export function interpolateMotion(earlier, later, fraction) {
  if (Number.isNaN(fraction)) {
    throw new UserError("Cannot interpolate motion at a fraction that is NaN: the playout clock is broken.");
  }
  const weight = clamp(fraction, 0, 1);
  const rest = Math.fround(1 - weight);
  const share = Math.fround(weight);

  /** @param {Float32Array} start @param {Float32Array} end */
  function between(start, end) {
    return start.map((value, i) => Math.fround(rest * value) + Math.fround(share * end[i]));
  }

  return Object.freeze({
    affine: between(earlier.affine, later.affine),
    expression: between(earlier.expression, later.expression),
    keypoints: between(earlier.keypoints, later.keypoints),
    codes: between(earlier.codes, later.codes),
  });
}
