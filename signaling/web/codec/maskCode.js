/**
 * The person mask of a keyframe: 32 x 32 bits, row by row, each with an adaptive context of four neighbours
 * (shared/coding/mask_code.py).
 *
 * Must import the coding modules below it only. Invariant: decode(encode(mask)) equals mask; decoding codes exactly
 * 1024 bits whatever the bytes are. Format: shared/coding/README.md, section 7.
 */

import { UserError } from "./errors.js";
import { MASK_SIDE } from "./motionLayout.js";
import { AdaptiveBit, RangeDecoder, RangeEncoder } from "./rangeCoder.js";

/** @import { CodingTables } from "./tables.js" */

const PIXELS = MASK_SIDE * MASK_SIDE;

/**
 * Code a mask.
 * @param {Uint8Array} mask 32 x 32 zeros and ones, row by row.
 * @param {CodingTables} tables
 * @throws {UserError} Anything else.
 */
export function encodeMask(mask, tables) {
  if (mask.length !== PIXELS || mask.some((bit) => bit > 1)) {
    throw new UserError(`A mask is ${MASK_SIDE} x ${MASK_SIDE} zeros and ones.`);
  }
  const contexts = contextsOf(tables);
  const encoder = new RangeEncoder();
  mask.forEach((bit, at) => encoder.encodeAdaptive(bit, contexts[contextIndex(mask, at)]));
  return encoder.finish();
}

/**
 * The mask: 32 x 32 zeros and ones, row by row.
 * @param {Uint8Array} data
 * @param {CodingTables} tables
 * @throws {MalformedMessage} Bytes that `encodeMask` could not have written.
 */
export function decodeMask(data, tables) {
  const contexts = contextsOf(tables);
  const decoder = new RangeDecoder(data);
  const mask = new Uint8Array(PIXELS);
  for (let at = 0; at < PIXELS; at += 1) mask[at] = decoder.decodeAdaptive(contexts[contextIndex(mask, at)]);
  decoder.finish();
  return mask;
}

/**
 * Context 0..15 of a position: left | above left | above | above right, each 0 outside the picture.
 * @param {Uint8Array} mask
 * @param {number} at
 */
function contextIndex(mask, at) {
  const x = at % MASK_SIDE;
  const above = at - MASK_SIDE;
  const left = x > 0 ? mask[at - 1] : 0;
  if (above < 0) return left << 3;
  const aboveLeft = x > 0 ? mask[above - 1] : 0;
  const aboveRight = x < MASK_SIDE - 1 ? mask[above + 1] : 0;
  return (left << 3) | (aboveLeft << 2) | (mask[above] << 1) | aboveRight;
}

/** @param {CodingTables} tables */
function contextsOf(tables) {
  return tables.mask.probability.map((probability) => new AdaptiveBit(probability, tables.mask.rate));
}
