/**
 * Reads a safetensors file of half-precision arrays: 8 bytes of header size (little-endian), a JSON header, the
 * numbers.
 *
 * Must import errors only. Invariant: every array it returns has as many numbers as its shape says, all of them finite.
 */

import { UserError } from "./errors.js";

const HEADER_AT = 8;
const HEADER_MAX_BYTES = 65_536;

/**
 * Arrays by name, widened to single precision.
 * @param {ArrayBuffer} file
 * @returns {Map<string, Float32Array>}
 * @throws {UserError} It is not such a file.
 */
export function readHalfTensors(file) {
  try {
    const view = new DataView(file);
    const headerBytes = view.getUint32(0, true);
    if (view.getUint32(4, true) !== 0 || headerBytes > HEADER_MAX_BYTES) throw new RangeError("the header is too long");
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, HEADER_AT, headerBytes)));
    delete header.__metadata__;
    const dataAt = HEADER_AT + headerBytes;
    return new Map(Object.entries(header).map(([name, entry]) => [name, readTensor(view, dataAt, entry)]));
  } catch (error) {
    throw new UserError(`The mesh basis cannot be read: ${error}. Take it from the same release as this page.`);
  }
}

/** @param {DataView} view @param {number} dataAt @param {any} entry */
function readTensor(view, dataAt, entry) {
  const { dtype, shape, data_offsets: [start, end] } = entry;
  const count = shape.reduce((/** @type {number} */ product, /** @type {number} */ side) => product * side, 1);
  if (dtype !== "F16" || end - start !== 2 * count) throw new RangeError("an array is not of half precision");
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i += 1) numbers[i] = halfFloat(view.getUint16(dataAt + start + 2 * i, true));
  return numbers;
}

/**
 * IEEE 754 binary16: sign 1, exponent 5, fraction 10.
 * @param {number} bits
 */
function halfFloat(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) throw new RangeError("a number is not finite");
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
