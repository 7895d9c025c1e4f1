/**
 * One signed integer with one rung of the ladder of scales: table symbol, escape, raw low bits
 * (shared/coding/value_code.py).
 *
 * Must import the range coder, errors and limits only. Invariant: every value of -MOTION_DELTA_MAX..MOTION_DELTA_MAX
 * can be coded with every rung, and decoding takes at most five steps whatever the bytes are. All numbers are small,
 * so 32-bit operators are exact; `>>` rounds down also for negative ones. Format: shared/coding/README.md, section 4.
 */

import { MalformedMessage, UserError } from "./errors.js";
import { MOTION_DELTA_MAX } from "./limits.js";

/** @import { RangeDecoder, RangeEncoder } from "./rangeCoder.js" */

/** Largest absolute value (after the raw low bits are taken off) that has a table symbol of its own. */
export const DIRECT_MAX = 15;
export const TABLE_SYMBOLS = 2 * DIRECT_MAX + 2;
const ESCAPE = TABLE_SYMBOLS - 1;
const ESCAPE_CLASS_BITS = 3;
/** Escape class c (3 raw bits) is followed by c + 2 raw bits. */
const ESCAPE_FIRST_BITS = 2;
const ESCAPE_SHIFT = DIRECT_MAX + 1 - (1 << ESCAPE_FIRST_BITS);
/** Costs are integers in 1/256 bit, so that every encoder makes the same choice. */
const COST_ONE_BIT = 256;

/**
 * One rung of the ladder. cdf: TABLE_SYMBOLS + 1 integers. lowBits: bits of each value sent raw (wide rungs). cost:
 * TABLE_SYMBOLS integers, price of each table symbol in 1/256 bit.
 * @typedef {Readonly<{cdf: readonly number[], lowBits: number, cost: readonly number[]}>} LadderRung
 */

/**
 * Code `value`.
 * @param {RangeEncoder} encoder
 * @param {number} value
 * @param {LadderRung} rung
 * @throws {UserError} Beyond MOTION_DELTA_MAX.
 */
export function encodeValue(encoder, value, rung) {
  if (!(value >= -MOTION_DELTA_MAX && value <= MOTION_DELTA_MAX)) {
    throw new UserError(`Value ${value} cannot be coded: the format ends at ${MOTION_DELTA_MAX}. Clamp it first.`);
  }
  const high = value >> rung.lowBits;
  if (Math.abs(high) <= DIRECT_MAX) {
    encoder.encode(high + DIRECT_MAX, rung.cdf);
  } else {
    encoder.encode(ESCAPE, rung.cdf);
    encodeEscape(encoder, high);
  }
  if (rung.lowBits) encoder.encodeBits(value & ((1 << rung.lowBits) - 1), rung.lowBits);
}

/**
 * @param {RangeEncoder} encoder
 * @param {number} high
 */
function encodeEscape(encoder, high) {
  const rest = Math.abs(high) - ESCAPE_SHIFT;
  const bits = 31 - Math.clz32(rest);
  encoder.encodeBits(high < 0 ? 1 : 0, 1);
  encoder.encodeBits(bits - ESCAPE_FIRST_BITS, ESCAPE_CLASS_BITS);
  encoder.encodeBits(rest - (1 << bits), bits);
}

/**
 * The next value, within MOTION_DELTA_MAX.
 * @param {RangeDecoder} decoder
 * @param {LadderRung} rung
 * @throws {MalformedMessage} Anything else.
 */
export function decodeValue(decoder, rung) {
  const symbol = decoder.decode(rung.cdf);
  let value = symbol === ESCAPE ? decodeEscape(decoder) : symbol - DIRECT_MAX;
  if (rung.lowBits) value = (value << rung.lowBits) + decoder.decodeBits(rung.lowBits);
  if (Math.abs(value) > MOTION_DELTA_MAX) throw new MalformedMessage("value past the end of the format");
  return value;
}

/** @param {RangeDecoder} decoder */
function decodeEscape(decoder) {
  const negative = decoder.decodeBits(1);
  const bits = decoder.decodeBits(ESCAPE_CLASS_BITS) + ESCAPE_FIRST_BITS;
  const size = decoder.decodeBits(bits) + (1 << bits) + ESCAPE_SHIFT;
  return negative ? -size : size;
}

/**
 * Price of a value in 1/256 bit: its table symbol and 256 for each raw bit.
 * @param {number} value Within MOTION_DELTA_MAX.
 * @param {LadderRung} rung
 */
export function valueCost(value, rung) {
  const size = value >> rung.lowBits;
  if (Math.abs(size) <= DIRECT_MAX) return rung.cost[size + DIRECT_MAX] + COST_ONE_BIT * rung.lowBits;
  const bits = 31 - Math.clz32(Math.abs(size) - ESCAPE_SHIFT);
  return rung.cost[ESCAPE] + COST_ONE_BIT * (rung.lowBits + 1 + ESCAPE_CLASS_BITS + bits);
}
