/**
 * The part of msgpack that control messages need, read with caps on everything and written in the shortest form.
 *
 * Must import errors, limits and the byte reader only: this is the bitstream's own edge, so it is written here and not
 * taken from a library. Invariant: `unpack` raises `MalformedMessage` only, in time proportional to the bytes; a map of
 * 2**32 entries is refused at its header. It accepts what shared/control.py accepts from its msgpack library.
 */

import { ByteReader, joinBytes, packUints } from "./byteReader.js";
import { MalformedMessage } from "./errors.js";
import { CONTROL_MAX_ITEMS, CONTROL_MAX_STRING_BYTES } from "./limits.js";

/** Containers inside containers, as many as Python's library follows; a message of 1150 bytes could hold more. */
const DEPTH_MAX = 1024;
const EXTENSION_CODE_MAX = 127;

/** A number that travelled as a float: kept apart, because no field of a control message may be one. */
export class Float {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/** An extension without content, the only one that fits the caps. */
export class Extension {
  /** @param {number} code */
  constructor(code) {
    this.code = code;
  }
}

/**
 * What is inside of arrays and maps is of this type too. Integers beyond 2**53 lose their last digits; no field of a
 * control message allows any that large.
 * @typedef {null | boolean | number | string | Uint8Array | Float | Extension | unknown[] | Map<string, unknown>} Value
 */

/**
 * The one value in `data`. Of equal keys of a map the last one counts; keys that are byte strings are left out, since
 * nothing asks for them.
 * @param {Uint8Array} data
 * @returns {Value}
 * @throws {MalformedMessage} Truncated, oversized, with extensions, other keys, invalid UTF-8, or bytes left over.
 */
export function unpack(data) {
  const reader = new ByteReader(data);
  const value = readValue(reader, 0);
  reader.expectEnd();
  return value;
}

/** @param {ByteReader} reader @param {number} depth @returns {Value} */
function readValue(reader, depth) {
  const head = reader.uint(1);
  if (head < 0x80) return head;
  if (head < 0x90) return readMap(reader, head & 15, depth);
  if (head < 0xa0) return readArray(reader, head & 15, depth);
  if (head < 0xc0) return readText(reader, head & 31);
  if (head >= 0xe0) return head - 256;
  return readLong(reader, head, depth);
}

/** @param {ByteReader} reader @param {number} head @param {number} depth @returns {Value} */
function readLong(reader, head, depth) {
  switch (head) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: case 0xc5: case 0xc6: return readBinary(reader, reader.uint(1 << (head - 0xc4)));
    case 0xc7: case 0xc8: case 0xc9: return readExtension(reader, reader.uint(1 << (head - 0xc7)));
    case 0xca: return new Float(viewOf(reader, 4).getFloat32(0));
    case 0xcb: return new Float(viewOf(reader, 8).getFloat64(0));
    case 0xcc: case 0xcd: case 0xce: return reader.uint(1 << (head - 0xcc));
    case 0xcf: return Number(viewOf(reader, 8).getBigUint64(0));
    case 0xd0: return viewOf(reader, 1).getInt8(0);
    case 0xd1: return viewOf(reader, 2).getInt16(0);
    case 0xd2: return viewOf(reader, 4).getInt32(0);
    case 0xd3: return Number(viewOf(reader, 8).getBigInt64(0));
    case 0xd9: case 0xda: case 0xdb: return readText(reader, reader.uint(1 << (head - 0xd9)));
    case 0xdc: case 0xdd: return readArray(reader, reader.uint(2 << (head - 0xdc)), depth);
    case 0xde: case 0xdf: return readMap(reader, reader.uint(2 << (head - 0xde)), depth);
    default: throw new MalformedMessage("msgpack with an unknown type or an extension"); // c1, d4..d8
  }
}

/** @param {ByteReader} reader @param {number} sizeBytes */
function viewOf(reader, sizeBytes) {
  const bytes = reader.take(sizeBytes);
  return new DataView(bytes.buffer, bytes.byteOffset, sizeBytes);
}

