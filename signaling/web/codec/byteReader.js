/**
 * Big-endian integers: packed for sending, and read from received bytes by a cursor that cannot run past their end
 * (shared/byte_reader.py).
 *
 * Must import errors only. Invariant: every failure of reading is a `MalformedMessage`. Integers are at most 4 bytes
 * and put together by multiplication, since `<<` would make the fourth byte a sign.
 */

import { MalformedMessage } from "./errors.js";

/** Reads big-endian unsigned integers and byte runs, front to back. */
export class ByteReader {
  #data;
  #at = 0;

  /** @param {Uint8Array} data */
  constructor(data) {
    this.#data = data;
  }

  /** Bytes not read yet. */
  get remaining() {
    return this.#data.length - this.#at;
  }

  /**
   * The next `count` bytes, a view into the data.
   * @param {number} count
   * @throws {MalformedMessage} There are fewer.
   */
  take(count) {
    if (count > this.remaining) {
      throw new MalformedMessage(`truncated: ${count} bytes wanted, ${this.remaining} left`);
    }
    const piece = this.#data.subarray(this.#at, this.#at + count);
    this.#at += count;
    return piece;
  }

  /**
   * The next big-endian unsigned integer.
   * @param {number} sizeBytes 1 to 4.
   * @throws {MalformedMessage} There are fewer bytes.
   */
  uint(sizeBytes) {
    let value = 0;
    for (const byte of this.take(sizeBytes)) value = value * 256 + byte;
    return value;
  }

  /** Everything that is left. */
  rest() {
    return this.take(this.remaining);
  }

  /** @throws {MalformedMessage} Bytes are left over. */
  expectEnd() {
    if (this.remaining) throw new MalformedMessage(`${this.remaining} bytes too many`);
  }
}

/**
 * A big-endian unsigned integer as bytes.
 * @param {number} value
 * @param {number} sizeBytes 1 to 4.
 * @throws {RangeError} It does not fit.
 */
export function uintBytes(value, sizeBytes) {
  if (!(Number.isInteger(value) && value >= 0 && value < 256 ** sizeBytes)) {
    throw new RangeError(`${value} does not fit ${sizeBytes} bytes`);
  }
  return Uint8Array.from({ length: sizeBytes }, (_, i) => Math.floor(value / 256 ** (sizeBytes - 1 - i)) % 256);
}

/**
 * `[value, sizeBytes]` pairs as big-endian unsigned integers.
 * @param {...readonly [number, number]} fields
 * @throws {RangeError} One does not fit.
 */
export function packUints(...fields) {
  return joinBytes(fields.map(([value, sizeBytes]) => uintBytes(value, sizeBytes)));
}

/**
 * Byte runs one after the other.
 * @param {readonly Uint8Array[]} pieces
 */
export function joinBytes(pieces) {
  const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
