/**
 * Media time on the wire: 24 bits of milliseconds, and sequence numbers of 16 bits, both wrapping
 * (shared/media_time.py).
 *
 * Must import limits and integers only. Invariant: `unwrap(wrap(t), near) === t` for every t closer to `near` than
 * half a turn (RFC 1982, serial number arithmetic). Unwrapped times are doubles: exact for the first 285 000 years of
 * a call.
 */

import { modulo } from "./integers.js";
import { MEDIA_WRAP_MS } from "./limits.js";

/** Bundle sequence numbers are 16 bits. */
export const SEQ_WRAP = 1 << 16;

/**
 * A media time as it travels: 0 to MEDIA_WRAP_MS - 1.
 * @param {number} mediaMs
 */
export function wrapMs(mediaMs) {
  return modulo(mediaMs, MEDIA_WRAP_MS);
}

/**
 * The integer congruent to `value` modulo `turn` that is nearest to `near` (may be negative).
 * @param {number} value
 * @param {number} near
 * @param {number} turn
 */
export function unwrap(value, near, turn) {
  const half = turn / 2;
  return near + modulo(value - near + half, turn) - half;
}

/**
 * The media time that `wrappedMs` stands for, nearest to `nearMs`; itself when nothing is known yet (null).
 * @param {number} wrappedMs
 * @param {number | null} nearMs
 */
export function unwrapMs(wrappedMs, nearMs) {
  return nearMs === null ? wrappedMs : unwrap(wrappedMs, nearMs, MEDIA_WRAP_MS);
}

/**
 * The running number of bundle `seq`, nearest to `near`; itself when nothing is known yet (null).
 * @param {number} seq
 * @param {number | null} near
 */
export function unwrapSeq(seq, near) {
  return near === null ? seq : unwrap(seq, near, SEQ_WRAP);
}