/** @param {number} count @param {number} most */
function size(count, most) {
  if (count > most) throw new MalformedMessage(`msgpack of ${count} items or bytes, at most ${most} are allowed`);
  return count;
}

/** @param {ByteReader} reader @param {number} sizeBytes */
function readBinary(reader, sizeBytes) {
  return reader.take(size(sizeBytes, CONTROL_MAX_STRING_BYTES));
}

/** @param {ByteReader} reader @param {number} sizeBytes */
function readText(reader, sizeBytes) {
  const bytes = readBinary(reader, sizeBytes);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new MalformedMessage("msgpack with a string that is not UTF-8");
  }
}

/** @param {ByteReader} reader @param {number} sizeBytes */
function readExtension(reader, sizeBytes) {
  const code = reader.uint(1);
  if (sizeBytes > 0 || code > EXTENSION_CODE_MAX) throw new MalformedMessage("msgpack with an extension");
  return new Extension(code);
}

/** @param {ByteReader} reader @param {number} count @param {number} depth */
function readArray(reader, count, depth) {
  /** @type {unknown[]} */
  const items = [];
  const inside = deeper(depth);
  for (let left = size(count, CONTROL_MAX_ITEMS); left > 0; left -= 1) items.push(readValue(reader, inside));
  return items;
}

/** @param {ByteReader} reader @param {number} count @param {number} depth */
function readMap(reader, count, depth) {
  /** @type {Map<string, unknown>} */
  const map = new Map();
  const inside = deeper(depth);
  for (let left = size(count, CONTROL_MAX_ITEMS); left > 0; left -= 1) {
    const key = readValue(reader, inside);
    const value = readValue(reader, inside);
    if (typeof key === "string") map.set(key, value);
    else if (!(key instanceof Uint8Array)) throw new MalformedMessage("msgpack with a key that is not a string");
  }
  return map;
}

/** @param {number} depth */
function deeper(depth) {
  if (depth >= DEPTH_MAX) throw new MalformedMessage(`msgpack deeper than ${DEPTH_MAX}`);
  return depth + 1;
}

/**
 * A value in the shortest form, as Python's library writes it.
 * @param {null | boolean | number | string | readonly string[]} value Integers from 0 to 65535 only.
 * @throws {RangeError} It has no place in a control message.
 */
export function pack(value) {
  if (value === null) return Uint8Array.of(0xc0);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xc3 : 0xc2);
  if (typeof value === "number") return packInteger(value);
  if (typeof value === "string") return packText(value);
  if (value.length > CONTROL_MAX_ITEMS) throw new RangeError(`a list of ${value.length} items`);
  return joinBytes([packHead(value.length, 0x90, 15, [0xdc]), ...value.map(packText)]);
}

/**
 * The header of a map of at most 15 entries; keys and values follow.
 * @param {number} entries
 */
export function packMapHead(entries) {
  return packUints([0x80 + entries, 1]);
}

/** @param {number} value */
function packInteger(value) {
  if (value < 0x80) return packUints([value, 1]);
  return value < 0x100 ? packUints([0xcc, 1], [value, 1]) : packUints([0xcd, 1], [value, 2]);
}

/** @param {string} text */
function packText(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > CONTROL_MAX_STRING_BYTES) throw new RangeError(`a text of ${bytes.length} bytes`);
  return joinBytes([packHead(bytes.length, 0xa0, 31, [0xd9, 0xda]), bytes]);
}

/**
 * Type and length: in one byte up to `most`, else with the shortest of the long types.
 * @param {number} length
 * @param {number} short
 * @param {number} most
 * @param {readonly number[]} long Types with a length of 1, 2 bytes, or of 2 bytes alone.
 */
function packHead(length, short, most, long) {
  if (length <= most) return packUints([short + length, 1]);
  if (long.length === 2 && length < 0x100) return packUints([long[0], 1], [length, 1]);
  return packUints([long[long.length - 1], 1], [length, 2]);
}
