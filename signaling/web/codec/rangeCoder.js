/**
 * Range coder: integers in, bytes out, the same bytes as shared/coding/range_coder.py.
 *
 * Must import errors only. Invariant: only integers, every intermediate value below 2**41, so doubles hold them
 * exactly. Bit operators cut to 32 bits: they are used only where both sides fit, with `>>> 0` where the sign bit may
 * be set; everything wider is multiplied and divided. Format: shared/coding/README.md, section 2.
 */

import { MalformedMessage, UserError } from "./errors.js";
import { clamp } from "./integers.js";

/** Tables rise from 0 to CDF_TOTAL. */
export const CDF_BITS = 15;
export const CDF_TOTAL = 1 << CDF_BITS;
/** Most raw bits in one step. */
export const RAW_BITS_MAX = 12;
/** An adaptive probability stays this far from 0 and from CDF_TOTAL. */
export const BIT_PROBABILITY_MIN = 128;
/** Slowest adaptation of an adaptive bit: it moves 1/32 of the way. */
export const BIT_RATE_MAX = 5;

const TOP = 2 ** 32;
const BOTTOM = 2 ** 24;
const FULL = TOP - 1;

/** One binary context: the probability of a 1 in 1/2**15, learned while coding, fast first and calm later. */
export class AdaptiveBit {
  /**
   * @param {number} probability Of a 1: BIT_PROBABILITY_MIN to CDF_TOTAL - BIT_PROBABILITY_MIN.
   * @param {number} rate 2 (new) to BIT_RATE_MAX (sure).
   */
  constructor(probability = CDF_TOTAL / 2, rate = 2) {
    this.probability = probability;
    this.rate = rate;
  }

  /**
   * Learn one bit.
   * @param {number} bit 0 or 1.
   */
  update(bit) {
    const moved = bit
      ? this.probability + ((CDF_TOTAL - this.probability) >> this.rate)
      : this.probability - (this.probability >> this.rate);
    this.probability = clamp(moved, BIT_PROBABILITY_MIN, CDF_TOTAL - BIT_PROBABILITY_MIN);
    if (this.rate < BIT_RATE_MAX) this.rate += 1;
  }
}

/** Turns symbols into bytes; `finish` ends it. */
export class RangeEncoder {
  #low = 0;
  #range = FULL;
  /** @type {number[]} */
  #output = [];

  /**
   * Code `symbol` with `cdf`: n + 1 strictly rising integers from 0 to CDF_TOTAL for the symbols 0 to n - 1.
   * @param {number} symbol
   * @param {readonly number[]} cdf
   * @throws {UserError} The table has no such symbol.
   */
  encode(symbol, cdf) {
    if (!(symbol >= 0 && symbol < cdf.length - 1)) {
      throw new UserError(`Symbol ${symbol} cannot be coded: the table has symbols 0 to ${cdf.length - 2}.`);
    }
    this.#narrow(cdf[symbol], cdf[symbol + 1] - cdf[symbol], CDF_BITS);
  }

  /**
   * Code `value` (0 to 2**bits - 1) as `bits` equally likely bits (0 to RAW_BITS_MAX).
   * @param {number} value
   * @param {number} bits
   * @throws {UserError} The value does not fit.
   */
  encodeBits(value, bits) {
    if (!(bits >= 0 && bits <= RAW_BITS_MAX && value >= 0 && value < 1 << bits)) {
      throw new UserError(`${value} cannot be coded in ${bits} raw bits (at most ${RAW_BITS_MAX} in one step).`);
    }
    this.#narrow(value, 1, bits);
  }

  /**
   * Code one bit with an adaptive context, which learns it. A 1 takes the lower part of the range.
   * @param {number} bit
   * @param {AdaptiveBit} context
   */
  encodeAdaptive(bit, context) {
    if (bit) this.#narrow(0, context.probability, CDF_BITS);
    else this.#narrow(context.probability, CDF_TOTAL - context.probability, CDF_BITS);
    context.update(bit);
  }

