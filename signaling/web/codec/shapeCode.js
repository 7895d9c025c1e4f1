/**
 * What a keyframe carries beside its picture: the shape code (70 symbols) and the anchors (24), coded as they are
 * (shared/coding/shape_code.py). Which of the two it is, the plan says: `tables.shape` or `tables.anchors`.
 *
 * Must import the coding modules below it only. Invariant: as for the motion code; each decodes alone, with no state
 * from before. Format: shared/coding/README.md, section 6.
 */

import { clamp } from "./integers.js";
import { checkedSymbols } from "./quantiser.js";
import { RangeDecoder, RangeEncoder } from "./rangeCoder.js";
import { decodeValue, encodeValue } from "./valueCode.js";

/** @import { SymbolPlan } from "./tables.js" */
/** @import { LadderRung } from "./valueCode.js" */

/**
 * Code as many symbols as the plan has.
 * @param {Int16Array} symbols
 * @param {SymbolPlan} plan
 * @param {readonly LadderRung[]} ladder
 * @throws {UserError} Symbols outside their ranges.
 */
export function encodeSymbols(symbols, plan, ladder) {
  const encoder = new RangeEncoder();
  checkedSymbols(symbols, plan).forEach((symbol, i) => encodeValue(encoder, symbol, ladder[plan.absolute[i]]));
  return encoder.finish();
}

/**
 * As many symbols as the plan has, inside its ranges.
 * @param {Uint8Array} data
 * @param {SymbolPlan} plan
 * @param {readonly LadderRung[]} ladder
 * @throws {MalformedMessage} Bytes that `encodeSymbols` could not have written.
 */
export function decodeSymbols(data, plan, ladder) {
  const decoder = new RangeDecoder(data);
  const symbols = new Int16Array(plan.size);
  for (let i = 0; i < plan.size; i += 1) {
    symbols[i] = clamp(decodeValue(decoder, ladder[plan.absolute[i]]), plan.minimum[i], plan.maximum[i]);
  }
  decoder.finish();
  return symbols;
}