  /**
   * The shortest stream: at most one byte after those already settled, zero bytes at the end dropped.
   * @returns {Uint8Array}
   */
  finish() {
    let tail = Math.ceil(this.#low / BOTTOM) * BOTTOM;
    if (tail >= TOP) {
      this.#carry();
      tail -= TOP;
    }
    this.#output.push(tail / BOTTOM);
    let end = this.#output.length;
    while (end > 0 && this.#output[end - 1] === 0) end -= 1;
    return Uint8Array.from(this.#output.slice(0, end));
  }

  /**
   * @param {number} start
   * @param {number} size
   * @param {number} bits
   */
  #narrow(start, size, bits) {
    const unit = this.#range >>> bits;
    let low = this.#low + unit * start; // below 2**33
    let width = unit * size;
    if (low >= TOP) {
      this.#carry();
      low -= TOP;
    }
    while (width < BOTTOM) {
      this.#output.push(low >>> 24);
      low = (low << 8) >>> 0;
      width *= 256;
    }
    this.#low = low;
    this.#range = width;
  }

  #carry() {
    let position = this.#output.length - 1;
    while (this.#output[position] === 255) {
      this.#output[position] = 0;
      position -= 1;
    }
    this.#output[position] += 1;
  }
}

/** Turns bytes into symbols. Reads zeros past the end; does bounded work for any bytes. */
export class RangeDecoder {
  #data;
  #code = 0;
  #range = FULL;
  #position = 0;

  /** @param {Uint8Array} data What `RangeEncoder.finish` returned, or anything else. */
  constructor(data) {
    this.#data = data;
    for (let i = 0; i < 4; i += 1) this.#code = this.#code * 256 + this.#nextByte();
  }

  /**
   * The next symbol.
   * @param {readonly number[]} cdf
   * @throws {MalformedMessage} No encoder could have written these bytes.
   */
  decode(cdf) {
    const unit = this.#range >>> CDF_BITS;
    const target = this.#target(unit, CDF_TOTAL);
    let symbol = 0;
    let above = cdf.length - 1;
    while (above - symbol > 1) {
      const middle = (symbol + above) >> 1;
      if (cdf[middle] <= target) symbol = middle;
      else above = middle;
    }
    this.#take(unit * cdf[symbol], unit * (cdf[symbol + 1] - cdf[symbol]));
    return symbol;
  }

  /**
   * The next `bits` raw bits (0 to RAW_BITS_MAX).
   * @param {number} bits
   * @throws {MalformedMessage} As `decode` does.
   */
  decodeBits(bits) {
    const unit = this.#range >>> bits;
    const value = this.#target(unit, 1 << bits);
    this.#take(unit * value, unit);
    return value;
  }

  /**
   * The next bit of an adaptive context, which learns it.
   * @param {AdaptiveBit} context
   * @throws {MalformedMessage} As `decode` does.
   */
  decodeAdaptive(context) {
    const unit = this.#range >>> CDF_BITS;
    const bit = this.#target(unit, CDF_TOTAL) < context.probability ? 1 : 0;
    if (bit) this.#take(0, unit * context.probability);
    else this.#take(unit * context.probability, unit * (CDF_TOTAL - context.probability));
    context.update(bit);
    return bit;
  }

  /**
   * Check the end.
   * @throws {MalformedMessage} Bytes are left over, or the last byte is a zero (never written).
   */
  finish() {
    const { length } = this.#data;
    if (length > this.#position - 3) throw new MalformedMessage("range coder: bytes after the end");
    if (length > 0 && this.#data[length - 1] === 0) throw new MalformedMessage("range coder: trailing zero byte");
  }

  /**
   * Which of `total` parts of `unit` the code lies in. The quotient of doubles cannot round up to a whole number here:
   * it is further than 2**-32 from one that it does not reach.
   * @param {number} unit
   * @param {number} total
   */
  #target(unit, total) {
    const target = Math.floor(this.#code / unit);
    if (target >= total) throw new MalformedMessage("range coder: value outside the table");
    return target;
  }

  /**
   * @param {number} offset
   * @param {number} width
   */
  #take(offset, width) {
    this.#code -= offset;
    while (width < BOTTOM) {
      this.#code = this.#code * 256 + this.#nextByte(); // below 2**32: the code is smaller than the width
      width *= 256;
    }
    this.#range = width;
  }

  #nextByte() {
    const at = this.#position;
    this.#position += 1;
    return at < this.#data.length ? this.#data[at] : 0;
  }
}
